"""What an account's volumes cost is told wherever boxes are told of: they bill with or without one."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from playbooks.kept_volumes import KeptVolume, asked_for, kept_or_why, kept_volumes, volume_words
from stacks import stack_file
from stacks.account import Account
from stacks.places import owner_file, write_private
from stacks.volume_terms import tags_of
from tests.cloud import Cloud

UNTIL = datetime(2026, 12, 26, 18, tzinfo=UTC)
ALL = ("*",)
HERE = "http://127.0.0.1:1"


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of one stack, which asks for no volume, on the laptop of `me`."""
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks/Pulumi.coder-30b.yaml").write_text("config: {}\n")
    (tmp_path / "Pulumi.yaml").write_text('config: {"daybox:volume": {default: "false"}}\n')
    monkeypatch.setattr(stack_file, "ROOT", tmp_path)
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    write_private(owner_file(), "me\n")
    return tmp_path


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


def test_another_owners_volume_is_not_for_us_to_end(cloud: Cloud, account: Account) -> None:
    made(cloud, "daybox-coder", tags_of("coder", "bob", UNTIL))
    assert volume_words(kept_volumes(account, ALL)[0].row()).endswith(
        "until 2026-12-26; owner bob pays for it: ask them"
    )


def test_a_volume_that_lost_its_stack_is_ended_by_no_word_that_names_one(cloud: Cloud, account: Account) -> None:
    made(cloud, "daybox-x", ["daybox"])
    assert volume_words(kept_volumes(account, ALL)[0].row()).endswith(
        "; it does not say which stack it is of: the Cloud Manager ends it"
    )


def test_a_token_that_may_not_see_volumes_is_not_asked_for_them(cloud: Cloud, account: Account) -> None:
    cloud.fault("server-error", "GET", "^/v4/volumes$", times=None)
    assert kept_or_why(account, ["linodes:read_write"]) == ([], "")


def asking(checkout: Path, stack: str, url: str) -> None:
    """A stack whose file asks for a volume in the account of this API."""
    text = json.dumps(
        {"config": {"daybox:volume": "true", "daybox:cloud": "linode", "daybox:url": url}}
    )  # which is YAML
    (checkout / f"stacks/Pulumi.{stack}.yaml").write_text(text)


def test_where_a_stack_asks_for_a_volume_that_token_is_a_reason_for_doubt(account: Account, checkout: Path) -> None:
    asking(checkout, "coder-30b", account.api_url)
    assert kept_or_why(account, ["linodes:read_write"]) == (
        [],
        "volumes may bill that are not shown: the token lacks the scope volumes:read_write",
    )
    assert kept_or_why(account, ALL) == ([], "")


def test_a_stack_is_asked_alone_if_it_is_named(checkout: Path) -> None:
    asking(checkout, "coder-32b", HERE)
    assert [asked_for(HERE, stack) for stack in (None, "coder-32b", "coder-30b")] == [["coder-32b"], ["coder-32b"], []]


def test_a_stack_of_another_cloud_asks_nothing_of_this_account(checkout: Path) -> None:
    asking(checkout, "coder-32b", "http://127.0.0.1:2")
    assert asked_for(HERE) == []


def test_a_stack_that_does_not_say_where_may_ask_it_here(checkout: Path) -> None:
    asking(checkout, "coder-32b", "http://192.0.2.1")
    assert asked_for(HERE) == ["coder-32b"]


def test_an_account_that_does_not_say_is_told_of_and_hides_nothing_else(cloud: Cloud, account: Account) -> None:
    cloud.fault("server-error", "GET", "^/v4/volumes$", times=None)
    found, why = kept_or_why(account, ALL)
    assert found == [] and why.startswith("volumes may bill that are not shown: cloud: /volumes")


def test_a_row_is_json(cloud: Cloud, account: Account) -> None:
    made(cloud, "daybox-x", ["daybox"])
    row: dict[str, Any] = kept_volumes(account, ALL)[0].row()
    assert set(row) == {"id", "label", "stack", "owner", "size_gib", "usd_per_month", "until"}
