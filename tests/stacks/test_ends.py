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


def first(settings: Settings) -> End:
    """The first hard end of a lease that begins, at $1.05 an hour."""
    return hard_ends(settings, LEASE, Price(1.05, ""), LEASE.start)[0]


def test_a_box_ends_when_its_lifetime_or_its_budget_does(settings: Settings) -> None:
    assert first(settings) == End(at(600), "the lease has ended", "maxLifetimeMinutes")
    frugal = replace(settings, budget_usd=2.10)
    assert first(frugal) == End(at(115), "its budget of $2.10 is spent", "budgetUsd")


@pytest.mark.parametrize(
    ("budgets", "setting", "ended", "why"),
    [
        ({}, "maxLifetimeMinutes", "18:00", "the lease has ended"),
        ({"budget_usd": 2.1}, "budgetUsd", "09:55", "its budget of $2.10 is spent"),
        ({"month_budget_usd": 1.05}, "monthBudgetUsd", "08:55", "the month's budget of $1.05 is spent"),
    ],
)
def test_an_end_that_has_passed_is_refused_and_the_setting_named_that_moves_it(
    settings: Settings, home: Path, budgets: dict[str, float], setting: str, ended: str, why: str
) -> None:
    """Before a token is asked for."""
    limited = replace(settings, **budgets)  # type: ignore[arg-type]
    with pytest.raises(ConfigError) as caught:
        hard_ends(limited, LEASE, Price(1.05, ""), LEASE.start + timedelta(minutes=600))
    assert caught.value.line() == (
        f"stacks/coder-32b/{setting}: the box would have ended at 2026-11-21 {ended} UTC: {why}; "
        "raise it, or give the box back: pulumi destroy -s coder-32b"
    )


def test_a_box_ends_half_an_hour_before_its_token_does(settings: Settings) -> None:
    last = hard_ends(settings, LEASE, Price(1.05, ""), LEASE.start)[-1]
    assert (last.at, last.why) == (at(630), "its own token is about to end")


def test_a_box_ends_when_what_is_left_of_the_month_is_spent(settings: Settings, home: Path) -> None:
    """Another lease has taken $2.10 of $4.20, so two hours are left."""
    ledger.write(replace(ENTRY, cloud="linode", billed_hours=2, usd=2.1, ended="2026-11-21T10:05:00Z"))
    frugal = replace(settings, month_budget_usd=4.2)
    assert first(frugal) == End(at(115), "the month's budget of $4.20 is spent", "monthBudgetUsd")


def test_the_first_of_two_budgets_counts(settings: Settings, home: Path) -> None:
    both = replace(settings, budget_usd=1.05, month_budget_usd=4.2)
    assert first(both) == End(at(55), "its budget of $1.05 is spent", "budgetUsd")


def at(minutes: float) -> datetime:
    """So many minutes into the lease."""
    return LEASE.start + timedelta(minutes=minutes)
