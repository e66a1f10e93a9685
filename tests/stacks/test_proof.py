"""The proof that a lease is gone: the account's full list, and an event for each box."""

import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stacks import ledger
from stacks.account import Instance, Profile
from stacks.errors import CloudError
from stacks.ledger import Life
from stacks.proof import Proof, left_of, may_land_for, prove_gone, with_lost_boxes
from tests.stacks.test_receipt import ENTRY, START

NOW = START + timedelta(minutes=66)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A laptop of one's own."""
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    return tmp_path


def box(number: int, label: str = "other", lease: str | None = None) -> Instance:
    """A listed box."""
    tags = (f"daybox-lease-{lease}",) if lease else ()
    return Instance(number, label, "running", "2026-11-21T09:00:05", "g2", "us-ord", "192.0.2.1", tags)


def event(action: str, number: int, at: datetime) -> dict[str, Any]:
    """What the account says happened to a box."""
    entity = {"id": number, "label": ENTRY.label, "type": "linode"}
    row = {"id": 100 + number, "action": action, "status": "finished", "entity": entity}
    return row | {"created": f"{at:%Y-%m-%dT%H:%M:%S}"}


class Listing:
    """An account that lists `boxes` and remembers deletions of `deleted`, and that box 8 was created."""

    def __init__(self, boxes: list[Instance], deleted: dict[int, datetime]) -> None:
        self.boxes, self.deleted = boxes, deleted

    def instances(self) -> list[Instance]:
        return self.boxes

    def profile(self) -> Profile:
        return Profile("developer", frozenset(), NOW)

    def rows(self, _path: str, filters: object) -> list[dict[str, Any]]:
        return [
            event("linode_create", 8, START),
            *(event("linode_delete", number, at) for number, at in self.deleted.items()),
        ]

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
    proof = prove_gone(ENTRY, Listing([box(9)], {7: ended}))  # type: ignore[arg-type]
    assert proof == Proof(NOW, 1, (Life(7, START, ended, told=False, deletion=107),))


def test_a_create_whose_reply_was_lost_is_found_in_the_events(state: Path) -> None:
    """It billed an hour, whether anything is left of it or not."""
    asked = replace(ENTRY, instance_ids=(), started="2026-01-01T09:00:00Z", intended=1.0)
    assert with_lost_boxes(asked, Listing([], {})).instance_ids == (8,)  # type: ignore[arg-type]


def test_a_box_of_a_second_laptop_under_the_same_label_is_not_this_leases(state: Path) -> None:
    """It would be charged to us, and our destroy would wait for its end."""
    asked = replace(ENTRY, instance_ids=(), intended=1.0)
    theirs = box(8, label=ENTRY.label, lease="20261121t100000z-cd34")
    assert with_lost_boxes(asked, Listing([theirs], {})).instance_ids == ()  # type: ignore[arg-type]


def test_a_box_that_another_lease_of_this_laptop_has_is_not_lost(state: Path) -> None:
    ledger.write(replace(ENTRY, lease="20261121t100000z-cd34", instance_ids=(8,)))
    asked = replace(ENTRY, instance_ids=(), intended=1.0)
    assert with_lost_boxes(asked, Listing([], {})).instance_ids == ()  # type: ignore[arg-type]


def test_what_was_seen_is_not_looked_for_in_the_events() -> None:
    assert with_lost_boxes(replace(ENTRY, intended=1.0, landed=2.0), Listing([], {})).instance_ids == (7,)  # type: ignore[arg-type]


def test_a_create_may_land_for_two_minutes_unless_it_was_seen() -> None:
    asked = replace(ENTRY, intended=time.time())
    assert 119 < may_land_for(asked) <= 120
    assert may_land_for(replace(asked, landed=asked.intended + 1)) == 0
    assert may_land_for(replace(asked, intended=asked.intended - 121)) < 0
