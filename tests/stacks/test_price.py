"""Prices: whole hours, and never a price that nobody gave."""

import math

import pytest

from stacks.price import affordable_minutes, billed_hours, billed_usd


@pytest.mark.parametrize(("seconds", "hours"), [(1, 1), (3600, 1), (3601, 2), (9000, 3)])
def test_every_begun_hour_is_billed(seconds: float, hours: int) -> None:
    assert billed_hours(seconds) == hours


def test_an_unknown_price_stays_unknown() -> None:
    assert billed_usd(3600, None) is None


def test_a_budget_covers_whole_hours_only() -> None:
    assert affordable_minutes(3.00, 1.05) == 120


def test_a_budget_that_is_exactly_three_hours_covers_three() -> None:
    assert affordable_minutes(3.15, 1.05) == 180


def test_no_budget_is_no_limit() -> None:
    assert affordable_minutes(None, 1.05) == math.inf
