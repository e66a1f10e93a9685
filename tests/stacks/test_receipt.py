"""The Receipt: "gone" is what the account's full list says, and an event that proves it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stacks import ledger, receipt, watchdog
from stacks.errors import CloudError
from stacks.ledger import Entry, Life, check_same_user
from stacks.proof import Proof
from stacks.receipt import ENTRY_KEYS, ReceiptProvider, closed

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


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A laptop of one's own."""
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    return tmp_path


def test_a_token_of_another_account_proves_nothing() -> None:
    with pytest.raises(CloudError, match="was rented as developer, but LINODE_TOKEN speaks for stranger"):
        check_same_user(ENTRY, "stranger")


def inputs(entry: Entry) -> dict[str, Any]:
    """What Pulumi's state has of the resource."""
    return {key: getattr(entry, key) for key in (*ENTRY_KEYS, "month_spent_usd")} | {"cloud_token": ""}


def test_the_intent_keeps_what_others_had_spent_of_the_month(home: Path) -> None:
    ReceiptProvider().create(inputs(replace(ENTRY, month_spent_usd=12.6)))
    found = ledger.read(ENTRY.lease)
    assert found and found.month_spent_usd == 12.6 and found.intended > 0


def test_a_state_of_before_knows_nothing_of_the_month(home: Path) -> None:
    old = inputs(ENTRY)
    del old["month_spent_usd"]
    ReceiptProvider().create(old)
    assert (ledger.read(ENTRY.lease) or ENTRY).month_spent_usd is None


def test_what_others_have_spent_since_is_no_change_of_the_lease() -> None:
    assert not ReceiptProvider().diff("", inputs(ENTRY), inputs(replace(ENTRY, month_spent_usd=1.0))).changes


def test_an_update_keeps_what_was_recorded_since(home: Path) -> None:
    ledger.write(replace(ENTRY, armed=(5,), tokens=7, month_spent_usd=12.6))
    ReceiptProvider().update("", {}, inputs(replace(ENTRY, dies_at="2026-11-21T20:00:00Z")))
    found = ledger.read(ENTRY.lease)
    assert found and (found.armed, found.tokens, found.month_spent_usd) == ((5,), 7, 12.6)
    assert found.dies_at == "2026-11-21T20:00:00Z"


def test_a_box_whose_lease_the_ledger_lost_is_not_taken_for_one_that_was_never_armed(home: Path) -> None:
    """Else the next sweep would end it as half-made."""
    ReceiptProvider().update("", {}, inputs(ENTRY))
    assert (ledger.read(ENTRY.lease) or ENTRY).armed is None


def test_last_words_that_come_while_the_end_is_proved_stand_in_the_receipt(home: Path) -> None:
    """The gateway notes them in just that moment."""
    asked = ledger.write(ENTRY)
    ledger.note(ENTRY.lease, reason="idle for 30 min", tokens=12)
    life = Life(7, START, START + timedelta(minutes=65), deletion=9)
    receipt_now = closed(asked, Proof(START + timedelta(minutes=66), 0, (life,)))
    assert (receipt_now.reason, receipt_now.tokens, receipt_now.usd) == ("idle for 30 min", 12, 2.1)
    assert ledger.read(ENTRY.lease) == receipt_now


def test_a_box_that_nobody_saw_stands_in_the_ledger_with_that_doubt(home: Path) -> None:
    life = Life(8, START, START + timedelta(minutes=65), deletion=9)
    asked = ledger.write(replace(ENTRY, instance_ids=()))
    assert not closed(asked, Proof(START + timedelta(minutes=66), 0, ())).instance_ids
    closed(asked, Proof(START + timedelta(minutes=66), 0, (life,)))
    found = ledger.read(ENTRY.lease)
    assert found and (found.instance_ids, found.lives[0].by_label) == ((8,), True)


def test_the_ledger_gives_back_what_was_written(home: Path) -> None:
    ledger.write(replace(ENTRY, instance_ids=()))
    ledger.add_instance(ENTRY.lease, 7)
    ledger.add_instance(ENTRY.lease, 7)
    [entry] = ledger.entries()
    assert entry.instance_ids == (7,) and entry.landed > 0


def test_a_box_that_was_there_when_pulumi_began_was_ended_by_pulumi(home: Path) -> None:
    ReceiptProvider().read("", inputs(ENTRY))
    life = Life(7, START, START + timedelta(minutes=65), deletion=9)
    assert closed(ENTRY, Proof(START + timedelta(minutes=65, seconds=1), 0, (life,))).reason == "pulumi destroy"


def test_class_and_module_names_are_a_stored_format() -> None:
    """Pulumi pickles them by name into every state: renaming one breaks refresh and destroy of boxes that run."""
    stored = {(cls.__module__, cls.__qualname__) for cls in (receipt.ReceiptProvider, watchdog.WatchdogProvider)}
    assert stored == {("stacks.receipt", "ReceiptProvider"), ("stacks.watchdog", "WatchdogProvider")}
