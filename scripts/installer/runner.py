"""Runs the parts of a job side by side, each as soon as what it waits for is done."""

import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from scripts.installer.children import Children
from scripts.installer.display import Display, Going
from scripts.installer.failure import SetupError
from scripts.installer.job import Job
from scripts.installer.lane import Lane
from scripts.installer.parts import Part
from stacks.errors import DayboxError

TICK_SECONDS = 0.2


class State(StrEnum):
    """How a part ended."""

    THERE = "there"
    DONE = "done"
    FAILED = "FAILED"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Outcome:
    """How a part ended, a word on it, and how long it took."""

    part: str
    state: State
    word: str
    seconds: float

    def is_good(self) -> bool:
        """Whether what the part brings is here."""
        return self.state in (State.THERE, State.DONE)

    def line(self) -> str:
        """For people."""
        return f"  {self.state:<8}{self.part:<11}{self.seconds:6.1f} s  {self.word}"


class Blocked(SetupError):
    """Another part failed, so this one cannot go on."""


class Runner:
    """One run of set-up."""

    def __init__(self, job: Job, parts: Sequence[Part], logs: Path, display: Display) -> None:
        self._job, self._parts, self._logs, self._display = job, parts, logs, display
        self._children = Children()
        self._outcomes: dict[str, Outcome] = {}
        self._over = {part.name: threading.Event() for part in parts}
        self._going: dict[str, Going] = {}

    def run(self) -> list[Outcome]:
        """Run all parts to their end, in the order of their table. Ctrl-C ends every program they started."""
        threads = [threading.Thread(target=self._work, args=[part], daemon=True) for part in self._parts]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                self._await(thread)
        except KeyboardInterrupt:
            self._children.end_all()
            raise
        return [self._outcomes[part.name] for part in self._parts]

    def wait_for(self, name: str) -> None:
        """Wait until the part `name` is done. A part that this job does not have is not waited for."""
        if name not in self._over:
            return
        self._over[name].wait()
        if not self._outcomes[name].is_good():
            raise Blocked(f"waits for {name}", hint="mend that first")

    def _await(self, thread: threading.Thread) -> None:
        while thread.is_alive():
            thread.join(TICK_SECONDS)
            if thread.is_alive():
                self._display.tick(list(self._going.values()))

    def _work(self, part: Part) -> None:
        lane = Lane(self._job, self._logs / f"{part.name}.log", self._children, self.wait_for)
        began = time.monotonic()
        try:
            for name in part.after:
                self.wait_for(name)
            began = time.monotonic()
            state, word = self._ask_and_act(part, lane)
        except Blocked as error:
            state, word = State.SKIPPED, error.fact
        except DayboxError as error:
            state, word = State.FAILED, error.line()
        except Exception as error:  # a fault of ours: the others go on, the log has the rest
            with open(lane.log, "a") as log:
                traceback.print_exc(file=log)
            state, word = State.FAILED, f"{type(error).__name__}: {error}; see {lane.log}"
        self._post(Outcome(part.name, state, word, time.monotonic() - began))

    def _ask_and_act(self, part: Part, lane: Lane) -> tuple[State, str]:
        word = part.ask(self._job)
        if word is not None:
            return State.THERE, word
        lane.log.unlink(missing_ok=True)
        self._display.line(f"  begins  {part.name:<11}{part.what}: {part.size()}")
        self._going[part.name] = Going(part.name, time.monotonic(), lane.last_line)
        part.act(lane)
        word = part.ask(self._job)
        if word is None:
            raise SetupError(f"{part.name}: still not as it must be", hint=f"see {lane.log}")
        return State.DONE, word

    def _post(self, outcome: Outcome) -> None:
        self._going.pop(outcome.part, None)
        self._outcomes[outcome.part] = outcome
        self._display.line(outcome.line())
        self._over[outcome.part].set()
