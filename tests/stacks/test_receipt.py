"""The Receipt: "gone" is what the account's full list says, and an event that proves it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stacks import ledger, receipt, watchdog
from stacks.account import Instance
from stacks.errors import CloudError
from stacks.ledger import Entry, check_same_user
from stacks.receipt import close, left_of, prove_gone, receipt_text, with_lost_boxes

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
    price_source="linode API 2026-11-21",
    started="2026-11-21T09:00:00Z",
    dies_at="2026-11-21T19:00:00Z",
    instance_ids=(7,),
)


def box(number: int, label: str = "other", lease: str | None = None) -> Instance:
    """A listed box."""
    tags = (f"daybox-lease-{lease}",) if lease else ()
    return Instance(number, label, "running", "2026-11-21T09:00:05", "g2", "us-ord", "192.0.2.1", tags)


class Listing:
    """An account that lists `boxes` and remembers deletions of `deleted`."""

    def __init__(self, boxes: list[Instance], deleted: dict[int, datetime]) -> None:
        self.boxes, self.deleted = boxes, deleted

    def instances(self) -> list[Instance]:
        return self.boxes

    def created_since(self, _label: str, _since: datetime) -> list[int]:
        return [8]

    def deleted_at(self, instance_id: int) -> datetime | None:
        return self.deleted.get(instance_id)


@pytest.mark.parametrize(
    "left",
    [box(7), box(8, lease=ENTRY.lease), box(9, label=ENTRY.label)],
    ids=["by id", "by lease tag", "by label without a lease tag"],
)
def test_whatever_may_still_be_this_lease_is_left(left: Instance) -> None:
    assert left_of(ENTRY, [left]) == [left]


def test_the_next_lease_under_the_same_label_is_not_ours() -> None:
    assert left_of(ENTRY, [box(9, label=ENTRY.label, lease="20261121t100000z-cd34")]) == []


def test_a_listed_box_is_named_and_destroy_fails() -> None:
    with pytest.raises(CloudError, match=r"still in the account and billing: 7"):
        prove_gone(ENTRY, Listing([box(7)], {7: START}))  # type: ignore[arg-type]


def test_an_empty_list_without_a_deletion_event_is_not_believed() -> None:
    """A false 404 with an empty page once passed for gone."""
    with pytest.raises(CloudError, match="no event says that it was deleted"):
        prove_gone(ENTRY, Listing([], {}))  # type: ignore[arg-type]


def test_an_empty_list_and_an_event_are_the_end() -> None:
    ended = START + timedelta(minutes=65)
    assert prove_gone(ENTRY, Listing([], {7: ended})) == ended  # type: ignore[arg-type]


def test_a_create_whose_reply_was_lost_is_found_in_the_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """It billed an hour, whether anything is left of it or not."""
    monkeypatch.setattr(receipt, "LANDING_SECONDS", 0)
    asked = replace(ENTRY, instance_ids=(), started="2026-01-01T09:00:00Z", intended=1.0)
    assert with_lost_boxes(asked, Listing([], {})).instance_ids == (8,)  # type: ignore[arg-type]


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
    assert "1.08 h lived, 2 h billed, $2.10 at $1.05/h (linode API 2026-11-21)" in text


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
