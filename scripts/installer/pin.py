"""Pins every list anew: `python -m scripts.installer pin`. For people who change daybox; read the diff."""

import subprocess
from dataclasses import dataclass

from scripts.installer import uv
from scripts.installer.pins import REPOSITORY


@dataclass(frozen=True)
class List:
    """A list without its suffix, and the oldest Python it is for."""

    name: str
    python: str


LISTS = (
    List("requirements", "3.11"),  # scripts/setup's own floor
    List("requirements-dev", "3.11"),
    List("requirements-aider", "3.10"),
    List("scripts/installer/pulumi/requirements-go", "3.11"),
    List("scripts/installer/clients/requirements-llm", "3.11"),
)


def command(pinned: List) -> list[str]:
    """The words that make `<name>.txt` of `<name>.in`: for every system, wheels only, each with its hashes."""
    options = ["--quiet", "--upgrade", "--universal", "--generate-hashes", "--no-build", "--no-python-downloads"]
    header = ["--custom-compile-command", "python -m scripts.installer pin"]
    files = [f"{pinned.name}.in", "--output-file", f"{pinned.name}.txt"]
    return [str(uv.UV), "pip", "compile", *options, *header, "--python-version", pinned.python, *files]


def pin() -> None:
    """Make every list anew. The second one is held to the first's versions by naming its .in file."""
    for pinned in LISTS:
        subprocess.run(command(pinned), cwd=REPOSITORY, check=True)
