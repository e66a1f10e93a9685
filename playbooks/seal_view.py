"""The file system as a sealed client sees it: without ways out, without secrets.

Made by the first process of the client's mounts, which are its own.
"""

import os
import pwd
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from playbooks import seal_kernel as kernel
from playbooks.seal_hidden import DISKS, LOOKED_FOR, inside, kind_of, places, real_places, steps_to, with_neighbours

RUNTIME = "/run/user/{uid}"
# What root may write without any capability: programs that the kernel starts outside, and switches of the laptop.
CORE_PATTERN = "/proc/sys/kernel/core_pattern"
ROOTS = ("/proc/sys", "/proc/sysrq-trigger")


@dataclass(frozen=True)
class Shown:
    """What is seen in a covered place all the same: a link and where it leads, or what `descriptor` holds."""

    path: str
    link: str
    descriptor: int


def make_view(hidden: Iterable[Path], kept: Iterable[Path], sockets: Sequence[str]) -> None:
    """Cover what is to be covered and show again what is to stay. Raises OSError, ValueError.

    sockets: where they were when the seal was begun.
    """
    kernel.own_mounts()
    for path in with_neighbours(sockets):
        hide_socket(path)
    make_folders(places("~", os.getuid(), made=True))
    covered = real_places([*(place for home in homes() for place in places(home, os.getuid())), *map(str, hidden)])
    here = checked(os.path.realpath(os.getcwd()), covered)
    seen = [*LOOKED_FOR, *DISKS, *os.environ.get("PATH", "").split(os.pathsep)]
    steps = [*map(os.path.realpath, kept), *(step for path in seen for step in steps_to(path, covered))]
    shown = [step_held(path) for path in sorted(set(steps))]
    for place in covered:
        hide(place)
    if inside(RUNTIME, covered) and os.path.isdir("/run"):
        os.makedirs(RUNTIME.format(uid=os.getuid()), mode=0o700)  # XDG_RUNTIME_DIR: programs expect one
    for row in shown:
        show(row)
    if inside(here, covered):
        os.chdir(here)  # by the new way: from the old one `..` would lead behind the cover
    kernel.mount_proc()
    if os.access(CORE_PATTERN, os.W_OK):  # for no other user: with this no /proc is mounted in a sandbox in the seal
        for path in ROOTS:
            kernel.protect(path)


def homes() -> set[str]:
    """The user's home by the variable, and by the laptop's own list: ssh goes by the latter."""
    found = {str(Path.home())}
    with suppress(KeyError):  # a number without a name, as in containers
        found.add(pwd.getpwuid(os.getuid()).pw_dir)
    return found


def make_folders(paths: Iterable[str]) -> None:
    """Make those that are not there, the user's own; what cannot be made, its program could not make either."""
    for path in paths:
        with suppress(OSError):
            os.mkdir(path, 0o700)


def checked(here: str, covered: Sequence[str]) -> str:
    """The folder the client is started in. Raises ValueError if it would not be seen."""
    if (place := inside(here, covered)) and not inside(here, DISKS):
        raise ValueError(f"{here} lies in {place}, which a sealed client does not see")
    return here


def hide(place: str) -> None:
    """Cover a folder with an empty one, anything else with nothing at all."""
    kind = kind_of(place)
    if kind == "folder":
        kernel.cover(place)
    elif kind == "file":
        kernel.bind("/dev/null", place)


def hide_socket(path: str) -> None:
    """Have nothing answer at `path`, if a socket is there.

    Another user may have a socket named so and since put there, by a link, a folder of ours: what was looked at is
    what is covered, whatever the name leads to a moment later.
    """
    try:
        descriptor = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:  # gone, or not ours to see: a client sees no more
        return
    try:
        if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            with suppress(FileNotFoundError):  # gone meanwhile
                kernel.bind("/dev/null", f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def step_held(path: str) -> Shown:
    """What is there now, so that it can be shown when it is covered."""
    if os.path.islink(path):
        return Shown(path, os.readlink(path), -1)
    return Shown(path, "", os.open(path, os.O_PATH | os.O_CLOEXEC))


def show(row: Shown) -> None:
    """Have it again where it was; nothing to do where a folder that was shown before has it, or nothing covers it."""
    if not os.path.lexists(row.path):
        os.makedirs(os.path.dirname(row.path), mode=0o700, exist_ok=True)
        if row.link:
            os.symlink(row.link, row.path)
        else:
            lay(row.descriptor, row.path)
    if not row.link:
        os.close(row.descriptor)


def lay(descriptor: int, path: str) -> None:
    """Have `path`, where nothing is, be what the descriptor holds."""
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        os.mkdir(path, 0o700)
    else:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    kernel.bind(f"/proc/self/fd/{descriptor}", path)
