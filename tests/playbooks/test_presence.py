"""Whether a box is there, as a real API says it: `gone` needs two witnesses."""

from collections.abc import Iterator

import pytest

from playbooks.presence import is_gone, presence
from stacks.account import Account
from stacks.errors import CloudError
from tests.cloud import TOKEN, Cloud


@pytest.fixture
def account(cloud: Cloud) -> Iterator[Account]:
    yield Account(cloud.url, TOKEN)
    cloud.clear_faults()


@pytest.fixture(scope="module")
def box_id(cloud: Cloud) -> int:
    return int(cloud.create("daybox-there")["id"])


def test_a_listed_box_is_up(account: Account, box_id: int) -> None:
    assert presence(account, account.instances(), box_id) == "up"


def test_a_box_whose_deletion_is_among_the_events_is_gone(cloud: Cloud, account: Account) -> None:
    deleted = cloud.create("daybox-deleted")["id"]
    account.end(deleted)
    assert is_gone(account, deleted)


def test_a_box_that_the_account_never_had_is_not_called_gone(account: Account) -> None:
    """It may live in another account."""
    assert not is_gone(account, 1)


def test_a_false_404_alone_does_not_make_it_gone(cloud: Cloud, account: Account, box_id: int) -> None:
    cloud.fault("false-404", "GET", f"^/v4/linode/instances/{box_id}$")
    assert not is_gone(account, box_id)


def test_a_list_that_lacks_it_alone_does_not_make_it_gone(account: Account, box_id: int) -> None:
    assert presence(account, [], box_id) == "unknown"


@pytest.mark.parametrize("fault", ["server-error", "expired-token"])
def test_an_account_that_does_not_answer_is_an_error(cloud: Cloud, account: Account, box_id: int, fault: str) -> None:
    cloud.fault(fault, "GET", "^/v4/linode/instances", times=None)
    with pytest.raises(CloudError):
        is_gone(account, box_id)
