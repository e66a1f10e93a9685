"""The ledger: what was begun is known before it bills, and nothing that was noted is lost."""

from dataclasses import replace
from pathlib import Path

import pytest

from stacks import ledger
from tests.stacks.test_receipt import ENTRY


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
