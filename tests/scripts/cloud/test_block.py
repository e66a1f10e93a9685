"""Volumes as loop devices, seen through a folder that stands for a box's /dev."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.cloud import block
from stacks.errors import CloudError

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not Path("/dev/loop-control").exists(), reason="needs root")


@pytest.fixture
def dev(tmp_path: Path) -> Path:
    folder = tmp_path / "dev"
    folder.mkdir()
    return folder


@pytest.fixture
def image(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "volumes/7.img"
    block.make(file, 1)
    yield file
    block.remove(file)


def link(dev: Path) -> Path:
    return dev / "disk/by-id/scsi-0Linode_Volume_daybox-tiny"


def test_a_volume_takes_no_more_of_the_disk_than_is_on_it(image: Path) -> None:
    assert (image.stat().st_size, image.stat().st_blocks) == (1 << 30, 0)


def test_a_box_finds_a_block_device_by_the_volumes_name(dev: Path, image: Path) -> None:
    block.plug(dev, {"daybox-tiny": str(image)})
    assert stat.S_ISBLK(link(dev).stat().st_mode)
    assert link(dev).resolve().parent == dev
    assert os.stat(link(dev)).st_rdev == os.stat(block.loops(image)[0]).st_rdev


def test_plugged_in_again_it_is_the_same_device(dev: Path, image: Path) -> None:
    for _ in range(2):
        block.plug(dev, {"daybox-tiny": str(image)})
    assert len(block.loops(image)) == 1


def test_pulled_out_it_is_gone_from_the_box_and_this_machine_keeps_its_own(dev: Path, image: Path) -> None:
    block.plug(dev, {"daybox-tiny": str(image)})
    [ours] = block.loops(image)
    block.plug(dev, {})
    assert [path for path in dev.rglob("*") if not path.is_dir()] == []
    assert Path(ours).is_block_device()


def test_it_grows_while_it_is_plugged_in(dev: Path, image: Path) -> None:
    block.plug(dev, {"daybox-tiny": str(image)})
    block.make(image, 2)
    with open(block.loops(image)[0], "rb") as device:
        assert device.seek(0, os.SEEK_END) == 2 << 30


def test_it_never_shrinks(image: Path) -> None:
    block.make(image, 2)
    block.make(image, 1)
    assert image.stat().st_size == 2 << 30


def test_removed_it_leaves_neither_file_nor_device(dev: Path, image: Path) -> None:
    block.plug(dev, {"daybox-tiny": str(image)})
    [ours] = block.loops(image)
    block.remove(image)
    assert not image.exists()
    assert Path(f"/sys/block/{Path(ours).name}/loop").exists() is False


def test_what_cannot_be_a_device_is_an_error_with_a_way_out(dev: Path, tmp_path: Path) -> None:
    with pytest.raises(CloudError, match="local cloud: losetup: "):
        block.plug(dev, {"daybox-tiny": str(tmp_path / "nowhere.img")})
