"""A control group for each box: the kernel's own list of the box's processes, and one file that ends them all.

It lies at the top of the hierarchy, outside of any login session, so that a box outlives the shell that made it.
"""

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from scripts.cloud.programs import CHECKOUT

END_SECONDS = 20.0  # a killed process goes when its last write is on the disk
MOUNTS = Path("/proc/self/mountinfo")


def hierarchy() -> Path:
    """Where cgroup v2 is mounted; on hosts with both versions that is not /sys/fs/cgroup itself."""
    return mounted(MOUNTS.read_text())


def mounted(mountinfo: str) -> Path:
    """The mount point of cgroup v2 in the text of a mountinfo file."""
    for line in mountinfo.splitlines():
        place, _, kind = line.partition(" - ")
        if kind.startswith("cgroup2 "):
            return Path(place.split()[4])
    raise OSError("no cgroup v2 is mounted")


def folder(box_id: int) -> Path:
    """The control group of a box."""
    return hierarchy() / f"daybox-{box_id}"


def start_in(group: Path, log: Path, *words: str) -> None:
    """Start a Python module of ours in the group, on its own: not our child, not in our session. Returns at once."""
    group.mkdir(exist_ok=True)
    with log.open("ab") as output:
        subprocess.run(
            # The shell enters the group before it forks, so whatever empties the group later finds the process there.
            ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec setsid --fork "$@"', group, sys.executable, "-m", *words],
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=True,
        )


def is_empty(group: Path) -> bool:
    """Whether no process is left in the group or below it."""
    try:
        return "populated 0" in (group / "cgroup.events").read_text()
    except FileNotFoundError:
        return True


def end(group: Path) -> bool:
    """Kill every process of the group and remove it. False if some are still there after a while."""
    deadline = time.monotonic() + END_SECONDS
    while group.exists():
        if time.monotonic() > deadline:
            return False
        with suppress(OSError):  # it goes away while we look, or is not empty yet
            (group / "cgroup.kill").write_text("1")  # Linux 5.14
            _remove(group)
        time.sleep(0.01)
    return True


def _remove(group: Path) -> None:
    for folder, _, _ in os.walk(group, topdown=False):
        os.rmdir(folder)
