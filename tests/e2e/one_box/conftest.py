"""One real box of the local cloud serves all tests of this folder; each leaves it as it found it.

The files are run in the order of their names: only the last test of the last one gives the box back.
"""

import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from playbooks.tunnel_files import living_pid
from scripts.trial import ASK, CALC
from tests.laptop import Laptop, new_laptop

# What somebody's shell holds, and no program that daybox starts has any business with.
PLANTED = {name: secrets.token_hex(16) for name in ("LINODE_TOKEN", "HF_TOKEN")}
WEBHOOK = f"http://127.0.0.1:9/{secrets.token_hex(16)}"  # of the box: nobody answers there, and who knows it may write
AUTHOR = {f"GIT_{who}_{what}": "u@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


@pytest.fixture(scope="package")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    """A laptop with a box that is armed; the first task that needs it makes it ready."""
    made = new_laptop(tmp_path_factory.mktemp("job"))
    made.more |= PLANTED | AUTHOR
    try:
        made.must(f"pulumi config set -s local --secret daybox:webhookUrl {WEBHOOK}")
        made.up().ok()
        yield made
        made.run("fab tunnel.close")
        made.destroy()
    finally:
        made.cloud.stop()


@pytest.fixture(scope="package")
def committed(laptop: Laptop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The user's own repository, with one commit that aider made in it: the box is ready."""
    folder = tmp_path_factory.mktemp("repository")
    (folder / "calc.py").write_text(CALC)
    script = "git init -q && git add calc.py && git -c user.name=u -c user.email=u@localhost commit -qm start"
    subprocess.run(script, shell=True, cwd=folder, check=True)
    laptop.run(f"fab tunnel launch-aider -- --message '{ASK}' --yes-always calc.py", folder).ok()
    return folder


@pytest.fixture
def repository(laptop: Laptop, committed: Path) -> Path:
    """That repository; and the tunnel is open, whatever an earlier test closed."""
    if living_pid(laptop.state / "stacks/local/tunnel") is None:
        laptop.must("fab tunnel")
    return committed
