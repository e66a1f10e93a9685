"""The account as it really is: a refusal, a fault or a missing page is an error, never an empty answer.

Invariant 4 rests on this: 401, 403, 5xx, a time-out or an empty page never mean gone.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stacks import account as account_module
from stacks import refusals
from stacks.account import Account
from stacks.errors import CloudError, ConfigError
from tests.cloud import TOKEN, Cloud

LIST = "^/v4/linode/instances$"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries are the library's; here they only cost time."""
    monkeypatch.setattr(account_module, "BACKOFF_SECONDS", 0.01)


@pytest.fixture
def account(cloud: Cloud) -> Iterator[Account]:
    """The account, with nothing wrong and nothing in it."""
    cloud.clear_faults()
    for row in cloud.json("GET", "/linode/instances")["data"]:
        cloud.json("DELETE", f"/linode/instances/{row['id']}")
    yield Account(cloud.url, TOKEN)
    cloud.clear_faults()


def test_a_box_is_listed_with_its_tags(account: Account, cloud: Cloud) -> None:
    made = cloud.create("one", tags=["daybox", "daybox-stack-local"])
    assert [(box.id, box.tags) for box in account.instances()] == [(made["id"], ("daybox", "daybox-stack-local"))]


def test_every_page_is_read(account: Account, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_module, "PAGE_SIZE", 25)  # the API's smallest
    made = {cloud.create(f"box-{number}")["id"] for number in range(26)}
    assert {box.id for box in account.instances()} == made


def test_a_box_that_never_was_is_none(account: Account) -> None:
    assert account.instance(12345678) is None


def test_a_deleted_box_has_an_event_that_proves_it(account: Account, cloud: Cloud) -> None:
    made = cloud.create("short-lived")["id"]
    assert account.deleted_at(made) is None
    account.delete_instance(made)
    assert account.deleted_at(made) is not None


def test_deleting_what_is_gone_is_what_we_wanted(account: Account) -> None:
    account.delete_instance(12345678)


def test_a_false_404_does_not_prove_a_deletion(account: Account, cloud: Cloud) -> None:
    made = cloud.create("still-here")["id"]
    cloud.fault("false-404", "GET", f"^/v4/linode/instances/{made}$")
    assert account.instance(made) is None
    assert account.deleted_at(made) is None


@pytest.mark.parametrize("fault", ["server-error", "no-capacity", "reply-lost", "expired-token"])
def test_a_fault_is_never_an_empty_list(account: Account, cloud: Cloud, fault: str) -> None:
    cloud.fault(fault, "GET", LIST, times=None)
    with pytest.raises(CloudError):
        account.instances()


def test_a_silent_api_is_given_up_on(account: Account, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_module, "TIMEOUT_SECONDS", 0.3)
    cloud.fault("slow", "GET", LIST, times=None, seconds=2)
    with pytest.raises(CloudError, match="does not answer"):
        account.instances()


def test_a_refused_token_says_so(cloud: Cloud) -> None:
    with pytest.raises(CloudError, match="401") as caught:
        Account(cloud.url, "nonsense").instances()
    assert "LINODE_TOKEN" in caught.value.hint


def test_a_token_without_the_scope_is_no_empty_list(cloud: Cloud) -> None:
    cloud.add_token("events-only", "events:read_only")
    with pytest.raises(CloudError, match="not authorized") as caught:
        Account(cloud.url, "events-only").instances()
    assert "linodes:read_write" in caught.value.hint


def test_scopes_are_what_the_api_itself_says(cloud: Cloud) -> None:
    cloud.add_token("weak", "linodes:read_write firewall:read_write")
    assert Account(cloud.url, "weak").profile().scopes == {"linodes:read_write", "firewall:read_write"}


def test_the_full_token_may_do_everything(account: Account) -> None:
    assert "*" in account.profile().scopes


def test_an_unreachable_cloud_names_itself() -> None:
    with pytest.raises(CloudError, match=r"http://127\.0\.0\.1:9/v4|does not answer"):
        Account("http://127.0.0.1:9", TOKEN).instances()


def test_no_token_is_found_before_anything_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LINODE_TOKEN", raising=False)
    with pytest.raises(ConfigError, match="LINODE_TOKEN: is not set"):
        account_module.deploy_token("")


def test_a_full_answer_is_needed_not_half_of_it(
    account: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(account, "_call", lambda *_, **__: {"data": [], "pages": 1, "results": 3})
    with pytest.raises(CloudError, match="0 of 3 rows"):
        account.instances()


def test_what_runs_unattended_finds_its_token_in_a_file_whatever_is_exported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("its-own\n")
    monkeypatch.setenv("LINODE_TOKEN", "inherited")
    assert account_module.deploy_token("") == "inherited"
    monkeypatch.setenv("DAYBOX_TOKEN_FILE", str(tmp_path / "token"))
    assert account_module.deploy_token("") == "its-own"


def test_the_local_clouds_word_needs_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINODE_TOKEN", "of-linode")
    assert account_module.deploy_token(TOKEN) == TOKEN


@pytest.mark.parametrize("fault", ["server-error", "unavailable", "rate-limit", "busy", "false-404", "reply-lost"])
def test_a_deletion_that_fails_five_times_is_asked_again(
    account: Account, cloud: Cloud, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(refusals, "LOOK_SECONDS", 0.01)
    made = cloud.create("stubborn")["id"]
    cloud.fault(fault, "DELETE", f"^/v4/linode/instances/{made}$", times=5, seconds=0)
    account.end(made)
    assert account.instances() == []


@pytest.mark.parametrize("path", [LIST, "^/v4/linode/instances/", "^/v4/account/events$"])
def test_an_end_is_not_proved_while_one_of_the_three_is_silent(
    account: Account, cloud: Cloud, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """List, the very id, and events must all say so."""
    monkeypatch.setattr(refusals, "END_SECONDS", 0.0)
    made = cloud.create("unproved")["id"]
    cloud.fault("server-error", "GET", path, times=None)
    with pytest.raises(CloudError, match=f"box {made} may still be there"):
        account.end(made)


def test_an_empty_page_and_false_404s_do_not_end_a_box(
    account: Account, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "END_SECONDS", 0.0)
    made = cloud.create("hidden")["id"]
    cloud.fault("empty-page", "GET", LIST, times=None)
    cloud.fault("false-404", ".*", f"^/v4/linode/instances/{made}$", times=None)
    with pytest.raises(CloudError, match=f"box {made} may still be there"):
        account.end(made)
