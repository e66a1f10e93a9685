"""A box on disk, as the cloud and the keeper share it."""

from pathlib import Path

import pytest

from scripts.cloud.box_folder import BoxFolder, Facts

FACTS = Facts(12_345_678, "a-box", 8, 4100, 5.0, "/rootfs", {"site": "/packages"})


@pytest.fixture
def box(tmp_path: Path) -> BoxFolder:
    box = BoxFolder(tmp_path / "12345678")
    box.make()
    return box


def test_facts_come_back_as_they_were_written(box: BoxFolder) -> None:
    box.write_facts(FACTS)
    assert box.facts() == FACTS


def test_the_link_follows_from_the_facts() -> None:
    assert FACTS.link.box == "198.51.100.10"


def test_a_folder_without_facts_is_no_box(box: BoxFolder) -> None:
    assert box.facts() is None


def test_nobody_else_looks_into_a_box(box: BoxFolder) -> None:
    assert box.path.stat().st_mode & 0o777 == 0o700


def test_rules_that_were_never_given_are_not_empty_rules(box: BoxFolder) -> None:
    assert box.rules() is None
    box.write("rules.json", '[[], "DROP"]')
    assert box.rules() == ([], "DROP")


def test_a_file_that_is_not_there_reads_as_empty(box: BoxFolder) -> None:
    assert box.read("want") == ""


def test_writing_leaves_no_draft(box: BoxFolder) -> None:
    box.write("want", "up")
    assert [path.name for path in box.path.iterdir() if path.is_file()] == ["want"]


def test_a_removed_box_leaves_no_folder(box: BoxFolder) -> None:
    box.remove()
    assert not box.path.exists()
