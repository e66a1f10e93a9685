"""The Receipt: "gone" is what the account's full list says, and an event that proves it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stacks import ledger, receipt, watchdog
from stacks.errors import CloudError
from stacks.ledger import Entry, check_same_user
from stacks.receipt import close, receipt_text

START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
ENTRY = Entry(
    lease="20261121t090000z-ab12",
    stack="coder-32b",
    owner="me",
    cloud="linode",
    user="developer",
    api_url="http://127.0.0.1:1",
    label="daybox-coder-32b",
    plan="g2-gpu-rtx4000a2-s",
    region="us-ord",
    usd_per_hour=1.05,
    price_source="api.linode.com 2026-11-21",
    started="2026-11-21T09:00:00Z",
    dies_at="2026-11-21T19:00:00Z",
    instance_ids=(7,),
)


def test_a_token_of_another_account_proves_nothing() -> None:
    with pytest.raises(CloudError, match="was rented as developer, but LINODE_TOKEN speaks for stranger"):
        check_same_user(ENTRY, "stranger")


def test_65_minutes_are_billed_as_two_hours() -> None:
    closed = close(ENTRY, START + timedelta(minutes=65))
    assert (closed.billed_hours, closed.usd) == (2, 2.10)


def test_a_lease_without_a_box_costs_nothing() -> None:
    closed = close(replace(ENTRY, instance_ids=()), START + timedelta(minutes=5))
    assert (closed.billed_hours, closed.usd) == (0, 0.0)


def test_the_receipt_says_what_it_cost_and_where_the_price_is_from() -> None:
    text = receipt_text(close(ENTRY, START + timedelta(minutes=65)))
    assert "1.08 h lived, 2 h billed, $2.10 at $1.05/h (api.linode.com 2026-11-21)" in text


def test_the_ledger_gives_back_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    ledger.write(replace(ENTRY, instance_ids=()))
    ledger.add_instance(ENTRY.lease, 7)
    ledger.add_instance(ENTRY.lease, 7)
    [entry] = ledger.entries()
    assert entry.instance_ids == (7,) and entry.landed > 0


def test_class_and_module_names_are_a_stored_format() -> None:
    """Pulumi pickles them by name into every state: renaming one breaks refresh and destroy of boxes that run."""
    stored = {(cls.__module__, cls.__qualname__) for cls in (receipt.ReceiptProvider, watchdog.WatchdogProvider)}
    assert stored == {("stacks.receipt", "ReceiptProvider"), ("stacks.watchdog", "WatchdogProvider")}
