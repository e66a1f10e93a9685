"""The proof that a lease is gone: the account's full list, and an event for each box."""

import time
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from stacks.account import Instance
from stacks.errors import CloudError
from stacks.proof import left_of, may_land_for, prove_gone, with_lost_boxes
from tests.stacks.test_receipt import ENTRY, START


def box(number: int, label: str = "other", lease: str | None = None) -> Instance:
    """A listed box."""
    tags = (f"daybox-lease-{lease}",) if lease else ()
    return Instance(number, label, "running", "2026-11-21T09:00:05", "g2", "us-ord", "192.0.2.1", tags)


class Listing:
    """An account that lists `boxes` and remembers deletions of `deleted`."""

    def __init__(self, boxes: list[Instance], deleted: dict[int, datetime]) -> None:
        self.boxes, self.deleted = boxes, deleted

    def instances(self) -> list[Instance]:
        return self.boxes

    def created_since(self, _label: str, _since: datetime) -> list[int]:
        return [8]

    def deleted_at(self, instance_id: int) -> datetime | None:
        return self.deleted.get(instance_id)


@pytest.mark.parametrize(
    "left",
    [box(7), box(8, lease=ENTRY.lease), box(9, label=ENTRY.label)],
    ids=["by id", "by lease tag", "by label without a lease tag"],
)
def test_whatever_may_still_be_this_lease_is_left(left: Instance) -> None:
    assert left_of(ENTRY, [left]) == [left]


def test_the_next_lease_under_the_same_label_is_not_ours() -> None:
    assert left_of(ENTRY, [box(9, label=ENTRY.label, lease="20261121t100000z-cd34")]) == []


def test_a_listed_box_is_named_and_destroy_fails() -> None:
    with pytest.raises(CloudError, match=r"still in the account and billing: 7"):
        prove_gone(ENTRY, Listing([box(7)], {7: START}))  # type: ignore[arg-type]


def test_an_empty_list_without_a_deletion_event_is_not_believed() -> None:
    """A false 404 with an empty page once passed for gone."""
    with pytest.raises(CloudError, match="no event says that it was deleted"):
        prove_gone(ENTRY, Listing([], {}))  # type: ignore[arg-type]


def test_an_empty_list_and_an_event_are_the_end() -> None:
    ended = START + timedelta(minutes=65)
    assert prove_gone(ENTRY, Listing([], {7: ended})) == ended  # type: ignore[arg-type]


def test_a_create_whose_reply_was_lost_is_found_in_the_events() -> None:
    """It billed an hour, whether anything is left of it or not."""
    asked = replace(ENTRY, instance_ids=(), started="2026-01-01T09:00:00Z", intended=1.0)
    assert with_lost_boxes(asked, Listing([], {})).instance_ids == (8,)  # type: ignore[arg-type]


def test_what_was_seen_is_not_looked_for_in_the_events() -> None:
    assert with_lost_boxes(replace(ENTRY, intended=1.0, landed=2.0), Listing([], {})).instance_ids == (7,)  # type: ignore[arg-type]


def test_a_create_may_land_for_two_minutes_unless_it_was_seen() -> None:
    asked = replace(ENTRY, intended=time.time())
    assert 119 < may_land_for(asked) <= 120
    assert may_land_for(replace(asked, landed=asked.intended + 1)) == 0
    assert may_land_for(replace(asked, intended=asked.intended - 121)) < 0
