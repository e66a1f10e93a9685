"""`fab status` for people."""

from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from playbooks import status_table
from playbooks.standing import Standing, declared
from tests.playbooks.pretend_box import BOX
from tests.playbooks.test_standing import NOW, REPORT

UP = Standing(**vars(declared(BOX, "up")) | {"report": REPORT, "tunnel_port": 18_001, "tunnel_alive": True})


def cells(standing: Standing, **other: Any) -> tuple[str, ...]:
    return status_table.cells(standing.row(NOW) | other, NOW)


def test_a_box_that_is_up_fills_every_column() -> None:
    assert cells(UP, next_end={"at": "2026-11-21T11:00:00Z", "why": "idle"}) == (
        *("local", "up", "12345678", "local-cpu", "2.5 h", "$0.30 (3 h)"),
        *("1 min", "30 min", "yes", "yes", "18001"),
    )


def test_without_a_watchdogs_word_the_hard_end_counts() -> None:
    assert cells(declared(BOX, "up"))[7] == "7.5 h"


def test_what_is_unknown_is_a_question_mark() -> None:
    assert cells(declared(BOX, "unknown"))[6:] == ("?", "7.5 h", "?", "?", "")


def test_a_box_that_is_gone_is_neither_idle_nor_armed() -> None:
    assert cells(declared(BOX, "gone"))[4:] == ("?", "? (? h)", "", "", "", "", "")


def test_a_stack_that_is_down_has_no_figures() -> None:
    assert cells(Standing("local", "down")) == ("local", "down", *[""] * 9)


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


def shown(*standings: Standing) -> str:
    out = Console(width=200)
    with out.capture() as text:
        status_table.show([one.row(NOW) for one in standings], NOW, out)
    return text.get()


def test_words_stand_below_the_table() -> None:
    last = shown(UP, Standing("coder-7b", "unknown", word="cloud: [x] says 503")).splitlines()[-1]
    assert last == "coder-7b: cloud: [x] says 503"


def test_every_price_has_its_source_and_date() -> None:
    assert shown(UP, UP).splitlines()[-1] == "prices: 127.0.0.1:9 2026-11-21"


def test_where_nothing_costs_anything_no_price_is_named() -> None:
    assert "prices" not in shown(Standing("coder-7b", "down"))


def test_without_a_stack_the_way_to_one_is_told() -> None:
    assert shown() == "no stack yet: source scripts/env\n"


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = Console(force_terminal=True, width=200)
    with out.capture() as text:
        status_table.show([UP.row(NOW)], datetime.now(UTC), out)
    assert "\x1b[32m" not in text.get() and "\x1b[1;32m" not in text.get()
