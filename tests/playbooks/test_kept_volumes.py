"""What an account's volumes cost is told wherever boxes are told of: they bill with or without one."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from playbooks.kept_volumes import KeptVolume, kept_or_why, kept_volumes, volume_words
from stacks.account import Account
from stacks.volume_terms import tags_of
from tests.cloud import Cloud

UNTIL = datetime(2026, 12, 26, 18, tzinfo=UTC)
ALL = ("*",)


@pytest.fixture
def account(cloud: Cloud) -> Iterator[Account]:
    yield Account(cloud.url, "daybox-local")
    cloud.clear_faults()
    for row in cloud.json("GET", "/volumes")["data"]:
        cloud.call("DELETE", f"/volumes/{row['id']}")


def made(cloud: Cloud, label: str, tags: list[str]) -> int:
    """The id of a volume of 30 GiB."""
    return int(cloud.json("POST", "/volumes", {"label": label, "region": "local", "size": 30, "tags": tags})["id"])


def test_a_volume_is_told_with_its_cost_its_stack_and_its_end(cloud: Cloud, account: Account) -> None:
    number = made(cloud, "daybox-coder-30b", tags_of("coder-30b", "me", UNTIL))
    [found] = kept_volumes(account, ALL)
    assert found == KeptVolume(number, "daybox-coder-30b", "coder-30b", "me", 30, 3.0, UNTIL)
    assert volume_words(found.row()) == (
        f"volume {number} (daybox-coder-30b, 30 GiB) bills $3.00 a month, box or not, until 2026-12-26; "
        "`fab sweep --stack coder-30b` ends it with all that the stack has"
    )


def test_somebody_elses_volume_is_none_of_ours(cloud: Cloud, account: Account) -> None:
    made(cloud, "photos", ["family"])
    assert kept_volumes(account, ALL) == []


def test_a_volume_without_an_end_says_so(cloud: Cloud, account: Account) -> None:
    made(cloud, "daybox-x", ["daybox"])
    [found] = kept_volumes(account, ALL)
    assert (found.stack, found.until) == ("?", None) and "until somebody ends it" in volume_words(found.row())


def test_a_token_that_may_not_see_volumes_is_not_asked_for_them(cloud: Cloud, account: Account) -> None:
    cloud.fault("server-error", "GET", "^/v4/volumes$", times=None)
    assert kept_or_why(account, ["linodes:read_write"]) == ([], "")


def test_an_account_that_does_not_say_is_told_of_and_hides_nothing_else(cloud: Cloud, account: Account) -> None:
    cloud.fault("server-error", "GET", "^/v4/volumes$", times=None)
    found, why = kept_or_why(account, ALL)
    assert found == [] and why.startswith("volumes may bill that are not shown: cloud: /volumes")


def test_a_row_is_json(cloud: Cloud, account: Account) -> None:
    made(cloud, "daybox-x", ["daybox"])
    row: dict[str, Any] = kept_volumes(account, ALL)[0].row()
    assert set(row) == {"id", "label", "stack", "owner", "size_gib", "usd_per_month", "until"}
