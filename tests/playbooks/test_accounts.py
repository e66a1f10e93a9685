"""Which accounts a sweep looks into; one that cannot be asked is a fault and keeps nothing else alive."""

from dataclasses import replace
from pathlib import Path

import pytest

from playbooks.accounts import Book, accounts_to_look_into, not_asked, tried
from stacks import ledger
from stacks.errors import CloudError, UsageError
from stacks.places import cloud_dir, ledger_dir, write_private
from tests.stacks.test_receipt import ENTRY

HERE, ELSEWHERE, LINODE = "http://127.0.0.1:1", "http://127.0.0.1:2", "https://api.linode.com"


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    monkeypatch.delenv("LINODE_TOKEN", raising=False)


def urls(stack: str | None, faults: list[str] | None = None) -> list[str]:
    """The accounts that are looked into."""
    faults = [] if faults is None else faults
    return [account.api_url for account in accounts_to_look_into(stack, Book.read(faults), faults)]


def test_a_stack_that_was_never_begun_here_is_looked_for_wherever_there_is_a_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LINODE_TOKEN", "never-sent")
    write_private(cloud_dir() / "url", HERE)
    assert urls("coder-30b") == [HERE, LINODE]


def test_a_stack_that_was_begun_here_is_looked_for_where_it_was_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINODE_TOKEN", "never-sent")
    write_private(cloud_dir() / "url", HERE)
    ledger.write(replace(ENTRY, api_url=ELSEWHERE))
    assert urls(ENTRY.stack) == [ELSEWHERE]
    assert urls(None) == [ELSEWHERE, LINODE]


def test_an_account_whose_token_is_missing_is_a_fault_and_the_others_are_asked() -> None:
    write_private(cloud_dir() / "url", HERE)
    ledger.write(replace(ENTRY, api_url=ELSEWHERE))
    ledger.write(replace(ENTRY, lease="20261121t100000z-cd34", cloud="local", api_url=HERE))
    faults = list[str]()
    assert urls(None, faults) == [HERE]
    assert [fault.split(";")[0] for fault in faults] == ["LINODE_TOKEN: is not set"]


def test_nobody_to_ask_is_an_error() -> None:
    with pytest.raises(UsageError, match="there is no account to look into"):
        urls(None)


def test_a_local_cloud_that_does_not_run_may_have_boxes() -> None:
    ledger.write(replace(ENTRY, cloud="local"))
    book = Book.read([])
    assert not_asked(ENTRY.stack, book) and not not_asked("another-stack", book)
    write_private(cloud_dir() / "url", HERE)
    assert not not_asked(ENTRY.stack, book)


def test_an_entry_that_cannot_be_read_is_a_fault_and_its_lease_is_remembered() -> None:
    ledger.write(ENTRY)
    (ledger_dir() / "20261121t100000z-cd34.json").write_text("{")
    faults = list[str]()
    book = Book.read(faults)
    assert [entry.lease for entry in book.open(None)] == [ENTRY.lease]
    assert book.unread == frozenset({"20261121t100000z-cd34"})
    assert len(faults) == 1 and "is no receipt" in faults[0]


def test_one_box_that_makes_trouble_does_not_keep_the_others_alive() -> None:
    faults: list[str] = []

    def trouble() -> int:
        raise CloudError("cloud: silent", hint="wait")

    assert [tried(faults, trouble), tried(faults, lambda: 7)] == [None, 7]
    assert faults == ["cloud: silent; wait"]


@pytest.mark.parametrize("trouble", [OSError(28, "No space left on device"), KeyError("type")])
def test_nor_does_trouble_that_nobody_expected(trouble: Exception) -> None:
    faults = list[str]()

    def action() -> int:
        raise trouble

    assert tried(faults, action) is None
    assert faults == [f"{type(trouble).__name__}: {trouble}"]


def test_ctrl_c_ends_it_all() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tried([], interrupted)
