"""uv brings Python libraries. It is one of them itself, pinned like the rest, so pip has to bring it first."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from scripts.installer.lane import Lane
from scripts.installer.pins import REPOSITORY, VENV

UV = VENV / "bin/uv"
PYTHON = VENV / "bin/python"
# uv does not read pip's settings; who set pip up for a mirror or a company's certificate has said all that is needed.
PIP_TO_UV = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
}


def bring_uv(lane: Lane) -> None:
    """Put the pinned uv into .venv."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as list_file:
        list_file.write(entry((REPOSITORY / "requirements.txt").read_text(), "uv"))
        list_file.flush()
        lane.run(PYTHON, "-m", "pip", "install", "--no-deps", "--require-hashes", "-r", list_file.name)


def install(lane: Lane, python: Path, requirements: Path) -> None:
    """Put what `requirements` pins into the environment of `python`: wheels with these hashes, nothing else.

    Byte-compiled here: a system may forbid Python to do it later, and then every start would pay for it.
    """
    words = ("pip", "install", "--python", python, "--no-build", "--require-hashes", "--compile-bytecode")
    lane.run(UV, *words, "-r", requirements, env=settings())


def settings() -> dict[str, str]:
    """The environment in which uv finds what pip finds."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    ).stdout
    return {"UV_NO_PROGRESS": "1", **translated(listed, os.environ)}


def translated(pip_config: str, environment: Mapping[str, str]) -> dict[str, str]:
    """uv's variables for what `pip config list` prints; those that are set already stay as they are."""
    pairs = (line.partition("=") for line in pip_config.splitlines())
    said = {key.rpartition(".")[2]: value.strip("'\"") for key, _, value in pairs}
    wanted = {PIP_TO_UV[key]: value for key, value in said.items() if key in PIP_TO_UV}
    return {name: value for name, value in wanted.items() if name not in environment}


def entry(requirements: str, name: str) -> str:
    """The lines of one library in a pinned list: its version and its hashes."""
    lines = requirements.splitlines(keepends=True)
    start = next(number for number, line in enumerate(lines) if line.startswith(f"{name}=="))
    end = next((n for n in range(start + 1, len(lines)) if not lines[n].startswith(" ")), len(lines))
    return "".join(line for line in lines[start:end] if "#" not in line)
