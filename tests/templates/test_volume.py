"""The on-box program `volume`, with real file systems in a file: made once, kept, grown, never made over another."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.templates.conftest import OnBox

MIB = 2**20
STATE = "var/lib/daybox"
needs_root = pytest.mark.skipif(os.geteuid() != 0 or not Path("/dev/loop-control").exists(), reason="it mounts")


@pytest.fixture
def disk(onbox: OnBox) -> Iterator[Path]:
    """A blank disk of 64 MiB, which a box finds under the name of a volume."""
    image = onbox.path("image")
    with image.open("wb") as file:
        file.truncate(64 * MIB)
    loop = said("losetup", "--find", "--show", image).strip()
    name = onbox.path("dev/disk/by-id/scsi-0Linode_Volume_daybox-tiny")
    name.symlink_to(loop)
    onbox.environment |= {"DAYBOX_DEVICE": str(name), "DAYBOX_WAIT": "0.5"}
    yield name
    for place in ("models", "vllm-cache", "volume"):
        subprocess.run(["umount", "--quiet", onbox.root / STATE / place], check=False)
    said("losetup", "--detach", loop)


def said(*words: str | Path) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def ran(onbox: OnBox) -> str:
    """What a run that must succeed printed."""
    done = onbox.run("volume")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def taken_away(onbox: OnBox) -> None:
    """As when the box ends: nothing of it is mounted any more."""
    for place in ("models", "vllm-cache", "volume"):
        said("umount", onbox.root / STATE / place)


@needs_root
def test_a_blank_volume_is_formatted_and_holds_models_and_cache(onbox: OnBox, disk: Path) -> None:
    assert "@word formatted, " in ran(onbox)
    (onbox.root / STATE / "models/weights").write_text("bytes")
    (onbox.root / STATE / "vllm-cache/graph").write_text("code")
    kept = onbox.root / STATE / "volume"
    assert sorted(path.name for path in kept.glob("*/*")) == ["graph", "weights"]


@needs_root
def test_the_next_box_finds_what_the_last_one_left(onbox: OnBox, disk: Path) -> None:
    ran(onbox)
    (onbox.root / STATE / "models/weights").write_text("bytes")
    taken_away(onbox)
    assert not (onbox.root / STATE / "models/weights").exists()
    assert "@word mounted, " in ran(onbox)
    assert (onbox.root / STATE / "models/weights").read_text() == "bytes"


@needs_root
def test_a_second_run_changes_nothing_and_says_so(onbox: OnBox, disk: Path) -> None:
    ran(onbox)
    mounts = Path("/proc/mounts").read_text()
    assert "@outcome already" in ran(onbox)
    assert Path("/proc/mounts").read_text() == mounts


@needs_root
def test_one_that_was_cut_off_between_two_mounts_goes_on(onbox: OnBox, disk: Path) -> None:
    ran(onbox)
    said("umount", onbox.root / STATE / "vllm-cache")
    ran(onbox)
    assert (onbox.root / STATE / "vllm-cache").is_mount()


@needs_root
@pytest.mark.parametrize(("make", "kind"), [("mkfs.ext2 -q", "ext2"), ("mkswap", "swap"), ("", "dos")], ids=str)
def test_whatever_else_is_on_it_is_never_formatted_over(onbox: OnBox, disk: Path, make: str, kind: str) -> None:
    image = onbox.root / "image"
    if make:
        said(*make.split(), image)
    else:
        write_partition_table(image)
    before = image.read_bytes()
    done = onbox.run("volume")
    assert done.returncode == 1
    assert f"{disk.name} holds {kind}, which is not ours: nothing was changed" in done.stderr
    assert image.read_bytes() == before


def write_partition_table(image: Path) -> None:
    """One Linux partition, as an MBR has it."""
    with image.open("r+b") as disk:
        disk.seek(446)
        disk.write(b"\0\0\0\0\x83\0\0\0" + (2048).to_bytes(4, "little") + (8192).to_bytes(4, "little"))
        disk.seek(510)
        disk.write(b"\x55\xaa")


@needs_root
def test_a_file_system_that_is_broken_is_an_error_and_stays_as_it_is(onbox: OnBox, disk: Path) -> None:
    ran(onbox)
    (onbox.root / STATE / "models/weights").write_text("bytes")
    taken_away(onbox)
    with (onbox.root / "image").open("r+b") as image:
        image.seek(4096)  # the table of block groups, behind the first superblock
        image.write(b"\xff" * 400_000)
    done = onbox.run("volume")
    assert done.returncode == 1 and done.stderr.startswith("e2fsck scsi-0Linode_Volume_daybox-tiny: ")
    assert not (onbox.root / STATE / "models").is_mount()


@needs_root
def test_one_whose_beginning_is_lost_is_not_taken_for_a_blank_one(onbox: OnBox, disk: Path) -> None:
    image = onbox.root / "image"
    with image.open("r+b") as content:
        content.truncate(600 * MIB)  # from 512 MiB on, mkfs lays it out as on any volume that can be ordered
    said("losetup", "--set-capacity", os.readlink(disk))
    ran(onbox)
    (onbox.root / STATE / "models/weights").write_text("bytes")
    taken_away(onbox)
    with image.open("r+b") as content:
        content.write(bytes(4096))
    done = onbox.run("volume")
    assert done.returncode == 1 and "is damaged at its beginning, and not blank" in done.stderr
    subprocess.run(["e2fsck", "-y", "-b", "32768", disk], capture_output=True, check=False)  # as it says
    ran(onbox)
    assert (onbox.root / STATE / "models/weights").read_text() == "bytes"


@needs_root
def test_a_larger_volume_gives_more_room(onbox: OnBox, disk: Path) -> None:
    ran(onbox)
    taken_away(onbox)
    with (onbox.root / "image").open("r+b") as image:
        image.truncate(160 * MIB)
    said("losetup", "--set-capacity", os.readlink(disk))
    assert "of 0.1 GiB free" in ran(onbox)


def test_a_volume_that_never_comes_is_an_error_with_a_way_out(onbox: OnBox) -> None:
    """Nothing is downloaded to the box's own disk instead: it would be gone with the box, and the volume bills."""
    onbox.environment |= {"DAYBOX_DEVICE": str(onbox.root / "dev/no-volume"), "DAYBOX_WAIT": "0.3"}
    done = onbox.run("volume")
    assert (done.returncode, done.stdout) == (1, "waiting for no-volume to be attached\n")
    assert done.stderr == "no-volume is not attached; `pulumi up` attaches it, then `fab bootstrap` goes on\n"


@needs_root
def test_one_that_is_attached_late_is_waited_for(onbox: OnBox, disk: Path) -> None:
    loop = os.readlink(disk)
    disk.unlink()
    program, environment = str(onbox.install("volume")), onbox.full_environment() | {"DAYBOX_WAIT": "20"}
    with subprocess.Popen([program], env=environment, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout and running.stdout.readline().startswith("waiting for")
        disk.symlink_to(loop)
        assert "@word formatted" in running.stdout.read()


def test_the_device_is_the_one_that_the_bundle_names(onbox: OnBox) -> None:
    onbox.environment |= {"DAYBOX_WAIT": "0"}
    onbox.write("opt/daybox/volume", "/dev/disk/by-id/scsi-0Linode_Volume_daybox-nowhere\n")
    assert "scsi-0Linode_Volume_daybox-nowhere is not attached" in onbox.run("volume").stderr
