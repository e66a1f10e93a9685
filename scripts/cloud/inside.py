"""Run a program once in the boxes' root file system: with its Python, offline, and with some folders handed in."""

from collections.abc import Mapping
from pathlib import Path

from scripts.cloud.programs import CHECKOUT, run

CODE = "/mnt/daybox"  # where this repository's scripts appear


def nspawn(rootfs: Path, folders: Mapping[str, Path], environment: Mapping[str, str], words: list[str]) -> list[str]:
    """The command. folders: place below /mnt -> folder on this machine, writable."""
    return [
        "systemd-nspawn",
        *("--quiet", "--register=no", "--keep-unit", "--pipe", "--resolv-conf=off"),
        *("--private-network", "--read-only", "--tmpfs=/tmp", "--tmpfs=/mnt", f"--directory={rootfs}"),
        f"--bind-ro={CHECKOUT / 'scripts/cloud'}:{CODE}/scripts/cloud",
        *(f"--bind={folder}:{place}" for place, folder in folders.items()),
        *(f"--setenv={name}={value}" for name, value in environment.items()),
        *words,
    ]


def run_inside(
    rootfs: Path, folders: Mapping[str, Path], environment: Mapping[str, str], words: list[str], *, part: str
) -> str:
    """Run it and return what it said. Raises CloudError if it fails."""
    return run(*nspawn(rootfs, folders, environment, words), part=part)
