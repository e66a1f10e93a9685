"""Who may write a client's files: sealed ones side by side, one alone whose files name a port of its own."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from playbooks.boxes import ROOT
from playbooks.clients import in_use as module
from playbooks.clients.in_use import WAY_OUT, in_use
from stacks.errors import UsageError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.0)
    return tmp_path / "stacks/s/clients"


@pytest.mark.parametrize(("first", "second"), [(True, True), (True, False), (False, True)])
def test_one_alone_has_nobody_beside_it(first: bool, second: bool) -> None:
    with in_use("s", "pi", alone=first), pytest.raises(UsageError) as caught, in_use("s", "pi", alone=second):
        pass
    runs = f" (fab, process {os.getpid()}), and its files" if first else ", sealed, and this one would write another"
    assert caught.value.fact.startswith(f"stacks/s/clients/pi: pi runs already{runs}")
    assert caught.value.hint == WAY_OUT


def test_many_may_read_the_same() -> None:
    with in_use("s", "pi", alone=False), in_use("s", "pi", alone=False):
        pass


@pytest.mark.parametrize(("stack", "name"), [("s", "aider"), ("t", "pi")])
def test_another_client_and_another_stack_are_none_of_its_business(stack: str, name: str) -> None:
    with in_use("s", "pi", alone=True), in_use(stack, name, alone=True):
        pass


def test_a_process_that_is_killed_leaves_no_lock() -> None:
    killed = (
        "from playbooks.clients.in_use import in_use, os\nwith in_use('s', 'pi', alone=True): os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", killed], cwd=ROOT, check=False).returncode == -9
    with in_use("s", "pi", alone=True):
        pass


def test_the_client_s_own_folder_is_not_made_by_it_and_the_lock_is_ours_alone(folder: Path) -> None:
    with in_use("s", "pi", alone=True):
        assert [(file.name, stat.S_IMODE(file.stat().st_mode)) for file in folder.iterdir()] == [("pi.lock", 0o600)]
