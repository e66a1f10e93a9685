"""The sweep: ends by the account's own list, and never another owner's before its end."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from invoke.exceptions import Exit

from playbooks.sweep import accounts_to_look_into, look, may_end, not_asked, not_ended, sweep, tried
from stacks import ledger
from stacks.account import Account, Instance
from stacks.errors import CloudError
from stacks.lease import Lease
from stacks.ledger import Entry
from stacks.places import cloud_dir, owner_file, write_private
from stacks.proof import LANDING_SECONDS
from tests.cloud import TOKEN, Cloud, start_cloud
from tests.stacks.test_receipt import ENTRY

NOW = datetime.now(UTC)  # the local cloud has no other clock
LATER, EARLIER = NOW + timedelta(hours=1), NOW - timedelta(hours=1)
LEASE = Lease("20261121t080000z-ab12", "coder-32b", "me")


def box(until: datetime, owner: str = "me") -> Instance:
    """A listed box of stack coder-32b."""
    tags = tuple(Lease(LEASE.id, LEASE.stack, owner).tags_until(until))
    return Instance(7, LEASE.label, "running", "2026-11-21T08:00:05", "g2", "us-ord", "192.0.2.1", tags)


def test_a_box_past_its_end_may_be_ended_by_anybody() -> None:
    assert may_end(box(EARLIER, owner="somebody"), "me", None, NOW)


def test_a_living_box_is_left_alone_unless_its_stack_is_named() -> None:
    assert not may_end(box(LATER), "me", None, NOW)
    assert may_end(box(LATER), "me", "coder-32b", NOW)


def test_another_owners_box_is_never_touched_before_its_end() -> None:
    assert not may_end(box(LATER, owner="somebody"), "me", "coder-32b", NOW)


def test_another_stacks_box_is_not_meant() -> None:
    assert not may_end(box(EARLIER), "me", "local", NOW)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    running = start_cloud(tmp_path_factory.mktemp("cloud"))
    yield running
    running.stop()


def test_a_half_made_box_is_found_by_its_tags_and_ended(cloud: Cloud, tmp_path: Path) -> None:
    made = cloud.create(LEASE.label, tags=LEASE.tags_until(LATER))["id"]
    account = Account(cloud.url, TOKEN)
    assert [found.id for found in look(account, "me", "coder-32b").sweepable] == [made]
    account.end(made)
    assert account.instances() == []


def test_another_owners_living_box_is_named_and_not_passed_over_in_silence(cloud: Cloud) -> None:
    made = cloud.create("daybox-theirs", tags=Lease(LEASE.id, "theirs", "somebody").tags_until(LATER))["id"]
    account = Account(cloud.url, TOKEN)
    seen = look(account, "me", "theirs")
    account.end(made)
    assert (seen.sweepable, [found.id for found in seen.kept]) == ((), [made])
    assert not_ended(seen.kept[0]).startswith(f"box {made} belongs to owner somebody until ")


def test_a_token_of_another_user_than_the_lease_began_with_is_a_fault(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its list is empty whatever bills in the other account."""
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    ledger.write(replace(ENTRY, api_url=cloud.url, user="somebody-else"))
    assert look(Account(cloud.url, TOKEN), "me", "another-stack").faults == ()
    [fault] = look(Account(cloud.url, TOKEN), "me", ENTRY.stack).faults
    assert "was rented as somebody-else" in fault


@pytest.fixture
def begun(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Entry]:
    """A lease with one box, as this laptop's ledger has it, in a local cloud that runs."""
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    write_private(owner_file(), "me\n")
    write_private(cloud_dir() / "url", cloud.url)
    made = cloud.create(ENTRY.label, tags=Lease(ENTRY.lease, ENTRY.stack, "me").tags_until(LATER))
    yield ledger.write(
        replace(ENTRY, cloud="local", user="daybox", api_url=cloud.url, instance_ids=(made["id"],), landed=1.0)
    )
    cloud.clear_faults()
    for row in cloud.json("GET", "/linode/instances")["data"]:
        cloud.call("DELETE", f"/linode/instances/{row['id']}")


def swept(**options: Any) -> int:
    """The exit status of `fab sweep`."""
    try:
        sweep.body(None, **options)
    except Exit as ended:
        return int(ended.code)
    return 0


def test_an_empty_page_is_not_taken_for_an_empty_account(cloud: Cloud, begun: Entry) -> None:
    """Invariant 4: the box bills, whatever that list says."""
    cloud.fault("empty-page", "GET", "^/v4/linode/instances$", times=None)
    assert swept(stack=begun.stack, yes=True) == CloudError.exit_code
    cloud.clear_faults()
    assert swept(stack=begun.stack, yes=True) == 0
    assert cloud.json("GET", "/linode/instances")["data"] == []
    assert swept(stack=begun.stack, yes=True) == 0


def test_a_box_that_was_asked_for_and_never_seen_is_a_fault_while_it_may_still_appear(begun: Entry) -> None:
    unseen = replace(begun, lease="20261121t100000z-cd34", label="daybox-other", instance_ids=(), landed=0.0)
    ledger.write(replace(unseen, stack="other", intended=time.time()))
    assert swept(stack="other", yes=True) == CloudError.exit_code
    ledger.write(replace(unseen, stack="other", intended=time.time() - LANDING_SECONDS - 1))
    assert swept(stack="other", yes=True) == 0


def test_what_bills_and_was_not_agreed_to_be_ended_is_no_success(begun: Entry) -> None:
    assert swept(stack=begun.stack, json=True) == CloudError.exit_code


def test_a_local_cloud_that_does_not_run_may_have_boxes(begun: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    (cloud_dir() / "url").unlink()
    assert not_asked(begun.stack) and not not_asked("another-stack")


def test_a_stack_that_was_never_begun_here_is_looked_for_wherever_there_is_a_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    monkeypatch.setenv("LINODE_TOKEN", "never-sent")
    (tmp_path / "cloud").mkdir()
    (tmp_path / "cloud/url").write_text("http://127.0.0.1:1")
    urls = [account.api_url for account in accounts_to_look_into("coder-30b")]
    assert urls == ["http://127.0.0.1:1", "https://api.linode.com"]


def test_a_delete_that_did_not_succeed_is_not_called_ended(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stacks.account.END_SECONDS", 0.1)
    made = cloud.create("daybox-stuck", tags=LEASE.tags_until(LATER))["id"]
    account = Account(cloud.url, TOKEN)
    monkeypatch.setattr(account, "delete_instance", lambda _: None)
    with pytest.raises(CloudError, match="still there, and bills"):
        account.end(made)


def test_one_box_that_makes_trouble_does_not_keep_the_others_alive() -> None:
    faults: list[str] = []

    def trouble() -> int:
        raise CloudError("cloud: silent", hint="wait")

    assert [tried(faults, trouble), tried(faults, lambda: 7)] == [None, 7]
    assert faults == ["cloud: silent; wait"]


def test_an_until_tag_that_cannot_be_read_ends_nothing() -> None:
    odd = Instance(7, "daybox-x", "running", "2026-11-21T08:00:05", "g2", "us-ord", "192.0.2.1", ("daybox-until-soon",))
    assert not may_end(odd, "me", None, NOW)
