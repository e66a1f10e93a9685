"""What a receipt says, and what it does not know."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from playbooks.stage_table import record_file
from stacks.ledger import Entry, Life
from stacks.proof import Proof
from stacks.receipt_text import GIVEN_BACK, closing, kept_stages, receipt_text, stage_file
from tests.playbooks.pretend_box import BOX
from tests.stacks.test_receipt import ENTRY, START

LIFE = Life(7, START + timedelta(seconds=5), START + timedelta(minutes=65), deletion=600_000_123)
PROOF = Proof(START + timedelta(minutes=66), 3, (LIFE,))
STAGES = {
    "stages": [
        {"stage": "driver", "took_seconds": 3.12, "outcome": "done"},
        {"stage": "ready", "took_seconds": None, "outcome": "waiting"},
    ]
}


def closed(*lives: Life, at: timedelta = timedelta(minutes=66), run: float | None = 5.0, **known: Any) -> Entry:
    """The lease with its receipt. run: seconds that Pulumi ran by then; known: what its entry had."""
    entry = replace(ENTRY, **known)
    return replace(entry, **closing(entry, Proof(START + at, 3, lives), run))


def test_65_minutes_are_billed_as_two_hours() -> None:
    assert (closed(LIFE).billed_hours, closed(LIFE).usd) == (2, 2.10)


def test_two_boxes_of_one_lease_are_billed_each_by_itself() -> None:
    """71 minutes in all would be two hours; 10 minutes are one begun hour, and 61 minutes two."""
    first = Life(7, START, START + timedelta(minutes=10))
    second = Life(8, START + timedelta(minutes=11), START + timedelta(minutes=72))
    both = closed(first, second)
    assert (both.billed_hours, both.usd, both.lived_seconds) == (3, 3.15, 71 * 60)


def test_a_lease_without_a_box_costs_nothing() -> None:
    empty = closed(at=timedelta(minutes=5))
    assert (empty.billed_hours, empty.usd, empty.ended, empty.reason) == (
        *(0, 0.0, "2026-11-21T09:05:00Z", "no box was ever made"),
    )


def test_a_price_of_nought_is_no_price_and_its_receipt_no_zero() -> None:
    unknown = closed(LIFE, usd_per_hour=0.0)
    assert unknown.usd is None and "2 h billed, ? at" in receipt_text(unknown)


def test_the_whole_receipt() -> None:
    said: dict[str, Any] = {
        "reason": "idle for 30 min",
        "tokens": 12_345,
        "told": (START + timedelta(minutes=64)).timestamp(),
    }
    assert receipt_text(closed(LIFE, **said, stages=STAGES)).splitlines() == [
        "receipt coder-32b 20261121t090000z-ab12: "
        "1.08 h lived, 2 h billed, $2.10 at $1.05/h (api.linode.com 2026-11-21)",
        "  box 7: 2026-11-21 09:00:05 to 2026-11-21 10:05:00 UTC, 2 h, $2.10",
        "  why it ended: idle for 30 min",
        "  served: 12,345 tokens, as the box last said at 10:04:00 UTC",
        "  way to ready: driver 3.1 s done",
        "  proof: the account lists nothing of it: none of its 3 Instances at 2026-11-21T10:06:00Z; "
        "event 600000123 deleted box 7",
    ]


def test_what_nobody_said_is_said_to_be_unknown() -> None:
    text = receipt_text(closed(replace(LIFE, told=False)))
    assert "(no event says when it was created: from the lease's start)" in text
    assert "served: unknown; the box never said how many tokens" in text
    assert "way to ready: no stage table was kept on this laptop" in text


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (61.0, "pulumi destroy"),
        (5.0, "deleted by hand or by itself, 1 min before this receipt"),
        (None, "not known: deleted 60 s before this receipt"),
    ],
)
def test_why_it_ended_is_not_invented(run: float | None, words: str) -> None:
    """A box that Pulumi found when it began, a minute ago, it has ended; one that was gone by then it has not."""
    assert closed(LIFE, run=run).reason == words


def test_a_box_that_announced_its_end_and_lived_on_was_ended_by_pulumi() -> None:
    """Its token was refused, or it was extended since: what it said last is not why it ended."""
    assert closed(LIFE, reason="idle for 30 min", run=61.0).reason == "pulumi destroy"
    assert closed(LIFE, reason="idle for 30 min", run=5.0).reason == "idle for 30 min"


def test_a_box_that_nobody_saw_is_billed_with_a_word_of_doubt() -> None:
    """It may be another laptop's of the same stack: gone, its tags tell no more."""
    lost = Life(8, START + timedelta(minutes=1), START + timedelta(minutes=2), deletion=9)
    both = closed(LIFE, lost)
    assert both.instance_ids == (7, 8)
    assert receipt_text(both).splitlines()[1:3] == [
        "  box 7: 2026-11-21 09:00:05 to 2026-11-21 10:05:00 UTC, 2 h, $2.10",
        "  box 8: 2026-11-21 09:01:00 to 2026-11-21 09:02:00 UTC "
        "(created under our label while our request was open), 1 h, $1.05",
    ]


def test_the_stage_table_is_read_where_bootstrap_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    assert stage_file(BOX.stack, BOX.lease) == record_file(BOX)
    assert kept_stages(BOX.stack, BOX.lease) is None
    record_file(BOX).parent.mkdir(parents=True)
    record_file(BOX).write_text(json.dumps(STAGES))
    assert kept_stages(BOX.stack, BOX.lease) == STAGES
    record_file(BOX).write_text("{")
    assert kept_stages(BOX.stack, BOX.lease) is None


def test_a_box_that_up_gave_back_was_not_ended_by_a_destroy_that_came_at_once() -> None:
    """The API's times are whole seconds: both were in the same ones."""
    assert closed(LIFE, reason=GIVEN_BACK, run=61.0).reason == GIVEN_BACK
