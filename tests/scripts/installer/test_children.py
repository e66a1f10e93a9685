import os
from pathlib import Path

import pytest

from scripts.installer.children import Children
from scripts.installer.failure import SetupError
from tests.scripts.installer.processes import is_alive, written_pid


def start(children: Children, tmp_path: Path, script: str) -> None:
    with open(tmp_path / "log", "ab") as log:
        children.start(["sh", "-c", script], log, cwd=tmp_path, env=os.environ)


def test_ending_all_ends_grandchildren_too(tmp_path: Path) -> None:
    children = Children()
    start(children, tmp_path, "sleep 60 & echo $! > pid; wait")
    pid = written_pid(tmp_path / "pid")
    children.end_all()
    assert not is_alive(pid)


def test_one_that_will_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.installer.children.GRACE_SECONDS", 0.2)
    children = Children()
    start(children, tmp_path, "trap '' INT TERM; echo $$ > pid; while :; do sleep 0.1; done")
    pid = written_pid(tmp_path / "pid")
    children.end_all()
    assert not is_alive(pid)


def test_nothing_starts_once_set_up_was_stopped(tmp_path: Path) -> None:
    children = Children()
    children.end_all()
    with pytest.raises(SetupError, match="not started, set-up was stopped"):
        start(children, tmp_path, "true")
