"""The part `libraries`: the Python libraries of daybox in .venv, pinned and hashed."""

import subprocess
import sys
from pathlib import Path

from scripts.installer import uv
from scripts.installer.job import FOR_CHANGES, Job
from scripts.installer.lane import Lane
from scripts.installer.pins import REPOSITORY, VENV
from scripts.installer.stamps import digest, stamp_of, write_stamp

RUNTIME = (REPOSITORY / "requirements.txt",)
# The second holds all of the first, in the same versions.
FOR_TESTS = (*RUNTIME, REPOSITORY / "requirements-dev.txt")


def ask(job: Job) -> str | None:
    """What is in .venv, if it is all that `job` needs."""
    enough = [FOR_TESTS] if job in FOR_CHANGES else [RUNTIME, FOR_TESTS]
    if stamp_of(VENV) not in map(made_from, enough) or not uv.PYTHON.exists():
        return None
    return f"{len(list(VENV.glob('lib/python*/site-packages/*.dist-info')))} libraries in .venv"


def act(lane: Lane) -> None:
    """Make .venv if it is not there or its Python has gone, then bring what is missing."""
    if not is_sound(VENV):
        lane.run(sys.executable, "-m", "venv", "--clear", VENV)
    if not uv.UV.exists():
        uv.bring_uv(lane)
    lists = FOR_TESTS if lane.job in FOR_CHANGES else RUNTIME
    uv.install(lane, uv.PYTHON, lists[-1])
    write_stamp(VENV, made_from(lists))


def made_from(lists: tuple[Path, ...]) -> str:
    """The stamp of .venv made from `lists`. Its place counts: a copied environment starts the original's programs."""
    return digest(str(VENV), *lists)


def is_sound(venv: Path) -> bool:
    """Whether `venv` was made in this place, its Python starts, and it has pip, which Pulumi's language host calls."""
    program = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    try:
        made_here = str(venv) in (venv / "bin/activate").read_text()
        started = subprocess.run([venv / "bin/python", "-c", program], capture_output=True, check=False)
    except OSError:
        return False
    return made_here and started.returncode == 0
