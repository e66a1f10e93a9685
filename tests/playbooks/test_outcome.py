"""What a sweep says and how it ends: what could not be seen is never nothing."""

from dataclasses import replace

import pytest

from playbooks.found import Found
from playbooks.outcome import Outcome, not_ended
from stacks.errors import CloudError, DayboxError, LeftError

HERE = "http://127.0.0.1:1"
PAST, END = "its end has passed", "2026-11-26T12:00:00Z"
BOX = Found(HERE, "past", "box", 7, "daybox-a", "a", "l", "me", "2026-11-26T09:00:00Z", None, PAST, goes=True)
WALL = replace(BOX, kind="stray", what="firewall", id=8, why="its lease has no box")
THEIRS = replace(BOX, kind="foreign", id=9, owner="ann", until=END, why="owner ann rented it", goes=False)


def judged(outcome: Outcome) -> DayboxError | None:
    """How it ends."""
    try:
        outcome.judge("fab sweep")
    except DayboxError as error:
        return error
    return None


def test_nothing_found_is_said_and_is_a_success() -> None:
    assert (Outcome().text(), judged(Outcome())) == ("sweep: nothing to end", None)


def test_what_could_not_be_seen_is_not_nothing() -> None:
    outcome = Outcome(faults=["cloud: silent; wait"])
    error = judged(outcome)
    assert outcome.text() == "" and isinstance(error, CloudError)
    assert error.line() == "sweep: cloud: silent; wait; mend that and run it again"


def test_each_kind_has_its_head_and_what_goes_comes_first() -> None:
    assert Outcome(found=[THEIRS, WALL, BOX], unseen=["tokens: no scope"]).text() == (
        "past, goes:\n"
        "  box 7 (daybox-a) of stack a, created 2026-11-26T09:00:00Z, until unknown: its end has passed\n"
        "stray, goes:\n"
        "  firewall 8 (daybox-a) of stack a, created 2026-11-26T09:00:00Z, until unknown: its lease has no box\n"
        "foreign, stays:\n"
        "  box 9 (daybox-a) of stack a, created 2026-11-26T09:00:00Z, until 2026-11-26T12:00:00Z: owner ann rented it\n"
        "not looked at: tokens: no scope"
    )


def test_what_is_left_for_want_of_consent_has_an_exit_status_of_its_own() -> None:
    error = judged(Outcome(found=[BOX, THEIRS]))
    assert isinstance(error, LeftError) and error.exit_code == 9
    assert error.line() == "sweep: 1 left that should go; `fab sweep --yes` ends it"


def test_a_fault_weighs_more_than_what_is_left() -> None:
    error = judged(Outcome(found=[BOX], faults=["cloud: silent; wait"]))
    assert isinstance(error, CloudError)
    assert "1 left that should go: `fab sweep --yes` ends what it can" in error.fact


def test_boxes_are_ended_before_what_protects_them() -> None:
    assert Outcome(found=[WALL, BOX]).going == [BOX, WALL]


def test_what_was_ended_is_not_left() -> None:
    outcome = Outcome(found=[BOX, WALL], ended=[BOX, WALL])
    assert (outcome.left, judged(outcome)) == ([], None)


@pytest.mark.parametrize("found", [BOX, replace(THEIRS, what="firewall")])
def test_only_another_owners_box_is_named_as_living_on(found: Found) -> None:
    assert not_ended([found]) == []
    assert not_ended([THEIRS]) == [
        "box 9 belongs to owner ann until 2026-11-26T12:00:00Z and bills: ask them, or delete it in the Cloud Manager"
    ]
