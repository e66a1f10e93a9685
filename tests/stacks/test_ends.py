"""When a box dies whatever happens."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from stacks import ledger
from stacks.ends import End, hard_ends
from stacks.errors import ConfigError
from stacks.lease import Lease
from stacks.price import Price
from stacks.settings import Settings
from tests.shipped import settings_of
from tests.stacks.test_receipt import ENTRY


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of coder-32b."""
    return settings_of("coder-32b", tmp_path)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A laptop of one's own."""
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    return tmp_path


LEASE = Lease("20261121t080000z-ab12", "coder-32b", "me")


def test_a_box_ends_when_its_lifetime_or_its_budget_does(settings: Settings) -> None:
    price = Price(1.05, "api.linode.com 2026-11-21")
    assert hard_ends(settings, LEASE, price, LEASE.start)[0] == End(at(600), "the lease has ended")
    frugal = replace(settings, budget_usd=2.10)
    assert hard_ends(frugal, LEASE, price, LEASE.start)[0] == End(at(115), "its budget of $2.10 is spent")


def test_an_end_that_has_passed_is_refused_before_a_token_is_asked_for(settings: Settings) -> None:
    with pytest.raises(ConfigError) as caught:
        hard_ends(settings, LEASE, Price(1.05, ""), LEASE.start + timedelta(minutes=600))
    assert caught.value.line() == (
        "stacks/coder-32b/maxLifetimeMinutes: the box would have ended at 2026-11-21 18:00 UTC; "
        "raise it (or budgetUsd), or give the box back: pulumi destroy -s coder-32b"
    )


def test_a_box_ends_half_an_hour_before_its_token_does(settings: Settings) -> None:
    assert hard_ends(settings, LEASE, Price(1.05, ""), LEASE.start)[-1] == End(at(630), "its own token is about to end")


def test_a_box_ends_when_what_is_left_of_the_month_is_spent(settings: Settings, home: Path) -> None:
    """Another lease has taken $2.10 of $4.20, so two hours are left."""
    ledger.write(replace(ENTRY, cloud="linode", billed_hours=2, usd=2.1, ended="2026-11-21T10:05:00Z"))
    frugal, price = replace(settings, month_budget_usd=4.2), Price(1.05, "")
    assert hard_ends(frugal, LEASE, price, LEASE.start)[0] == End(at(115), "the month's budget of $4.20 is spent")


def test_the_first_of_two_budgets_counts(settings: Settings, home: Path) -> None:
    both = replace(settings, budget_usd=1.05, month_budget_usd=4.2)
    assert hard_ends(both, LEASE, Price(1.05, ""), LEASE.start)[0] == End(at(55), "its budget of $1.05 is spent")


def at(minutes: float) -> datetime:
    """So many minutes into the lease."""
    return LEASE.start + timedelta(minutes=minutes)
