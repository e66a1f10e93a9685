import time
from pathlib import Path

import pytest

from scripts.installer.failure import SetupError
from scripts.installer.lane import Lane
from tests.scripts.installer.processes import is_alive, written_pid


def test_what_a_program_says_is_in_the_log(lane: Lane) -> None:
    lane.run("sh", "-c", "echo out; echo err >&2")
    assert lane.log.read_text() == "$ sh -c echo out; echo err >&2\nout\nerr\n"


def test_a_program_gets_our_environment_and_what_is_added(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS", "1")
    lane.run("sh", "-c", "echo $OURS$ADDED", env={"ADDED": "2"})
    assert lane.last_line() == "12"


def test_a_program_that_fails_is_named_with_its_last_line_and_the_log(lane: Lane) -> None:
    with pytest.raises(SetupError) as caught:
        lane.run("sh", "-c", "echo no space left; exit 3")
    assert caught.value.line() == f"sh: ended with status 3: no space left; see {lane.log}"


def test_a_program_that_is_not_there_is_named(lane: Lane) -> None:
    with pytest.raises(SetupError, match="absent: No such file or directory"):
        lane.run("absent")


def test_a_program_that_asks_gets_no_answer_instead_of_waiting(lane: Lane) -> None:
    lane.run("sh", "-c", "read answer || echo nobody is there")
    assert lane.last_line() == "nobody is there"


def test_a_program_that_hangs_is_ended_with_all_it_started(lane: Lane, tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(SetupError, match=r"sh: not done after 0 s"):
        lane.run("sh", "-c", f"sleep 60 & echo $! > {tmp_path}/pid; wait", limit_seconds=0.3)
    assert time.monotonic() - began < 3
    assert not is_alive(written_pid(tmp_path / "pid"))
