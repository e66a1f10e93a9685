"""The part `cloud`: what the local cloud's boxes are made of. scripts/cloud knows how; here it is only called."""

import subprocess

from scripts.installer import uv
from scripts.installer.job import Job
from scripts.installer.lane import Lane
from scripts.installer.pins import REPOSITORY

PREPARE = ("-m", "scripts.cloud", "prepare")


def ask(job: Job) -> str | None:
    """That all of it is prepared, as the local cloud itself says."""
    try:
        asked = subprocess.run([uv.PYTHON, *PREPARE, "--check"], cwd=REPOSITORY, capture_output=True, check=False)
    except OSError:
        return None  # .venv is not there yet
    return "root file system, image, model, vLLM" if asked.returncode == 0 else None


def act(lane: Lane) -> None:
    """Prepare what is missing."""
    lane.run(uv.PYTHON, *PREPARE, cwd=REPOSITORY)
