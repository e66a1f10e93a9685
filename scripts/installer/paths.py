"""Where the parts of set-up lie, for those who put them on PATH. `python -m scripts.installer paths` prints them."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from scripts.installer.failure import SetupError
from scripts.installer.pins import AIDER, PULUMI_FLOOR, REPOSITORY
from scripts.installer.stamps import digest
from stacks.places import cache_dir

WAY_OUT = "run: scripts/setup"
NPM_FILES = (REPOSITORY / "scripts/installer/npm/package.json", REPOSITORY / "scripts/installer/npm/package-lock.json")
CLIENT_LISTS = REPOSITORY / "scripts/installer/clients"
CLIENT_FILES = tuple(CLIENT_LISTS / name for name in ("package.json", "package-lock.json", "requirements-llm.txt"))
Version = tuple[int, ...]


def pulumi_bin() -> Path:
    """The folder of the Pulumi CLI: the one on PATH if it is new enough, else the newest that set-up brought.

    Raises SetupError if there is neither.
    """
    folder = pulumi_on_path() or newest_kept(cache_dir() / "pulumi")
    if folder is None:
        raise SetupError("pulumi: there is no Pulumi CLI that is new enough", hint=WAY_OUT)
    return folder


def aider_bin() -> Path:
    """The folder that holds `aider`, whether set-up has brought it or not."""
    return cache_dir() / "aider" / AIDER / "bin"


def npm_folder() -> Path:
    """The folder of the JavaScript libraries that tests use, with `node_modules` in it once set-up brought them."""
    return cache_dir() / "npm" / digest(*NPM_FILES)


def clients_folder() -> Path:
    """The folder of the clients beside aider that tests try."""
    return cache_dir() / "clients" / digest(*CLIENT_FILES)


def pulumi_on_path() -> Path | None:
    """The folder of the first `pulumi` on PATH, if it is new enough and has its language host for Python."""
    found = shutil.which("pulumi", path=without_ours(os.environ.get("PATH", "")))
    if found is None or shutil.which("pulumi-language-python") is None:
        return None
    folder = Path(found).parent
    if folder.parent.parent == cache_dir() / "pulumi":
        return folder  # brought by set-up: its version stands in its path
    return folder if PULUMI_FLOOR <= version_of(found) < (4,) else None


def without_ours(path: str) -> str:
    """`path` without the folders of daybox, this checkout's or another's, whose pulumi only starts the real one."""
    return ":".join(folder for folder in path.split(":") if not (Path(folder) / "../with_token.py").is_file())


def newest_kept(folder: Path) -> Path | None:
    """`<version>/bin` of the newest CLI in `folder` that is new enough."""
    kept = {version_in(path.parent.parent.name): path.parent for path in folder.glob("[0-9]*/bin/pulumi")}
    newest = max(kept, default=())
    return kept[newest] if newest >= PULUMI_FLOOR else None


def version_of(pulumi: str | Path) -> Version:
    """What the program says its version is, as numbers; empty if it says nothing of the kind within 10 s."""
    environment = os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        said = subprocess.run(
            [str(pulumi), "version"], env=environment, capture_output=True, text=True, timeout=10, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return version_in(said)


def version_in(text: str) -> Version:
    """The first three numbers of a text such as `v3.259.0` or `go version go1.26.8 linux/amd64`; empty if none."""
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(number or 0) for number in found.groups()) if found else ()
