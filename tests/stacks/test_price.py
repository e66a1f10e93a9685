"""Prices: whole hours, and never a price that nobody gave."""

import math
import os
import subprocess
import sys

import pytest

from stacks import price
from stacks.catalog import PLANS, PRICES_READ
from stacks.price import affordable_minutes, billed_hours, billed_usd, catalog_price, dollars, hourly, sum_of, usd_of


@pytest.mark.parametrize(("seconds", "hours"), [(1, 1), (3600, 1), (3601, 2), (9000, 3)])
def test_every_begun_hour_is_billed(seconds: float, hours: int) -> None:
    assert billed_hours(seconds) == hours


def test_an_hour_that_tests_made_shorter_is_billed_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(price, "HOUR_SECONDS", 60.0)
    assert (billed_hours(60), billed_hours(61)) == (1, 2)


def test_all_that_is_said_of_an_hour_is_made_shorter_with_it() -> None:
    probe = "from stacks import price as p; print(p.OVERRUN_MINUTES, p.DELETION_MINUTES, p.affordable_minutes(3, 1))"
    words, short = [sys.executable, "-c", probe], os.environ | {"DAYBOX_HOUR_SECONDS": "60"}
    done = subprocess.run(words, env=short, capture_output=True, text=True, check=True)
    assert [float(number) for number in done.stdout.split()] == pytest.approx([3 / 60, 5 / 60, 3 - 5 / 60])


@pytest.mark.parametrize(("hours", "usd_per_hour", "usd"), [(3, 0.335, 1.01), (3, 0.0075, 0.02), (1, 0.145, 0.15)])
def test_dollars_are_rounded_as_on_paper(hours: int, usd_per_hour: float, usd: float) -> None:
    """As floats 1.005 is a little less and 0.145, too: a cent would be lost."""
    assert usd_of(hours, usd_per_hour) == usd


def test_cents_add_up() -> None:
    assert sum_of([0.1] * 3) == 0.3


def test_an_unknown_price_stays_unknown() -> None:
    assert billed_usd(3600, None) is None


def test_a_budget_covers_whole_hours_only() -> None:
    assert affordable_minutes(3.00, 1.05) == 115


def test_a_budget_that_is_exactly_three_hours_covers_three() -> None:
    assert affordable_minutes(3.15, 1.05) == 175


@pytest.mark.parametrize("budget", [1.05, 2.10, 5.00, 21.00])
def test_a_box_that_outlives_its_end_by_three_minutes_keeps_within_the_budget(budget: float) -> None:
    lived = (affordable_minutes(budget, 1.05) + 3) * 60
    assert (billed_usd(lived, 1.05) or math.inf) <= budget


def test_no_budget_is_no_limit() -> None:
    assert affordable_minutes(None, 1.05) == math.inf


@pytest.mark.parametrize(
    ("row", "usd"),
    [
        ({"price": {"hourly": 1.05, "monthly": 0}}, 1.05),
        ({"price": {"hourly": 0, "monthly": 756}}, None),
        ({"price": {"hourly": None, "monthly": None}}, None),
        ({"price": None}, None),
        ({"price": {"hourly": -1}}, None),
        ({"price": {"hourly": float("nan")}}, None),
        ({"price": {"hourly": float("inf")}}, None),
        ({"price": {"hourly": "1.05"}}, None),
        ({"price": [1.05]}, None),
        ({"price": {"hourly": 1.0}, "region_prices": [7]}, 1.0),
        ({}, None),
        ({"price": {"hourly": 1.0}, "region_prices": [{"id": "id-cgk", "hourly": 1.2}]}, 1.2),
        ({"price": {"hourly": 1.0}, "region_prices": [{"id": "br-gru", "hourly": 1.4}]}, 1.0),
        ({"price": {"hourly": 1.0}, "region_prices": [{"id": "id-cgk", "hourly": 0}]}, None),
    ],
)
def test_the_price_is_the_hourly_one_of_the_region_and_zero_is_unknown(
    row: dict[str, object], usd: float | None
) -> None:
    assert hourly(row, "id-cgk") == usd


def test_a_price_that_is_remembered_says_so_and_when_it_was_read() -> None:
    assert catalog_price(PLANS[0], "not read").source == f"daybox catalog {PRICES_READ}: not read"


def test_dollars_are_told_to_the_cent_and_unknown_is_no_zero() -> None:
    assert (dollars(2.1), dollars(2.1, at_least=True), dollars(None)) == ("$2.10", "$2.10+", "?")
