"""The part `npm`: Linode's own validation of API requests, which tests hold ours against. Only where there is node."""

import os
import shutil

from scripts.installer.job import Job
from scripts.installer.lane import Lane
from scripts.installer.paths import NPM_FILES, npm_folder


def ask(job: Job) -> str | None:
    """Where the libraries are; without node and npm none are needed, and the tests that use them are skipped."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "passed over: no node and npm on PATH, the tests that use them are skipped"
    return "@linode/validation" if (npm_folder() / "node_modules").is_dir() else None


def act(lane: Lane) -> None:
    """`npm ci` of the pinned list, in a draft folder that is moved in place when it is complete."""
    draft = npm_folder().with_name(f".draft-{os.getpid()}")
    draft.mkdir(parents=True)
    try:
        for file in NPM_FILES:
            shutil.copy(file, draft)
        lane.run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=draft)
        draft.rename(npm_folder())
    finally:
        shutil.rmtree(draft, ignore_errors=True)
