"""The part `clients`: the clients beside aider that the leak table tries, each in the version whose formats we know.

From npm, where there is node; and llm, from PyPI. Product code uses whatever client the user has.
"""

import os
import shutil
from pathlib import Path

from scripts.installer import uv
from scripts.installer.job import Job
from scripts.installer.lane import Lane
from scripts.installer.paths import CLIENT_FILES, clients_folder
from scripts.installer.pins import VENV

LLM_LIST = CLIENT_FILES[2]
# The only ones whose install scripts are run: without them, these two do not start. Both link a program that npm has
# brought already; neither fetches anything.
LINKERS = (
    ("node_modules/@anthropic-ai/claude-code", "install.cjs"),
    ("node_modules/opencode-ai", "postinstall.mjs"),
)


def ask(job: Job) -> str | None:
    """Where the clients are; without node and npm only llm is brought, and the rows of the others are skipped."""
    if not (clients_folder() / "llm/bin/llm").exists():
        return None
    if not with_npm():
        return "llm; passed over: no node and npm on PATH, the rows of the others are skipped"
    if not (clients_folder() / "node_modules").is_dir():
        return None
    return "claude, codex, opencode, cline, pi, llm"


def act(lane: Lane) -> None:
    """Bring what is missing of both."""
    clients_folder().mkdir(parents=True, exist_ok=True)
    if not (clients_folder() / "llm/bin/llm").exists():
        bring_llm(lane)
    if with_npm() and not (clients_folder() / "node_modules").is_dir():
        bring_npm_clients(lane)


def with_npm() -> bool:
    """Whether npm can run here."""
    return shutil.which("node") is not None and shutil.which("npm") is not None


def bring_llm(lane: Lane) -> None:
    """An environment of its own, moved nowhere: its programs name the Python beside them."""
    home = clients_folder() / "llm"
    shutil.rmtree(home, ignore_errors=True)
    lane.run(uv.UV, "venv", "--python", VENV / "bin/python", home, env=uv.settings())
    uv.install(lane, home / "bin/python", LLM_LIST)


def bring_npm_clients(lane: Lane) -> None:
    """What the lock pins, with its hashes, in a draft folder whose libraries are moved in place when complete.

    `npm ci` would want entries for every system of programs that not every registry has; `npm install` holds to the
    same lock and writes nothing.
    """
    draft = clients_folder() / f".draft-{os.getpid()}"
    draft.mkdir(parents=True)
    try:
        for file in CLIENT_FILES[:2]:
            shutil.copy(file, draft)
        quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        lane.run("npm", "install", "--no-save", *quiet, cwd=draft)
        for folder, script in LINKERS:
            lane.run("node", script, cwd=draft / folder)
        (draft / "node_modules").rename(clients_folder() / "node_modules")
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def program(name: str) -> Path:
    """Where a client lies, whether set-up has brought it or not."""
    folder = "llm/bin" if name == "llm" else "node_modules/.bin"
    return clients_folder() / folder / name
