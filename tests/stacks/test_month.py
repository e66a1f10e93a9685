"""A month's budget: what others take of it is known before one more is rented."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stacks import ledger
from stacks.errors import ConfigError
from stacks.lease import Lease
from stacks.ledger import Entry, Life
from stacks.month import Share, left_usd, shares, spent_or_unknown, spent_usd
from stacks.price import Price
from stacks.settings import Settings
from tests.shipped import settings_of
from tests.stacks.test_receipt import ENTRY

LEASE = Lease("20261125t080000z-0001", "coder-32b", "me")
NOW = LEASE.start
PRICE = Price(1.05, "api.linode.com 2026-11-25")


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of coder-32b, with a month's budget."""
    return replace(settings_of("coder-32b", tmp_path), month_budget_usd=10.0)


def closed(began: datetime, minutes: float, **other: object) -> Entry:
    """A lease that is over, in the ledger."""
    life = Life(7, began, began + timedelta(minutes=minutes), deletion=9)
    entry = replace(ENTRY, ended="2026-11-21T10:05:00Z", lives=(life,))
    return ledger.write(replace(entry, **other))  # type: ignore[arg-type]


def test_a_closed_lease_takes_what_it_was_billed() -> None:
    closed(datetime(2026, 11, 21, 9, tzinfo=UTC), 65)
    assert shares(LEASE, "linode", NOW) == [Share("coder-32b", ENTRY.lease, 2.10)]


def test_of_a_life_over_the_months_end_only_the_hours_that_begin_in_it_count() -> None:
    """31 October 22:30 to 1 November 01:00 UTC: hours begin at 22:30, 23:30 and 00:30."""
    closed(datetime(2026, 10, 31, 22, 30, tzinfo=UTC), 150)
    assert spent_usd(LEASE, "linode", NOW) == 1.05


def test_an_open_lease_takes_the_most_that_it_can_come_to() -> None:
    """Ten hours, and an eleventh that it may begin while it is deleted."""
    ledger.write(ENTRY)
    until = datetime(2026, 11, 21, 19, 3, tzinfo=UTC)
    at = datetime(2026, 11, 21, 10, tzinfo=UTC)
    assert shares(LEASE, "linode", at) == [Share("coder-32b", ENTRY.lease, 11.55, until)]


def test_an_open_lease_past_its_end_takes_what_it_may_have_billed_until_now() -> None:
    """Nobody has seen its box go: it may be an orphan that bills."""
    ledger.write(ENTRY)
    assert spent_usd(LEASE, "linode", ENTRY_START + timedelta(hours=50)) == 52.5


def test_each_further_box_of_an_open_lease_may_have_begun_an_hour_more() -> None:
    ledger.write(replace(ENTRY, instance_ids=(7, 8)))
    assert spent_usd(LEASE, "linode", ENTRY_START) == 12.6


ENTRY_START = datetime(2026, 11, 21, 9, tzinfo=UTC)


def test_the_local_clouds_dollars_are_nobodys() -> None:
    closed(ENTRY_START, 65, cloud="local")
    assert shares(LEASE, "linode", NOW) == []


def test_its_own_lease_takes_nothing_from_itself() -> None:
    ledger.write(replace(ENTRY, lease=LEASE.id))
    assert spent_usd(LEASE, "linode", NOW) == 0.0


def test_a_second_up_reckons_with_what_was_spent_when_the_lease_began(settings: Settings) -> None:
    ledger.write(replace(ENTRY, lease=LEASE.id, month_spent_usd=4.20))
    closed(ENTRY_START, 65)
    assert left_usd(settings, LEASE, PRICE, NOW) == pytest.approx(5.80)
    assert left_usd(replace(settings, month_budget_usd=20.0), LEASE, PRICE, NOW) == pytest.approx(15.80)


def test_when_no_hour_is_left_who_spent_it_is_named(settings: Settings) -> None:
    closed(ENTRY_START, 65)
    times = {"started": "2026-11-25T07:00:00Z", "dies_at": "2026-11-25T08:30:00Z"}
    ledger.write(replace(ENTRY, lease="20261125t070000z-0002", stack="coder-7b", **times))  # type: ignore[arg-type]
    with pytest.raises(ConfigError) as caught:
        left_usd(replace(settings, month_budget_usd=2.5), LEASE, PRICE, NOW)
    assert caught.value.line() == (
        "stacks/coder-32b/monthBudgetUsd: of $2.50 for 2026-11 $4.20 is spent or may still be: "
        "coder-32b 20261121t090000z-ab12 $2.10, "
        "coder-7b 20261125t070000z-0002 $2.10 if it lives until 2026-11-25 08:33 UTC; "
        "the rest does not cover one hour at $1.05 (api.linode.com 2026-11-25); "
        "raise it, take a cheaper plan, or destroy what still runs: `fab cost --since 2026-11-01` lists it"
    )


def test_a_lease_without_a_price_makes_what_is_left_unknown_and_never_more(settings: Settings) -> None:
    closed(ENTRY_START, 65, usd_per_hour=0.0)
    with pytest.raises(ConfigError, match="has no price, so nobody knows what is left of 2026-11"):
        left_usd(settings, LEASE, PRICE, NOW)
    assert spent_or_unknown(LEASE, "linode", NOW) is None
    assert left_usd(replace(settings, month_budget_usd=None), LEASE, PRICE, NOW) == float("inf")
