"""What the keeper does when a box ends, with boots that are only pretended."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.cloud import keeper
from scripts.cloud.box_folder import BoxFolder, Facts
from scripts.cloud.keeper import REBOOTED, Keeper, nspawn

OFF = 0
FACTS = Facts(12_345_678, "a-box", 4, 4100, lassie_seconds=0.01, rootfs="/rootfs", handed_in={"site": "/packages"})


class Over(Exception):
    """The story of the test has come to its end."""


class PretendedKeeper(Keeper):
    """Its boots end as told. A word instead of a status is what the cloud wants by then."""

    def __init__(self, folder: BoxFolder, story: list[int | str]) -> None:
        super().__init__(folder, FACTS)
        self.story = iter(story)
        self.boots = 0

    def _run(self) -> int:
        self.boots += 1
        for event in self.story:
            if isinstance(event, int):
                return event
            self.folder.write("want", event)
        raise Over


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BoxFolder]:
    monkeypatch.setattr(keeper, "GLANCE_SECONDS", 0.005)
    box = BoxFolder(tmp_path)
    box.write("want", "up")
    box.write("lassie", "on")
    yield box


def boots(folder: BoxFolder, *story: int | str) -> int:
    """How often the box is booted in the course of the story."""
    kept = PretendedKeeper(folder, list(story))
    with pytest.raises(Over):
        kept.keep()
    return kept.boots


def test_a_reboot_is_another_boot(folder: BoxFolder) -> None:
    assert boots(folder, REBOOTED, REBOOTED) == 3


def test_lassie_boots_a_box_that_powered_itself_off(folder: BoxFolder) -> None:
    assert boots(folder, OFF) == 2


def test_a_reboot_the_cloud_asked_for_is_asked_for_once(folder: BoxFolder) -> None:
    assert boots(folder, "reboot", REBOOTED) == 2
    assert folder.read("want") == "up"


@pytest.mark.parametrize(("lassie", "story"), [("off", [OFF]), ("on", ["down", OFF])], ids=["no lassie", "told to"])
def test_a_box_stays_off(
    folder: BoxFolder, lassie: str, story: list[int | str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write("lassie", lassie)
    monkeypatch.setattr("time.sleep", give_up)
    assert boots(folder, *story) == 1
    assert (folder.read("want"), folder.read("state")) == ("down", "offline")


def give_up(_seconds: float) -> None:
    raise Over


def test_the_box_sees_what_the_cloud_hands_in_read_only(folder: BoxFolder) -> None:
    assert "--bind-ro=/packages:/var/cache/daybox/site" in nspawn(FACTS, folder)


def test_the_boxs_name_gives_its_link_the_name_we_look_for(folder: BoxFolder) -> None:
    assert "--machine=dbx12345678" in nspawn(FACTS, folder)
    assert FACTS.link.name == "ve-dbx12345678"


def test_a_keeper_of_a_deleted_box_ends(tmp_path: Path) -> None:
    keeper.main(tmp_path / "gone")
