"""The account as it really is: a refusal, a fault or a missing page is an error, never an empty answer.

Invariant 4 rests on this: 401, 403, 5xx, a time-out or an empty page never mean gone.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stacks import account as account_module
from stacks.account import Account
from stacks.errors import CloudError, ConfigError
from tests.cloud import TOKEN, Cloud, start_cloud

LIST = "^/v4/linode/instances$"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A local cloud whose boxes are records only."""
    running = start_cloud(tmp_path_factory.mktemp("cloud"))
    yield running
    running.stop()


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
