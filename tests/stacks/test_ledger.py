"""The ledger: what was begun is known before it bills, and nothing that was noted is lost."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from stacks import ledger
from stacks.errors import ConfigError
from stacks.ledger import Life
from stacks.places import ledger_dir
from tests.stacks.test_receipt import ENTRY, START


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))


def test_an_entry_is_read_back_as_it_was_written() -> None:
    assert ledger.read(ledger.write(ENTRY).lease) == ENTRY


def test_a_lease_of_another_laptop_has_no_entry_here() -> None:
    assert ledger.read("20261121t090000z-0000") is None


def test_a_box_is_noted_once_and_when_it_was_seen() -> None:
    ledger.write(replace(ENTRY, instance_ids=()))
    for _ in range(2):
        ledger.add_instance(ENTRY.lease, 8)
    noted = ledger.read(ENTRY.lease)
    assert noted and noted.instance_ids == (8,) and noted.landed > noted.intended


def test_a_box_of_an_unknown_lease_makes_no_entry() -> None:
    ledger.add_instance("20261121t090000z-0000", 8)
    assert list(ledger.entries()) == []


def test_leases_come_the_oldest_first() -> None:
    for lease in ("20261121t090000z-ab12", "20261120t090000z-ffff"):
        ledger.write(replace(ENTRY, lease=lease))
    assert [entry.lease for entry in ledger.entries()] == ["20261120t090000z-ffff", "20261121t090000z-ab12"]


def test_a_receipt_is_read_back_with_the_lives_of_its_boxes() -> None:
    lives = (Life(7, START, START + timedelta(minutes=5), deletion=9), Life(8, START, told=False))
    closed = replace(ENTRY, lives=lives, stages={"stages": []}, ended="2026-11-21T10:05:00Z")
    assert ledger.read(ledger.write(closed).lease) == closed


def test_an_entry_of_before_the_receipts_had_lives_is_read() -> None:
    ledger.write(ENTRY)
    file = ledger_dir() / f"{ENTRY.lease}.json"
    row = json.loads(file.read_text())
    for name in ("lives", "proved_at", "month_spent_usd", "stages", "armed"):
        del row[name]
    file.write_text(json.dumps(row))
    assert ledger.read(ENTRY.lease) == replace(ENTRY, armed=None)


def test_an_entry_of_before_does_not_say_that_no_box_was_armed() -> None:
    """Nor one of the days when it said when, and not which."""
    file = ledger_dir() / f"{ledger.write(ENTRY).lease}.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"armed": 1764150000.0}))
    found = ledger.read(ENTRY.lease)
    assert found and found.armed is None
    assert ledger.read(ledger.write(found).lease) == found


def test_each_box_is_noted_to_be_armed_by_itself() -> None:
    ledger.write(ENTRY)
    for number in (7, 8, 7):
        ledger.add_armed(ENTRY.lease, number)
    assert (ledger.read(ENTRY.lease) or ENTRY).armed == (7, 8)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"instance_ids": 7}'])
def test_a_damaged_file_is_named_and_is_no_lease_that_cost_nothing(text: str) -> None:
    ledger.write(ENTRY)
    (ledger_dir() / f"{ENTRY.lease}.json").write_text(text)
    with pytest.raises(ConfigError, match=f"{ENTRY.lease}.json: is no receipt"):
        ledger.read(ENTRY.lease)


def test_of_two_who_note_at_the_same_moment_neither_undoes_the_other() -> None:
    """The gateway notes tokens while `destroy` closes: an old copy written back would open the lease again."""
    ledger.write(ENTRY)
    changes = [{"tokens": 5}, {"armed": (7,)}, {"reason": "idle"}, {"ended": "2026-11-21T10:05:00Z"}] * 5
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda change: ledger.note(ENTRY.lease, **change), changes))
    found = ledger.read(ENTRY.lease)
    assert found and (found.tokens, found.armed, found.reason, found.ended) == (5, (7,), "idle", "2026-11-21T10:05:00Z")
