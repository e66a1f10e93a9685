"""When each account was last looked into, and what `up` says when nobody does."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stacks.sweeps import INTERVAL_MINUTES, last_good, no_second_killer, record

HERE, THERE = "https://api.linode.com", "http://127.0.0.1:1"


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))


def test_no_sweep_is_known_of_before_the_first() -> None:
    assert last_good() is None


def test_a_sweep_is_known_of_the_accounts_it_listed_and_of_no_other(tmp_path: Path) -> None:
    record([HERE])
    last = last_good(HERE)
    assert last and datetime.now(UTC) - last < timedelta(seconds=5)
    assert (last_good(), last_good(THERE)) == (last, None)
    assert (tmp_path / "sweeps.json").stat().st_mode & 0o777 == 0o600


def test_a_sweep_of_one_account_forgets_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    record([HERE])
    before = last_good(HERE)
    monkeypatch.setattr("time.time", lambda: 9e9)
    record([THERE])
    assert last_good(HERE) == before and last_good() == last_good(THERE) != before


@pytest.mark.parametrize("text", ["", "[]", '{"x": null}', "\x00"])
def test_a_file_that_cannot_be_read_tells_of_no_sweep(tmp_path: Path, text: str) -> None:
    (tmp_path / "sweeps.json").write_text(text)
    assert last_good() is None


@pytest.mark.parametrize(("minutes", "silent"), [(0, True), (2 * INTERVAL_MINUTES, True), (36, False), (-1, False)])
def test_up_is_silent_for_as_long_as_one_sweep_may_fail(minutes: int, silent: bool) -> None:
    """A sweep of a moment to come was before somebody set the clock."""
    record([HERE])
    assert (no_second_killer(HERE, datetime.now(UTC) + timedelta(minutes=minutes)) == "") is silent


def test_up_says_in_one_line_what_is_missing_and_how_to_have_it() -> None:
    record([THERE])
    assert no_second_killer(HERE, datetime.now(UTC)) == (
        "NO SECOND KILLER: no sweep has looked into https://api.linode.com ever, "
        "and the box's own watchdog is the only one; `fab sweep --install-timer` makes one"
    )
