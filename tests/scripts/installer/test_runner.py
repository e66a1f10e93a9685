import io
import threading
from pathlib import Path

import pytest

from scripts.installer.display import Display
from scripts.installer.failure import SetupError
from scripts.installer.job import Job
from scripts.installer.lane import Lane
from scripts.installer.parts import Part
from scripts.installer.runner import Outcome, Runner, State
from tests.scripts.installer.conftest import part


class Thing:
    """Something a part brings."""

    def __init__(self) -> None:
        self.is_there = False

    def ask(self, job: Job) -> str | None:
        return "it is there" if self.is_there else None

    def act(self, lane: Lane) -> None:
        self.is_there = True


def run(tmp_path: Path, *parts: Part) -> list[Outcome]:
    return Runner(Job.TEST, parts, tmp_path, Display(io.StringIO())).run()


def fail(lane: Lane) -> None:
    raise SetupError("thing: not to be had", hint="look elsewhere")


def stumble(lane: Lane) -> None:
    raise KeyError("absent")


def test_the_second_run_does_nothing_and_says_so(tmp_path: Path) -> None:
    thing = Thing()
    states = [run(tmp_path, part("thing", thing.ask, thing.act))[0].state for _ in range(2)]
    assert states == [State.DONE, State.THERE]


def test_independent_parts_run_at_the_same_time(tmp_path: Path) -> None:
    both = threading.Barrier(2, timeout=5)

    class Meeting(Thing):
        def act(self, lane: Lane) -> None:
            both.wait()
            super().act(lane)

    one, two = Meeting(), Meeting()
    outcomes = run(tmp_path, part("one", one.ask, one.act), part("two", two.ask, two.act))
    assert [outcome.state for outcome in outcomes] == [State.DONE, State.DONE]


def test_a_part_waits_for_the_one_it_needs(tmp_path: Path) -> None:
    first, second, order = Thing(), Thing(), list[str]()

    def note(thing: Thing, name: str) -> None:
        order.append(name)
        thing.is_there = True

    run(
        tmp_path,
        part("second", second.ask, lambda lane: note(second, "second"), after=("first",)),
        part("first", first.ask, lambda lane: note(first, "first")),
    )
    assert order == ["first", "second"]


def test_when_a_part_fails_its_followers_are_skipped_and_the_others_go_on(tmp_path: Path) -> None:
    other = Thing()
    outcomes = run(
        tmp_path, part("bad", act=fail), part("follower", after=("bad",)), part("other", other.ask, other.act)
    )
    assert [outcome.state for outcome in outcomes] == [State.FAILED, State.SKIPPED, State.DONE]
    assert outcomes[0].word == "thing: not to be had; look elsewhere"
    assert outcomes[1].word == "waits for bad"


def test_a_part_that_another_job_has_is_not_waited_for(tmp_path: Path) -> None:
    thing = Thing()
    assert run(tmp_path, part("thing", thing.ask, thing.act, after=("elsewhere",)))[0].state == State.DONE


def test_a_part_that_says_done_and_is_not_has_failed(tmp_path: Path) -> None:
    assert run(tmp_path, part("thing"))[0].word == f"thing: still not as it must be; see {tmp_path}/thing.log"


def test_a_fault_of_ours_fails_its_part_only_and_is_in_the_log(tmp_path: Path) -> None:
    outcome = run(tmp_path, part("thing", act=stumble))[0]
    assert outcome.word == f"KeyError: 'absent'; see {tmp_path}/thing.log"
    assert "Traceback" in (tmp_path / "thing.log").read_text()


@pytest.mark.parametrize("state", State)
def test_a_line_tells_state_part_and_seconds(state: State) -> None:
    assert Outcome("aider", state, "a word", 12.34).line() == f"  {state:<8}aider        12.3 s  a word"
