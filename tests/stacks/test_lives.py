"""Each box is billed by itself, by the account's own times."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stacks.account import Account, Instance, utc
from stacks.ledger import Entry, Life
from stacks.lives import Told, hour_costs, hours, hours_from, lives, lives_told, receipt_hours, seconds, told
from stacks.price import sum_of
from tests.cloud import TOKEN, Cloud
from tests.stacks.test_receipt import ENTRY, START

LISTED = Instance(7, "daybox-coder-32b", "running", "2026-11-21T09:00:05", "g2", "us-ord", "192.0.2.1", ())
CREATED, DELETED = START + timedelta(seconds=9), START + timedelta(minutes=65)


def test_a_listed_box_lives_from_its_own_creation() -> None:
    assert lives_told(ENTRY, [LISTED], {}) == (Life(7, utc(LISTED.created), listed=True),)


def test_a_box_that_is_gone_lived_as_long_as_the_events_say() -> None:
    events = {7: Told(7, "daybox-coder-32b", CREATED, DELETED, 9)}
    assert lives_told(ENTRY, [], events) == (Life(7, CREATED, DELETED, deletion=9),)


def test_without_a_create_event_it_lived_from_the_leases_start_and_that_is_said() -> None:
    assert lives_told(ENTRY, [], {7: Told(7, "x", None, DELETED, 9)}) == (
        Life(7, START, DELETED, told=False, deletion=9),
    )


def test_a_listed_box_is_not_dead_whatever_an_event_says() -> None:
    """A delete that failed half way has its event, too."""
    [life] = lives_told(ENTRY, [LISTED], {7: Told(7, "x", CREATED, DELETED, 9)})
    assert (life.listed, life.ended, life.deletion) == (True, None, None)


def test_a_box_with_the_leases_tag_belongs_to_it_though_nobody_recorded_it() -> None:
    tagged = replace(LISTED, id=8, tags=(f"daybox-lease-{ENTRY.lease}",))
    assert [life.id for life in lives_told(replace(ENTRY, instance_ids=()), [tagged], {})] == [8]


def test_a_box_that_nobody_says_anything_of_lived_nobody_knows_how_long() -> None:
    [life] = lives_told(ENTRY, [], {})
    assert seconds(life, DELETED) is None and hours(life, DELETED) is None


def test_it_is_billed_for_every_hour_that_it_began() -> None:
    life = Life(7, START, START + timedelta(minutes=65))
    assert hours(life, DELETED) == [START, START + timedelta(hours=1)]


def test_shares_of_an_odd_price_add_up_to_what_is_billed() -> None:
    """Three hours at 0.0075 are 0.02, and not three times 0.01."""
    shares = [usd for _, usd in hour_costs(hours_from(START, 3), 0.0075) if usd is not None]
    assert (shares, sum_of(shares)) == ([0.01, 0.01, 0.0], 0.02)


def test_without_a_price_every_share_is_unknown() -> None:
    assert hour_costs([START], None) == [(START, None)]


def test_a_receipt_of_before_is_billed_from_the_leases_start() -> None:
    old = replace(ENTRY, ended="2026-11-21T10:05:00Z", billed_hours=2, usd=2.10)
    assert receipt_hours(old) == [(START, 1.05), (START + timedelta(hours=1), 1.05)]


def account_of(cloud: Cloud) -> Account:
    return Account(cloud.url, TOKEN)


def test_the_account_tells_when_a_box_came_and_went(cloud: Cloud) -> None:
    row = cloud.create("daybox-events")
    cloud.call("DELETE", f"/linode/instances/{row['id']}")
    found = told(account_of(cloud))[row["id"]]
    assert (found.label, found.began) == ("daybox-events", utc(row["created"]))
    assert found.ended and found.ended - datetime.now(UTC) < timedelta(seconds=5) and found.deletion


def test_two_boxes_of_one_lease_are_two_lives(cloud: Cloud) -> None:
    first, second = (int(cloud.create(f"daybox-two-{number}")["id"]) for number in (1, 2))
    cloud.call("DELETE", f"/linode/instances/{first}")
    account = account_of(cloud)
    entry: Entry = replace(ENTRY, instance_ids=(first, second))
    found = {life.id: life for life in lives(entry, account, account.instances())}
    assert found[first].ended and not found[first].listed
    assert found[second].listed and not found[second].ended


def test_events_that_do_not_come_are_no_events_and_no_end(cloud: Cloud) -> None:
    row = cloud.create("daybox-hidden")
    cloud.call("DELETE", f"/linode/instances/{row['id']}")
    cloud.fault("empty-page", "GET", "^/v4/account/events")
    [life] = lives(replace(ENTRY, instance_ids=(row["id"],)), account_of(cloud), [])
    assert (life.ended, life.told) == (None, False)


def test_lives_are_sorted_by_their_beginning(tmp_path: Path) -> None:
    events = {7: Told(7, "x", DELETED), 8: Told(8, "x", CREATED)}
    assert [life.id for life in lives_told(replace(ENTRY, instance_ids=(7, 8)), [], events)] == [8, 7]
