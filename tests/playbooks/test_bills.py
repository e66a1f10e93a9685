"""What one lease cost: by its receipt, else by the account, else unknown and never nothing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from playbooks.bills import Asked, Bill, bill_of, foreign_bills, past_bills, unread_bill
from stacks.account import Instance
from stacks.ledger import Entry, Life
from stacks.lives import Told
from stacks.price import Price
from tests.stacks.test_receipt import ENTRY as NEW
from tests.stacks.test_receipt import START

ENTRY = replace(NEW, intended=1.0, landed=2.0, tokens=7)
NOW = START + timedelta(minutes=65)
ROW = Instance(7, "daybox-coder-32b", "running", "2026-11-21T09:00:10", "g2", "us-ord", "192.0.2.1", ())
DEAD = Told(7, "daybox-coder-32b", START + timedelta(seconds=10), START + timedelta(minutes=30), 9)
CLOSED = replace(ENTRY, ended="2026-11-21T10:05:00Z", billed_hours=2, usd=2.1, lives=(Life(7, START, NOW, deletion=9),))


def asked(*listed: Instance, events: tuple[Told, ...] = (), **other: Any) -> Asked:
    """What the account told at NOW."""
    return replace(Asked("linode", "developer", NOW, listed, {one.id: one for one in events}), **other)


def bill(entry: Entry = ENTRY, told: Asked | None = None, others: frozenset[int] = frozenset()) -> Bill:
    return bill_of(entry, told or asked(), others)


def test_a_closed_lease_cost_what_its_receipt_says() -> None:
    closed = bill(CLOSED)
    assert (closed.state, closed.billed_hours, closed.usd, closed.tokens) == ("closed", 2, 2.1, 7)
    assert (closed.began, closed.ended, closed.word) == (START, NOW, "")


def test_a_receipt_of_before_its_boxes_were_kept_still_counts() -> None:
    old = bill(replace(CLOSED, lives=()))
    assert (old.billed_hours, old.usd, old.ended) == (2, 2.1, NOW)


def test_a_receipt_is_no_proof_against_the_accounts_list() -> None:
    there = bill(CLOSED, asked(ROW))
    assert there.usd is None and there.word.startswith("ITS RECEIPT IS CLOSED, BUT BOX 7 IS LISTED AND BILLS")


def test_a_box_that_is_listed_has_cost_the_hours_it_began() -> None:
    here = bill(told=asked(ROW))
    assert (here.state, here.billed_hours, here.usd, here.ended) == ("open", 2, 2.1, None)


def test_a_box_that_killed_itself_cost_what_the_events_say_and_that_is_said() -> None:
    gone = bill(replace(ENTRY, reason="idle for 30 min"), asked(events=(DEAD,)))
    assert (gone.state, gone.billed_hours, gone.usd, gone.ended) == ("ended", 1, 1.05, DEAD.ended)
    assert gone.word == (
        "gone by the account's events (idle for 30 min); `pulumi destroy -s coder-32b` writes its receipt"
    )


def test_without_a_create_event_it_is_billed_from_the_leases_start_and_that_is_said() -> None:
    gone = bill(told=asked(events=(replace(DEAD, began=None),)))
    assert gone.boxes[0].began == START and gone.word.startswith("no event says when its box was created")


def test_a_box_that_nobody_says_anything_of_cost_nobody_knows_what() -> None:
    lost = bill(told=asked())
    assert (lost.state, lost.billed_hours, lost.usd) == ("unknown", None, None)
    assert lost.word == "its box is not listed, but no event says that it was deleted"


def test_an_account_that_cannot_be_asked_makes_it_unknown() -> None:
    silent = bill(told=Asked("linode", why="LINODE_TOKEN: is not set"))
    assert (silent.state, silent.usd, silent.word) == ("unknown", None, "LINODE_TOKEN: is not set")


def test_another_accounts_list_says_nothing() -> None:
    other = bill(told=asked(user="stranger"))
    assert other.usd is None and "was rented as developer, but LINODE_TOKEN speaks for stranger" in other.word


def test_one_box_that_is_known_and_one_that_is_not_are_together_unknown() -> None:
    both = bill(replace(ENTRY, instance_ids=(7, 8)), asked(events=(DEAD,)))
    assert both.usd is None and len(both.hours) == 1


def test_a_price_of_nought_is_none() -> None:
    assert bill(replace(ENTRY, usd_per_hour=0.0), asked(ROW)).usd is None


def test_a_box_whose_creates_reply_was_lost_is_found_in_the_events() -> None:
    never_seen = replace(ENTRY, instance_ids=(), landed=0.0)
    assert bill(never_seen, asked(events=(DEAD,))).usd == 1.05


@pytest.mark.parametrize(
    ("told", "others"),
    [
        (asked(events=(DEAD,)), frozenset({7})),
        (asked(replace(ROW, tags=("daybox-lease-20261121t100000z-cd34",)), events=(DEAD,)), frozenset()),
    ],
    ids=["another lease of this ledger", "a second laptop's"],
)
def test_a_box_of_another_lease_under_the_same_label_is_not_billed_twice(told: Asked, others: frozenset[int]) -> None:
    never_seen = replace(ENTRY, instance_ids=(), landed=0.0, intended=1.0)
    assert bill(never_seen, told, others).usd == 0.0


def test_a_box_that_was_asked_for_a_moment_ago_may_still_cost_something() -> None:
    just_now = replace(ENTRY, instance_ids=(), landed=0.0, intended=4e9)
    assert bill(just_now, asked()).usd is None


def test_a_box_of_another_laptop_is_billed_at_todays_price_and_marked() -> None:
    theirs = replace(ROW, id=8, tags=("daybox", "daybox-owner-somebody"))
    [found] = foreign_bills(asked(theirs, prices={8: Price(1.05, "api 2026-11-21")}), {7}, "me")
    assert (found.state, found.stack, found.usd) == ("foreign", "coder-32b", 2.1)
    assert found.word == "box 8: rented by owner somebody; it bills, at today's price"


def test_without_a_price_another_laptops_box_costs_nobody_knows_what() -> None:
    [found] = foreign_bills(asked(ROW), (), "me")
    assert (found.billed_hours, found.usd) == (2, None)


def test_what_only_the_events_know_has_hours_and_no_price() -> None:
    [found] = past_bills(asked(events=(DEAD,)), ())
    assert (found.state, found.stack, found.billed_hours, found.usd) == ("past", "coder-32b", 1, None)


def test_what_is_not_dayboxs_is_not_shown() -> None:
    assert past_bills(asked(events=(replace(DEAD, label="blog"),)), ()) == []
    assert past_bills(asked(events=(DEAD,)), {7}) == []


def test_a_box_whose_creation_no_event_tells_has_no_hours() -> None:
    [found] = past_bills(asked(events=(replace(DEAD, began=None),)), ())
    assert (found.billed_hours, found.usd) == (None, None)


def test_a_lease_that_cannot_be_read_is_unknown_from_the_day_of_its_id() -> None:
    found = unread_bill("20261120t090000z-ab12", NOW, "why")
    assert (found.began, found.usd) == (datetime(2026, 11, 20, 9, tzinfo=UTC), None)


def test_the_row_says_it_all_and_unknown_is_null() -> None:
    assert bill(told=asked(ROW)).row() == {
        "cloud": "linode",
        "stack": "coder-32b",
        "lease": "20261121t090000z-ab12",
        "state": "open",
        "began": "2026-11-21T09:00:00Z",
        "ended": None,
        "boxes": [{"id": 7, "began": "2026-11-21T09:00:10Z", "ended": None}],
        "billed_hours": 2,
        "usd": 2.1,
        "price": {"usd_per_hour": 1.05, "source": "api.linode.com 2026-11-21"},
        "tokens": 7,
        "word": "",
    }
