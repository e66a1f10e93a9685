"""What `up` knows before it creates anything."""

from dataclasses import replace
from pathlib import Path

import pytest

from stacks.account import NEEDED_SCOPES, lacking
from stacks.errors import CloudError, ConfigError
from stacks.ledger import Entry
from stacks.lot import agreed_price, check_provider_has, may_keep
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


def test_a_volume_needs_a_scope_of_its_own_and_only_a_volume_does() -> None:
    may_keep(False, NEEDED_SCOPES)
    may_keep(True, [*NEEDED_SCOPES, "volumes:read_write"])
    with pytest.raises(CloudError) as caught:
        may_keep(True, NEEDED_SCOPES)
    assert caught.value.line() == (
        "LINODE_TOKEN: lacks the scope volumes:read_write, and the stack asks for a volume; "
        "add the scope, or pulumi config set daybox:volume false"
    )


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


@pytest.mark.parametrize(("token", "cloud_token"), [("in-clear", ""), ("", "daybox-local"), ("command: x", "fixed")])
def test_a_provider_that_has_its_token_is_let_go_on(
    monkeypatch: pytest.MonkeyPatch, token: str, cloud_token: str
) -> None:
    monkeypatch.setenv("LINODE_TOKEN", token)
    check_provider_has(cloud_token)


@pytest.mark.parametrize("token", ["", "command: echo of-the-file", "of-another-account", " of-the-file\n"])
def test_a_provider_that_would_act_with_another_token_or_none_is_found_before_anything_is_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, token: str
) -> None:
    (tmp_path / "token").write_text("of-the-file\n")
    monkeypatch.setenv("DAYBOX_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("LINODE_TOKEN", token)
    with pytest.raises(ConfigError) as caught:
        check_provider_has("")
    assert caught.value.line() == (
        "LINODE_TOKEN: is not the token that daybox found, and this pulumi's linode provider looks nowhere else; "
        "source scripts/env: its pulumi asks for it where you keep it"
    )
    monkeypatch.setenv("LINODE_TOKEN", "of-the-file")
    check_provider_has("")
