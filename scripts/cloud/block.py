"""Volumes as real block devices: a sparse file, a loop device over it, and its node in a box's /dev.

A box of the local cloud has no bus on which a disk could appear: what udev would do there is done from here.
"""

import os
import stat
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from stacks.errors import CloudError

BY_ID = "disk/by-id"
PREFIX = "scsi-0Linode_Volume_"
GIB = 2**30


def make(image: Path, size_gib: int) -> None:
    """Have a file of that size; it takes as much disk as is written to it. One that is there grows."""
    image.parent.mkdir(parents=True, exist_ok=True)
    with image.open("ab") as file:
        file.truncate(max(size_gib * GIB, file.tell()))
    for loop in loops(image):
        losetup("--set-capacity", loop)


def remove(image: Path) -> None:
    """Let go of the file and delete it."""
    release(image)
    image.unlink(missing_ok=True)


def release(image: Path) -> None:
    """Take its loop devices away: those in use go when their last user does."""
    for loop in loops(image):
        losetup("--detach", loop)


def loops(image: Path) -> list[str]:
    """The loop devices over the file."""
    return losetup("--associated", image, "--noheadings", "--raw", "--output", "NAME").split() if image.exists() else []


def losetup(*words: str | Path) -> str:
    """What losetup prints. Raises CloudError with its last words."""
    done = subprocess.run(["losetup", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip() or "no word").splitlines()[-1]
        raise CloudError(f"local cloud: losetup: {said}", hint="volumes need loop devices; see `losetup --list`")
    return done.stdout


def plug(dev: Path, volumes: Mapping[str, str]) -> None:
    """Have exactly these volumes in a box. dev: its /dev, seen from here; volumes: label -> file."""
    folder = dev / BY_ID
    for link in folder.glob(f"{PREFIX}*"):
        if link.name.removeprefix(PREFIX) not in volumes:
            (dev / Path(os.readlink(link)).name).unlink(missing_ok=True)  # never the target itself: that is ours
            link.unlink()
    for label, image in volumes.items():
        link = folder / f"{PREFIX}{label}"
        if not link.is_symlink():
            folder.mkdir(parents=True, exist_ok=True)
            link.symlink_to(f"../../{node(dev, Path(image))}")


def node(dev: Path, image: Path) -> str:
    """The name in `dev` of a device over the file, made if it is not there."""
    found = loops(image)
    loop = Path(found[0] if found else losetup("--find", "--show", image).strip())
    with suppress(FileExistsError):
        os.mknod(dev / loop.name, stat.S_IFBLK | 0o600, loop.stat().st_rdev)
    return loop.name
