"""`fab cost` for people."""

import io
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from playbooks.bills import Bill
from playbooks.cost import Costs
from playbooks.cost_sums import Sum
from playbooks.cost_view import bar, show, total_line
from tests.playbooks.test_cost_sums import UNKNOWN, bill


def shown(*bills: Bill, by: str = "lease", plot: bool = False, encoding: str = "utf-8", **other: Any) -> list[str]:
    """What is printed into a pipe, line by line, without the spaces at their ends."""
    raw = io.BytesIO()
    out = Console(file=io.TextIOWrapper(raw, encoding=encoding), highlight=False)
    show(Costs(bills, **other), by, None, plot=plot, out=out)
    out.file.flush()
    return [line.rstrip() for line in raw.getvalue().decode().splitlines()]


def test_a_line_a_lease_and_the_total() -> None:
    assert [line.split() for line in shown(bill())] == [
        ["lease", "stack", "state", "hours", "cost", "price", "tokens", "cloud"],
        ["20261130t223000z-ab12", "coder-32b", "closed", "3", "$3.15", "?", "?", "linode"],
        ["total", "linode:", "$3.15", "for", "3", "h"],
    ]


def test_unknown_is_a_question_mark_and_the_total_at_least() -> None:
    *_, unknown, words, total = shown(bill(), replace(UNKNOWN, word="LINODE_TOKEN: is not set"))
    assert unknown.split()[3:5] == ["?", "?"]
    assert words == "coder-32b 20261130t223000z-ffff: LINODE_TOKEN: is not set"
    assert total == "total linode: at least $3.15 for 3 h"


def test_a_total_of_nothing_known_is_no_zero() -> None:
    assert total_line(Sum("linode", "total", 0, None, at_least=True)) == "total linode: ? for 0 h"


def test_a_line_a_day() -> None:
    assert [line.split() for line in shown(bill(), by="day")[:3]] == [
        ["day", "hours", "cost"],
        ["2026-11-30", "2", "$2.10"],
        ["2026-12-01", "1", "$1.05"],
    ]


def test_two_clouds_stand_apart() -> None:
    lines = shown(bill(), bill(cloud="local"), by="month")
    assert lines[0].split() == ["cloud", "month", "hours", "cost"]
    assert lines[-1] == "total local: $3.15 for 3 h; pretended, nobody bills it"


def test_bars_are_as_long_as_their_share() -> None:
    _, first, second, _ = shown(bill(), by="day", plot=True)
    assert (first.count("█"), second.count("█")) == (40, 20)


def test_where_only_ascii_goes_bars_are_ascii() -> None:
    assert shown(bill(), by="day", plot=True, encoding="ascii")[1].count("#") == 40


@pytest.mark.parametrize(("usd", "length"), [(None, 0), (0.0, 0), (0.01, 1), (10.0, 40)])
def test_what_cost_anything_has_a_mark(usd: float | None, length: int) -> None:
    assert len(bar(usd, 10.0, ascii_only=False)) == length


def test_what_could_not_be_asked_stands_last() -> None:
    assert shown(bill(), faults=["linode: not asked: LINODE_TOKEN: is not set"])[-1] == (
        "linode: not asked: LINODE_TOKEN: is not set"
    )


def test_an_empty_ledger_says_so() -> None:
    assert shown() == ["no lease yet"]
