"""The timer's token: one of its own with the least scopes, which is revoked with it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from playbooks.sweep_token import keep, minted, revoke, token_file
from stacks.account import Account
from stacks.errors import CloudError, ConfigError
from stacks.secrets import Found
from tests.cloud import TOKEN, Cloud, start_cloud

WEAK, NARROW = "weak-token", "narrow-token"
LEAST = "linodes:read_write firewall:read_write events:read_only"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    running = start_cloud(tmp_path_factory.mktemp("cloud"))
    running.add_token(WEAK, LEAST)
    running.add_token(NARROW, f"{LEAST} account:read_write")
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    monkeypatch.setattr("playbooks.sweep_token.asked_for", lambda _url: [])


def exported(token: str) -> Found:
    """That token in LINODE_TOKEN, in clear."""
    return Found(token, "LINODE_TOKEN", may_be_kept=True)


def own(cloud: Cloud) -> list[dict[str, Any]]:
    """The timer's own tokens that the account lists."""
    rows: list[dict[str, Any]] = cloud.json("GET", "/profile/tokens")["data"]
    return [row for row in rows if row["label"] == "daybox-sweep-me"]


def test_it_is_made_with_the_least_scopes_for_a_year_and_read_by_nobody_else(cloud: Cloud) -> None:
    word = keep(Account(cloud.url, TOKEN), exported(TOKEN), "me")
    [row] = own(cloud)
    assert row["scopes"] == f"{LEAST} volumes:read_write"
    assert timedelta(days=364) < datetime.fromisoformat(row["expiry"]) - datetime.now(UTC).replace(tzinfo=None)
    assert token_file().stat().st_mode & 0o777 == 0o600
    assert word.startswith("it has a token of its own, daybox-sweep-me, until 20")
    revoke(Account(cloud.url, TOKEN), "me")


def test_it_ends_a_box_and_may_make_no_token(cloud: Cloud) -> None:
    keep(Account(cloud.url, TOKEN), exported(TOKEN), "me")
    account = Account(cloud.url, token_file().read_text().strip())
    account.end(cloud.create("daybox-short")["id"])
    with pytest.raises(CloudError, match="not authorized"):
        account.post("/profile/tokens", {"label": "more"})
    revoke(Account(cloud.url, TOKEN), "me")


def test_no_scope_is_asked_for_that_the_token_itself_lacks(cloud: Cloud) -> None:
    keep(Account(cloud.url, NARROW), exported(NARROW), "me")
    assert own(cloud)[0]["scopes"] == LEAST
    revoke(Account(cloud.url, TOKEN), "me")


def test_made_again_the_old_ones_are_revoked(cloud: Cloud) -> None:
    account = Account(cloud.url, TOKEN)
    keep(account, exported(TOKEN), "me"), keep(account, exported(TOKEN), "me")
    new = minted()
    assert new and len(own(cloud)) == 2
    revoke(account, "me", but=new["id"])
    assert [row["id"] for row in own(cloud)] == [new["id"]]
    revoke(account, "me")
    assert own(cloud) == []


def test_where_none_can_be_made_the_given_one_is_kept_and_that_is_said(cloud: Cloud) -> None:
    word = keep(Account(cloud.url, WEAK), exported(WEAK), "me")
    assert (token_file().read_text(), minted()) == (f"{WEAK}\n", None)
    assert word.startswith("it keeps your LINODE_TOKEN, which may make no other")


def test_one_that_a_command_told_is_not_written_down(cloud: Cloud) -> None:
    with pytest.raises(ConfigError) as caught:
        keep(Account(cloud.url, WEAK), Found(WEAK, "LINODE_TOKEN's command"), "me")
    assert caught.value.fact == (
        "LINODE_TOKEN's command: its token may make no other (that needs account:read_write), and is not written down"
    )
    assert not token_file().exists()


def test_one_of_its_own_is_not_given_up_for_one_that_can_make_none(cloud: Cloud) -> None:
    keep(Account(cloud.url, TOKEN), exported(TOKEN), "me")
    before = token_file().read_text()
    assert "the token of its own that it had" in keep(Account(cloud.url, WEAK), exported(WEAK), "me")
    assert token_file().read_text() == before
    revoke(Account(cloud.url, TOKEN), "me")


def test_a_token_that_cannot_end_a_box_is_refused(cloud: Cloud) -> None:
    cloud.add_token("reads", "linodes:read_only events:read_only")
    with pytest.raises(CloudError, match="lacks the scope linodes:read_write, firewall:read_write"):
        keep(Account(cloud.url, "reads"), exported("reads"), "me")
    assert not token_file().exists()


def test_where_a_stack_asks_for_a_volume_a_token_that_cannot_end_it_is_refused(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sweeps would not count as good."""
    monkeypatch.setattr("playbooks.sweep_token.asked_for", lambda _url: ["coder-30b"])
    with pytest.raises(CloudError, match=r"LINODE_TOKEN: lacks the scope volumes:read_write$"):
        keep(Account(cloud.url, NARROW), exported(NARROW), "me")
    assert not token_file().exists()
