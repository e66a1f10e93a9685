"""Where this laptop is, by box and by API; and when neither says, what to type."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from playbooks.whereabouts import Seen, address_in, newest, over_ssh, over_the_tunnel, seen
from stacks.account import Account
from stacks.errors import BoxError, UsageError
from stacks.ssh import Target, prepare
from tests.cloud import TOKEN, Cloud, start_cloud
from tests.playbooks.fake_box import free_port
from tests.playbooks.own_sshd import OwnSshd, own_sshd
from tests.playbooks.pretend_box import PretendBox

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))


@pytest.fixture
def own_cloud(tmp_path: Path) -> Iterator[Cloud]:
    """One that a test may write logins into."""
    running = start_cloud(tmp_path / "cloud")
    yield running
    running.stop()


@pytest.fixture
def silent(tmp_path: Path) -> Target:
    """A box whose port is closed to us."""
    return prepare(Target("local", "127.0.0.1", "daybox-7", tmp_path / "login", ("ssh-ed25519 AAAA",), free_port()))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("203.0.113.7 51234 198.51.100.6 22\n", "203.0.113.7"),
        ("2001:db8::7 51234 2001:db8::1 22", "2001:db8::7"),
        ("", ""),
        ("UNKNOWN 1 2 3", ""),
        ("203.0.113.7; rm -rf / 1 2", ""),
    ],
)
def test_an_address_is_taken_only_if_it_is_one(text: str, address: str) -> None:
    assert address_in(text) == address


def login(minutes: float, ip: str = "203.0.113.9", **more: Any) -> dict[str, Any]:
    """One row of the API's list, so many minutes old. Shape: Linode's API reference, `profile/logins`."""
    at = (NOW - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S")
    known = {"id": 1234, "restricted": False, "status": "successful", "username": "you"}
    return known | {"datetime": at, "ip": ip} | more


@pytest.mark.parametrize(
    ("logins", "address"),
    [
        ([login(1)], "203.0.113.9"),
        ([login(5, "203.0.113.1"), login(2, "203.0.113.2"), login(9, "203.0.113.3")], "203.0.113.2"),
        ([login(1, "203.0.113.1", status="failed"), login(2, "203.0.113.2")], "203.0.113.2"),
        ([login(1, "not an address")], None),
        ([login(1, "2001:db8::7"), login(2)], "203.0.113.9"),
        ([login(1, "2001:db8::7")], None),
        ([login(14.9)], "203.0.113.9"),
        ([login(15.1)], None),
        ([], None),
    ],
)
def test_the_newest_good_login_counts_while_it_is_fresh(logins: list[dict[str, Any]], address: str | None) -> None:
    found = newest(logins, NOW, 4)
    assert (found[0] if found else None) == address


def test_a_login_is_told_with_its_time() -> None:
    assert newest([login(1)], NOW, 4) == ("203.0.113.9", "the API, at the login of 11:59:00 UTC")


def test_a_silent_box_sees_nobody(silent: Target) -> None:
    assert (over_ssh(silent), over_the_tunnel(silent)) == ("", "")


def test_a_box_that_is_somebody_else_is_not_asked(tmp_path: Path) -> None:
    with own_sshd(tmp_path / "sshd") as running, pytest.raises(BoxError, match="host key"):
        over_ssh(PretendBox(tmp_path / "box", running).target("ssh-ed25519 AAAA"))


def test_a_box_that_is_reached_is_believed_and_the_api_not_asked(tmp_path: Path, sshd_env: OwnSshd) -> None:
    nobody = Account("http://127.0.0.1:9", "t")
    assert seen(PretendBox(tmp_path / "box", sshd_env).target(), nobody) == Seen("127.0.0.1", "the box")


@pytest.fixture
def sshd_env(tmp_path: Path) -> Iterator[OwnSshd]:
    """An sshd that, as OpenSSH's does, tells a command who is there."""
    with own_sshd(tmp_path / "sshd") as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSH_CONNECTION", "127.0.0.1 51234 127.0.0.1 22")
        yield running


def test_where_the_box_is_silent_the_api_is_asked(silent: Target, own_cloud: Cloud) -> None:
    own_cloud.sign_in("203.0.113.9")
    found = seen(silent, Account(own_cloud.url, TOKEN))
    assert found.address == "203.0.113.9" and found.by.startswith("the API, at the login of ")


def test_an_old_login_is_no_whereabouts_and_the_way_out_is_named(silent: Target, own_cloud: Cloud) -> None:
    own_cloud.sign_in("203.0.113.9", datetime="2026-01-01T00:00:00")
    with pytest.raises(UsageError) as caught:
        seen(silent, Account(own_cloud.url, TOKEN))
    assert "no login over IPv4 within 15 minutes" in caught.value.fact
    assert caught.value.hint.startswith("say it: fab allow --ip YOUR.PUBLIC.ADDRESS; or sign in")


def test_a_token_that_may_not_see_logins_leads_to_the_same_way_out(silent: Target, own_cloud: Cloud) -> None:
    own_cloud.add_token("weak", "linodes:read_write")
    with pytest.raises(UsageError) as caught:
        seen(silent, Account(own_cloud.url, "weak"))
    assert "--ip" in caught.value.hint
