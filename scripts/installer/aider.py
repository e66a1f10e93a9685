"""The part `aider`: aider in an environment of its own, because it pins litellm and a hundred other libraries."""

import shutil
from pathlib import Path

from scripts.installer import uv
from scripts.installer.failure import SetupError
from scripts.installer.job import Job
from scripts.installer.lane import Lane
from scripts.installer.paths import aider_bin
from scripts.installer.pins import AIDER, AIDER_PYTHON, REPOSITORY
from scripts.installer.stamps import digest, stamp_of, write_stamp

LIST = REPOSITORY / "requirements-aider.txt"


def ask(job: Job) -> str | None:
    """aider's version and place, if it is the pinned one."""
    home = aider_bin().parent
    if stamp_of(home) != digest(str(home), LIST) or not (home / "bin/python").exists():
        return None
    return f"aider {AIDER} in {home}"


def act(lane: Lane) -> None:
    """Make its environment anew and fill it."""
    home = aider_bin().parent
    shutil.rmtree(home, ignore_errors=True)
    make_environment(lane, home)
    uv.install(lane, home / "bin/python", LIST)
    write_stamp(home, digest(str(home), LIST))


def make_environment(lane: Lane, home: Path) -> None:
    """An environment on a Python that aider accepts: ours, another of this laptop, else one that uv fetches."""
    try:
        lane.run(uv.UV, "venv", "--python", AIDER_PYTHON, home, env=uv.settings())
    except SetupError as error:
        raise SetupError(
            f"aider: needs Python {AIDER_PYTHON}: {lane.last_line()}", hint="install Python 3.12 and run this again"
        ) from error
