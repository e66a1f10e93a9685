"""Prices: whole hours, and never a price that nobody gave."""

import math

import pytest

from stacks.catalog import PLANS, PRICES_READ
from stacks.price import affordable_minutes, billed_hours, billed_usd, catalog_price, hourly


@pytest.mark.parametrize(("seconds", "hours"), [(1, 1), (3600, 1), (3601, 2), (9000, 3)])
def test_every_begun_hour_is_billed(seconds: float, hours: int) -> None:
    assert billed_hours(seconds) == hours


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
