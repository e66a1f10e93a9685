"""`fab status` for people."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from rich.console import Console

from playbooks import status_table
from playbooks.standing import Standing, declared
from playbooks.status import Seen, SweepLine
from playbooks.table import PIPE_WIDTH
from tests.playbooks.pretend_box import BOX
from tests.playbooks.test_standing import LIFE, NOW, REPORT, VOLUME, WATCHDOG, up

REFUSED = replace(WATCHDOG, armed=False, why="idle for 30 min; the API refuses the token: HTTP 401")
UP = up(report=REPORT, tokens=12_345, told=NOW, tunnel_port=18_001, tunnel_alive=True)
ENDS = {"next_end": {"at": "2026-11-21T10:55:00Z", "why": "idle for 30 min"}}


@pytest.fixture(autouse=True)
def _on_a_wall_in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def cells(standing: Standing, **other: Any) -> tuple[str, ...]:
    return status_table.cells(standing.row(NOW) | other, NOW)


def details(standing: Standing, **other: Any) -> str:
    return status_table.details(standing.row(NOW) | other, NOW)


def test_a_box_that_is_up_fills_every_column() -> None:
    assert cells(UP, **ENDS) == (
        *("local", "up", "12345678", "2.5 h", "$0.30", "30 min", "1 min", "25 min", "yes", "yes"),
        *("3", "12,345", "local-cpu"),
    )


def test_without_a_watchdogs_word_the_hard_end_counts() -> None:
    assert cells(up())[7] == "7.5 h"


def test_what_is_unknown_is_a_question_mark() -> None:
    assert cells(declared(BOX, "unknown"))[3:] == (
        *("?", "?", "?", "?", "7.5 h", "?", "?"),
        *("?", "?", "local-cpu"),
    )


def test_a_box_that_is_gone_is_neither_idle_nor_armed() -> None:
    assert cells(declared(BOX, "gone", life=replace(LIFE, ended=NOW)))[3:] == (
        *("2.5 h", "$0.30", "", "", "", "", ""),
        *("3", "?", "local-cpu"),
    )


def test_a_stack_that_is_down_has_no_figures() -> None:
    assert cells(Standing("local", "down")) == ("local", "down", *[""] * (len(status_table.COLUMNS) - 2))


@pytest.mark.parametrize(
    ("dies_at", "text"),
    [
        ("2026-11-21T18:00:00Z", "7.5 h"),
        ("2026-11-21T10:42:00Z", "12 min"),
        ("2026-11-21T10:29:00Z", "overdue"),
        (None, "?"),
    ],
)
def test_it_has_left(dies_at: str | None, text: str) -> None:
    assert status_table.left(dies_at, NOW) == text


def test_until_when_it_is_paid_and_why_it_ends_stands_below_by_the_clock_on_the_wall() -> None:
    assert details(UP, **ENDS) == (
        "paid until 12:00; next hour in 30 min; ends at 11:55: idle for 30 min; kept until 13:00; "
        "idle since 11:28; served 12,345 tokens; tunnel on port 18001"
    )


def test_a_moment_of_another_day_is_named_with_its_day() -> None:
    assert details(up()) == "paid until 12:00; next hour in 30 min; ends at 19:00: the hard end of its lease"
    assert status_table.clock("2026-11-22T10:00:00Z", NOW) == "Sun 11:00"


def test_a_box_that_is_being_deleted_is_called_so() -> None:
    assert "IT IS BEING DELETED" in details(UP, action="delete")


def test_what_a_silent_box_served_is_told_with_the_moment_it_said_so() -> None:
    assert details(up(tokens=7, told=NOW - timedelta(hours=1))).endswith("served 7 tokens by 10:30")


def shown(*standings: Standing, width: int = 200, **seen: Any) -> str:
    out = Console(width=width)
    view = Seen(NOW, [one.row(NOW) for one in standings], seen.get("sweeps", ()))
    with out.capture() as text:
        if width < PIPE_WIDTH:
            out.print(status_table.table(view, width))
        else:
            status_table.show(view, out)
    return text.get()


def test_words_stand_below_the_table() -> None:
    last = shown(UP, Standing("coder-7b", "unknown", word="cloud: [x] says 503")).splitlines()[-2]
    assert last == "coder-7b: cloud: [x] says 503"


def test_every_price_has_its_source_and_date() -> None:
    assert shown(UP, UP).splitlines()[-1] == "prices: 127.0.0.1:9 2026-11-21"


def test_where_nothing_costs_anything_no_price_is_named() -> None:
    assert "prices" not in shown(Standing("coder-7b", "down"))


def test_without_a_stack_the_way_to_one_is_told() -> None:
    assert shown() == "no stack yet: source scripts/env\n"


def test_the_second_killer_stands_last() -> None:
    text = shown(UP, sweeps=[SweepLine("NO SECOND KILLER: …", loud=True)])
    assert text.splitlines()[-1] == "NO SECOND KILLER: …"


@pytest.mark.parametrize("age_days", [0, 20])
def test_80_columns_hold_one_line_a_box(age_days: int) -> None:
    """A long name, a dear lease, an id as long as they come."""
    since = NOW - timedelta(days=age_days, minutes=30)
    dear = up(report=REPORT, stack="coder-30b-x", since=since, usd_per_hour=3.57, instance_id=99_170_275)
    lines = shown(dear, width=80).splitlines()
    assert len(lines) == 2 and max(map(len, lines)) <= 80 and "coder-30b-x up" in lines[1]


@pytest.mark.parametrize("no_color", ["1", None])
def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch, no_color: str | None) -> None:
    if no_color:
        monkeypatch.setenv("NO_COLOR", no_color)
    out = Console(force_terminal=True, color_system="standard", width=200)
    refused = up(report=replace(REPORT, watchdog=REFUSED), word=f"not armed: {REFUSED.why}")
    with out.capture() as text:
        status_table.show(Seen(NOW, [refused.row(NOW)], ()), out)
    colours = [code for code in ("\x1b[31m", "\x1b[1;31m", "\x1b[32m", "\x1b[1;32m") if code in text.get()]
    assert colours == ([] if no_color else ["\x1b[1;31m", "\x1b[1;32m"])


def test_a_token_that_is_refused_is_seen_at_once() -> None:
    refused = up(report=replace(REPORT, watchdog=REFUSED), word=f"not armed: {REFUSED.why}")
    assert cells(refused)[8] == "NO" and "WOULD END at" in details(refused)
    assert "local: not armed: idle for 30 min; the API refuses the token: HTTP 401" in shown(refused)


def test_what_a_stack_that_is_down_keeps_and_pays_stands_below_the_table() -> None:
    assert "local: volume 5 (daybox-local, 30 GiB) bills $3.00 a month, box or not" in shown(
        Standing("local", "down", volumes=(VOLUME,))
    )
