"""The only door to other programs while the local cloud is prepared: their output is kept, and none outlives us."""

import os
import shutil
import subprocess
from pathlib import Path

from stacks.errors import CloudError

CHECKOUT = Path(__file__).resolve().parents[2]
_running: set[subprocess.Popen[str]] = set()


def run(*argv: str | Path, part: str, **environment: str) -> str:
    """Run a program to its end and return all it said; `environment` comes beside our own.

    Raises CloudError with the last lines of what it said.
    """
    if shutil.which(argv[0]) is None:
        raise CloudError(f"prepare/{part}: there is no {argv[0]} here", hint="scripts/setup try brings it")
    child = _start([str(word) for word in argv], {**os.environ, **environment})
    _running.add(child)
    said, _ = child.communicate()
    _running.discard(child)
    if child.returncode != 0:
        last = " | ".join(said.strip().splitlines()[-3:])
        raise CloudError(
            f"prepare/{part}: {Path(argv[0]).name} ended with {child.returncode}: {last}",
            hint="run scripts/setup try again; what was complete is kept",
        )
    return said


def end_all() -> None:
    """End every program that still runs."""
    for child in list(_running):
        child.kill()


def _start(argv: list[str], environment: dict[str, str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        ["setpriv", "--pdeathsig=KILL", *argv],  # killed ourselves, we leave nobody writing where the next run writes
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=environment,
    )
