"""words: what a box said is text, kept once, and told to the ledger."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbooks.words import Word, keep, known, last_words, parse, words_file
from stacks import ledger
from stacks.ledger import Entry

LEASE = "20261121t080000z-abcd"
WARNING = Word(1000.0, "warn", "daybox s: will be deleted at 14:52 UTC", "idle for 30 min", 1300.0, 120)
LAST = Word(1300.0, "delete", "daybox s: is deleted now", "idle for 30 min", 1300.0, 130)


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))


def row(**more: object) -> str:
    return json.dumps({"at": 1.5, "event": "warn", "text": "soon"} | more)


def test_a_line_of_the_box_becomes_a_word() -> None:
    more = {"reason": "idle", "ends_at": 9, "lived_seconds": 7.0, "tokens": 12, "stack": "s", "box": 1}
    assert parse(row(**more)) == Word(1.5, "warn", "soon", "idle", 9.0, 12)


def test_what_the_box_does_not_know_stays_unknown() -> None:
    assert parse(row(ends_at=None, tokens=None)) == Word(1.5, "warn", "soon", "", None, None)


@pytest.mark.parametrize(
    "line",
    ["", "{", "[]", "3", "null", '{"at": 1}', row(at="1"), row(at=True), row(at=1e12), row(event=""), row(event=7)],
)
def test_what_is_no_word_is_none(line: str) -> None:
    assert parse(line) is None


def test_a_terminal_is_given_nothing_to_obey() -> None:
    word = parse(row(text="\x1b[2Jrm -rf\n\r\u202e!", reason="\ud800"))
    assert word
    assert (word.text, word.reason) == ("[2Jrm -rf   !", "")
    assert len((parse(row(text="x" * 10_000)) or word).text) == 300


@given(st.text() | st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists).map(json.dumps))
def test_no_line_breaks_the_reader(line: str) -> None:
    assert parse(line) is None


@given(
    st.dictionaries(st.sampled_from(["at", "event", "text", "reason", "ends_at", "tokens"]), st.floats() | st.text())
)
def test_a_word_of_any_content_is_one_printable_line(content: dict[str, object]) -> None:
    word = parse(row(**content))
    assert word is None or word.line().isprintable()


def test_words_are_read_back_as_they_were_kept_and_by_lease() -> None:
    keep("s", "another", WARNING)
    keep("s", LEASE, LAST)
    assert (known("s", LEASE), known("s")) == ([LAST], [WARNING, LAST])
    assert words_file("s").stat().st_mode & 0o777 == 0o600


def test_half_a_line_in_our_own_file_hides_no_other() -> None:
    keep("s", LEASE, WARNING)
    with words_file("s").open("a") as file:
        file.write('{"lease": "2026\n')
    keep("s", LEASE, LAST)
    assert known("s", LEASE) == [WARNING, LAST]


def test_a_stack_whose_boxes_said_nothing_has_no_words() -> None:
    assert known("s") == []


def test_last_words_tell_the_ledger_why_it_ended_and_what_it_served() -> None:
    begin_lease()
    keep("s", LEASE, LAST)
    entry = ledger.read(LEASE)
    assert entry
    assert (entry.reason, entry.tokens, entry.told) == ("idle for 30 min", 130, 1300.0)


def test_a_warning_tells_the_ledger_only_what_was_served() -> None:
    begin_lease()
    keep("s", LEASE, WARNING)
    entry = ledger.read(LEASE)
    assert entry
    assert (entry.reason, entry.tokens, entry.told) == ("", 120, 1000.0)


def test_last_words_without_a_count_leave_what_was_counted_before() -> None:
    begin_lease()
    keep("s", LEASE, WARNING)
    keep("s", LEASE, Word(1300.0, "delete", "now", "idle"))
    entry = ledger.read(LEASE)
    assert entry
    assert (entry.reason, entry.tokens, entry.told) == ("idle", 120, 1000.0)


def begin_lease() -> None:
    names = ("owner", "cloud", "api_url", "user", "label", "plan", "region", "price_source", "started", "dies_at")
    texts: dict[str, Any] = dict.fromkeys(names, "")
    ledger.write(Entry(lease=LEASE, stack="s", usd_per_hour=1.0, **texts))


def test_only_a_deletion_has_last_words() -> None:
    assert (last_words([WARNING]), last_words([WARNING, LAST])) == ("", "idle for 30 min")


def test_words_that_were_followed_by_others_were_not_the_last() -> None:
    trouble = Word(1310.0, "trouble", "cannot delete itself", "the API refuses the token")
    assert (last_words([LAST, trouble]), last_words([LAST, WARNING]), last_words([])) == ("", "", "")
