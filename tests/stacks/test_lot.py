"""What `up` knows before it creates anything."""

from dataclasses import replace
from pathlib import Path

import pytest

from stacks.account import NEEDED_SCOPES
from stacks.errors import ConfigError
from stacks.ledger import Entry
from stacks.lot import agreed_price, lacking
from stacks.settings import Settings
from tests.shipped import settings_of
from tests.stacks.test_receipt import ENTRY


@pytest.mark.parametrize(
    "scopes",
    [{"*"}, set(NEEDED_SCOPES), {"linodes:*", "firewall:*", "events:*"}, {*NEEDED_SCOPES, "volumes:read_only"}],
)
def test_a_token_that_may_do_all_lacks_nothing(scopes: set[str]) -> None:
    assert lacking(scopes, NEEDED_SCOPES) == []


def test_a_missing_scope_is_named() -> None:
    assert lacking({"linodes:read_write", "events:read_only"}, NEEDED_SCOPES) == ["firewall:read_write"]


def test_reading_is_not_writing() -> None:
    assert lacking({"linodes:read_only"}, ["linodes:read_write"]) == ["linodes:read_write"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of coder-32b."""
    return settings_of("coder-32b", tmp_path)


def known(settings: Settings, plan: str = "", region: str = "") -> Entry:
    """The ledger's entry of the lease that runs."""
    return replace(ENTRY, plan=plan or settings.plan.name, region=region or settings.region)


def test_a_lease_keeps_the_price_it_began_with(settings: Settings) -> None:
    agreed = agreed_price(settings, known(settings))
    assert agreed and (agreed.usd_per_hour, agreed.source) == (ENTRY.usd_per_hour, ENTRY.price_source)


@pytest.mark.parametrize("other", [{"plan": "g2-gpu-rtx4000a1-s"}, {"region": "elsewhere"}], ids=["plan", "region"])
def test_another_plan_is_another_lease(settings: Settings, other: dict[str, str]) -> None:
    """Else budget and receipt would reckon the hours of one plan with the price of another."""
    with pytest.raises(ConfigError) as caught:
        agreed_price(settings, known(settings, **other))
    assert caught.value.hint == "another plan is another lease: pulumi destroy -s coder-32b, then pulumi up"
