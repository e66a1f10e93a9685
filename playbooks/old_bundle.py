"""What a change replaces is kept on the box, so that the very files come back if it was in vain.

Kept as they are and not made anew: they may be of another checkout than this one.
"""

import shlex
from collections.abc import Iterable

from playbooks import converge
from stacks.errors import BoxError
from stacks.printable import clean
from stacks.ssh import Target, run

KEPT = "/opt/daybox/before-change.tar"


def keep_command(paths: Iterable[str], kept: str = KEPT) -> str:
    """Shell command that keeps those of the files that are there, in their order: the stamp comes back last."""
    there = f'for path in {shlex.join(paths)}; do [ ! -e "$path" ] || echo "${{path#/}}"; done'
    draft = shlex.quote(f"{kept}.new")
    return f"set -e; umask 077; {there} | tar -cf {draft} -C / -T -; mv -f {draft} {shlex.quote(kept)}"


def put_back_command(changes: converge.Changes, kept: str = KEPT) -> str:
    """Shell command that puts them back and lets the stages that read them begin again; prints the count of events."""
    return f"set -e; tar -xpf {shlex.quote(kept)} -C /; {converge.activate(changes)}"


def keep_old(target: Target, paths: Iterable[str]) -> None:
    """Keep what is about to be replaced. Raises BoxError if that cannot be: then nothing may be replaced."""
    done = run(target, keep_command(paths))
    if done.returncode:
        said = clean((done.stderr.strip() or "no word").splitlines()[-1])
        raise BoxError(
            f"box/{target.alias}: the files of now could not be kept: {said}",
            hint="is its disk full? see `fab ssh`; nothing is changed",
        )


def put_back(target: Target, changes: converge.Changes) -> int:
    """Put the kept files back and start what reads them; returns the number of events before. Raises BoxError."""
    return converge.counted(target, put_back_command(changes))
