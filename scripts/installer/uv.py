"""uv brings Python libraries. It is one of them itself, pinned like the rest, so pip has to bring it first."""

import configparser
import os
import tempfile
from collections.abc import Mapping, Sequence
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
    """The environment in which uv finds what pip finds; what uv was told itself stays."""
    said = from_pip(os.environ, pip_files(os.environ))
    return {"UV_NO_PROGRESS": "1", **{name: value for name, value in said.items() if name not in os.environ}}


def from_pip(environment: Mapping[str, str], files: Sequence[Path]) -> dict[str, str]:
    """uv's variables for what pip was told, by its files (the later counts) and by its variables, which count most."""
    config = configparser.RawConfigParser()
    config.read(files)
    said = {
        key: value for section in ("global", "install") if section in config for key, value in config[section].items()
    }
    variables = {key: environment.get(f"PIP_{key.upper().replace('-', '_')}", "") for key in PIP_TO_UV}
    said |= {key: value for key, value in variables.items() if value}
    return {PIP_TO_UV[key]: " ".join(value.split()) for key, value in said.items() if key in PIP_TO_UV}


def pip_files(environment: Mapping[str, str]) -> list[Path]:
    """Where pip looks, in its order. Source: pip's documentation, "Configuration", read 2026-11."""
    home = Path(environment.get("HOME", "/"))
    config_home = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    system = [Path(folder) / "pip" for folder in environment.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":")]
    folders = [
        *system,
        Path("/etc"),
        home / "Library/Application Support/pip",
        home / ".pip",
        config_home / "pip",
        VENV,
    ]
    named = environment.get("PIP_CONFIG_FILE")
    return [*(folder / "pip.conf" for folder in folders), *([Path(named)] if named else [])]


def entry(requirements: str, name: str) -> str:
    """The lines of one library in a pinned list: its version and its hashes."""
    lines = requirements.splitlines(keepends=True)
    start = next(number for number, line in enumerate(lines) if line.startswith(f"{name}=="))
    end = next((n for n in range(start + 1, len(lines)) if not lines[n].startswith(" ")), len(lines))
    return "".join(line for line in lines[start:end] if "#" not in line)
