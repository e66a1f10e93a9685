"""How far a box is: the events of its stages, folded into one row a stage, and what the time went into.

Pure. The box writes the events (stages.jsonl); the order of the stages is stacks/stages.py, the same table the units
are made from.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from stacks.stages import GRAPH, STAGES, Stage

SUCCEEDED = ("done", "already", "passed")
LAST = GRAPH[-1].name  # the stage that says "ready"
IN_GRAPH = {stage.name for stage in GRAPH}  # arming is not: it writes its events at any time, and belongs to no run


@dataclass(frozen=True)
class Event:
    """One line of stages.jsonl. at: the box's clock, seconds since 1970; outcome and word: of an end only."""

    stage: str
    event: str
    at: float
    boot: str
    outcome: str = ""
    word: str = ""
    bytes: int | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Event":
        """The event in one JSON object. Raises KeyError or ValueError if it is none."""
        size = row.get("bytes")
        return cls(
            stage=str(row["stage"]),
            event=str(row["event"]),
            at=float(row["at"]),
            boot=str(row["boot"]),
            outcome=str(row.get("outcome") or ""),
            word=str(row.get("word") or ""),
            bytes=None if size is None else int(size),
        )

    @property
    def is_start(self) -> bool:
        """Whether the stage began; otherwise it ended."""
        return self.event == "start"

    @property
    def is_failure(self) -> bool:
        """Whether the stage ended without success."""
        return not self.is_start and self.outcome not in SUCCEEDED


@dataclass(frozen=True)
class Row:
    """One stage of one run. state: waiting, running, or an outcome; times: the box's clock, seconds since 1970."""

    stage: str
    state: str = "waiting"
    started_at: float | None = None
    ended_at: float | None = None
    word: str = ""
    bytes: int | None = None

    def seconds(self, now: float | None = None) -> float:
        """What it took; up to `now` if it runs still; 0 if it did not run."""
        end = self.ended_at if self.ended_at is not None else now
        return 0.0 if self.started_at is None or end is None else max(0.0, end - self.started_at)


def parse(line: str) -> Event | None:
    """The event in a line; None for what is no event: a full disk leaves half a line."""
    try:
        return Event.from_row(json.loads(line))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def fold(
    events: Sequence[Event], boot: str, words: Mapping[str, str] | None = None, stages: Iterable[Stage] = STAGES
) -> list[Row]:
    """One row a stage, of the newest run. boot: the box's present one; what still ran in another does not run now.

    words: stage -> what it says while it runs.
    """
    run = newest_run(events)
    earlier = events[: len(events) - len(run)]
    touched = {event.stage for event in run}
    rows = []
    for stage in stages:  # in the table no stage stands before what it waits for
        if touched.intersection(stage.after):
            touched.add(stage.name)  # its turn will come: what it once was holds no longer
        row = _row(stage.name, run, boot) if stage.name in touched else _carried(stage.name, earlier, boot)
        if not (stage.optional and row.state == "waiting"):  # else it may never come
            rows.append(row)
    return [replace(row, word=(words or {}).get(row.stage, "")) if row.state == "running" else row for row in rows]


def newest_run(events: Sequence[Event]) -> Sequence[Event]:
    """The events since the graph last set out: a run is over when the last stage ended, or one failed and none runs."""
    begin, over, running, boot = 0, False, set[str](), ""
    for index, event in enumerate(events):
        if event.boot != boot:
            boot, running = event.boot, set()  # a reboot ends what ran
        if event.is_start:
            if over and not running and event.stage in IN_GRAPH:
                begin, over = index, False
            running.add(event.stage)
        else:
            running.discard(event.stage)
            over = over or event.stage == LAST or event.is_failure
    return events[begin:]


def _row(stage: str, run: Sequence[Event], boot: str) -> Row:
    attempts = _attempts(stage, run)
    if not attempts:
        return Row(stage)
    newest = attempts.pop()
    if newest.state == "running" and not _began_in(boot, stage, run):
        return replace(newest, state="waiting")  # a reboot cut it off, and it will begin again
    while newest.state in SUCCEEDED and attempts and attempts[-1].state in SUCCEEDED:
        newest = attempts.pop()  # done again after a reboot: the first time is what it took
    return newest


def _attempts(stage: str, run: Iterable[Event]) -> list[Row]:
    """The stage's attempts in order; what a reboot cut off and what followed it count as one."""
    attempts: list[Row] = []
    for event in run:
        if event.stage != stage:
            continue
        goes_on = bool(attempts) and attempts[-1].state == "running"
        if not goes_on:
            attempts.append(Row(stage, "running", event.at))
        if not event.is_start:
            outcome = event.outcome if event.outcome in SUCCEEDED else "failed"
            attempts[-1] = replace(attempts[-1], state=outcome, ended_at=event.at, word=event.word, bytes=event.bytes)
    return attempts


def _began_in(boot: str, stage: str, run: Iterable[Event]) -> bool:
    return any(event.is_start and event.stage == stage and event.boot == boot for event in run)


def _carried(stage: str, earlier: Iterable[Event], boot: str) -> Row:
    """A stage that this run had no reason to touch: what it ended with in this boot still holds."""
    ends = [event for event in earlier if event.stage == stage and not event.is_start]
    holds = ends and not ends[-1].is_failure and (ends[-1].boot == boot or stage not in IN_GRAPH)
    return Row(stage, "already", word=ends[-1].word) if holds else Row(stage)


def is_ready(events: Iterable[Event], boot: str) -> bool:
    """Whether the last stage has succeeded in this boot, and was not begun again since."""
    last = [event for event in events if event.stage == LAST]
    return bool(last) and not last[-1].is_start and not last[-1].is_failure and last[-1].boot == boot


def first_failure(events: Iterable[Event], boot: str) -> Event | None:
    """The first stage that failed in this boot and was not begun again since."""
    newest = {event.stage: event for event in events if event.boot == boot}
    failed = [event for event in newest.values() if event.is_failure]
    return min(failed, key=lambda event: event.at, default=None)


def total_seconds(rows: Iterable[Row]) -> float:
    """From the first start to the last end within the graph."""
    ends = [row.ended_at for row in rows if row.ended_at is not None and row.stage in IN_GRAPH]
    return max(ends) - first_start(rows) if ends else 0.0


def first_start(rows: Iterable[Row]) -> float:
    """When the first stage of the graph began; 0 if none did. Arming comes when it comes."""
    starts = (row.started_at for row in rows if row.started_at is not None and row.stage in IN_GRAPH)
    return min(starts, default=0.0)


def longest_chain(rows: Iterable[Row], stages: Iterable[Stage] = STAGES) -> tuple[tuple[str, ...], float]:
    """The stages, one after another, that no order could have made faster, and the seconds they took together."""
    took = {row.stage: row.seconds() for row in rows}
    chains: dict[str, tuple[tuple[str, ...], float]] = {}
    for stage in stages:  # in the table no stage stands before what it waits for
        before = max((chains[name] for name in stage.after), key=lambda chain: chain[1], default=((), 0.0))
        chains[stage.name] = ((*before[0], stage.name), before[1] + took.get(stage.name, 0.0))
    return max(chains.values(), key=lambda chain: chain[1], default=((), 0.0))
