"""Boxes that are not there, and what is written before one is. Real ones: tests/e2e/test_boxes.py."""

from pathlib import Path

import pytest

from scripts.cloud import cgroup
from scripts.cloud.box_folder import BoxFolder, Facts
from scripts.cloud.boxes import Boxes
from scripts.cloud.nspawn import NspawnBoxes
from stacks.errors import CloudError

BOX = 12_345_678


@pytest.fixture
def boxes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NspawnBoxes:
    monkeypatch.setattr(cgroup, "folder", lambda box_id: tmp_path / f"group-{box_id}")
    monkeypatch.setenv("DAYBOX_CACHE", str(tmp_path / "cache"))
    return NspawnBoxes(tmp_path / "boxes")


def test_they_are_what_the_double_asks_for(boxes: NspawnBoxes) -> None:
    asked: Boxes = boxes
    assert asked.state(BOX) == "gone"
    assert asked.address(BOX) is None


@pytest.mark.parametrize("deed", ["boot", "shutdown", "reboot", "delete"])
def test_a_deed_on_a_box_that_is_not_there_is_no_error(
    boxes: NspawnBoxes, deed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scripts.cloud.link.remove", lambda _box_id: None)
    getattr(boxes, deed)(BOX)
    assert boxes.state(BOX) == "gone"


def test_rules_may_come_before_the_box(boxes: NspawnBoxes) -> None:
    boxes.set_rules(BOX, [], "DROP")
    assert BoxFolder(boxes.folder / str(BOX)).rules() == ([], "DROP")
    assert boxes.state(BOX) == "gone"


def test_a_box_without_processes_is_offline_whatever_its_files_say(boxes: NspawnBoxes) -> None:
    box = BoxFolder(boxes.folder / str(BOX))
    box.make()
    box.write_facts(Facts(BOX, "a-box", 4, 4100, 5.0, "/rootfs", {}))
    box.write("state", "running")
    assert boxes.state(BOX) == "offline"
    assert boxes.address(BOX) == "198.51.100.6"


def test_an_unprepared_cloud_says_how_to_prepare_it(boxes: NspawnBoxes) -> None:
    with pytest.raises(CloudError) as caught:
        boxes.create(BOX, label="a", user_data=b"", authorized_keys=[], lassie=True, api_port=1)
    assert caught.value.line() == ("local cloud: its boxes have no root file system; run: scripts/setup try")
