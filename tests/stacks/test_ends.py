"""When a box dies whatever happens."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from stacks.ends import End, hard_ends
from stacks.errors import ConfigError
from stacks.lease import Lease
from stacks.price import Price
from stacks.settings import Settings
from tests.shipped import settings_of


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of coder-32b."""
    return settings_of("coder-32b", tmp_path)


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


def at(minutes: float) -> datetime:
    """So many minutes into the lease."""
    return LEASE.start + timedelta(minutes=minutes)
