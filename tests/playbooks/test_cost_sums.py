"""Bills added up: to the cent, by the day in which an hour begins, and never a zero for what nobody knows."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbooks.bills import Bill
from playbooks.cost_sums import BY, Sum, since, sums, totals
from stacks.lives import hour_costs, hours_from
from stacks.price import sum_of

NIGHT = datetime(2026, 11, 30, 22, 30, tzinfo=UTC)


def bill(hours: int = 3, usd: float | None = 1.05, began: datetime = NIGHT, **other: object) -> Bill:
    """A lease of so many hours."""
    words = {"cloud": "linode", "stack": "coder-32b", "lease": "20261130t223000z-ab12", "state": "closed"} | other
    return Bill(**words, began=began, hours=tuple(hour_costs(hours_from(began, hours), usd)))  # type: ignore[arg-type]


UNKNOWN = bill(0, sure=False, state="unknown", lease="20261130t223000z-ffff")


def test_an_hour_belongs_to_the_utc_day_in_which_it_begins() -> None:
    assert sums([bill()], "day") == [
        Sum("linode", "2026-11-30", 2, 2.10),
        Sum("linode", "2026-12-01", 1, 1.05),
    ]


def test_and_to_the_month() -> None:
    assert [(one.name, one.usd) for one in sums([bill()], "month")] == [("2026-11", 2.10), ("2026-12", 1.05)]


def test_what_nobody_knows_makes_a_sum_at_least() -> None:
    assert totals([bill(), UNKNOWN]) == [Sum("linode", "total", 3, 3.15, at_least=True)]


def test_when_nobody_knows_anything_there_is_no_sum_and_no_zero() -> None:
    assert totals([UNKNOWN]) == [Sum("linode", "total", 0, None, at_least=True)]


def test_hours_without_a_price_count_and_cost_nobody_knows_what() -> None:
    assert totals([bill(usd=None)]) == [Sum("linode", "total", 3, None, at_least=True)]


def test_a_lease_that_never_had_a_box_cost_nothing() -> None:
    assert totals([bill(0)]) == [Sum("linode", "total", 0, 0.0)]


def test_the_local_clouds_dollars_are_not_added_to_real_ones() -> None:
    assert [(one.cloud, one.usd) for one in totals([bill(), bill(cloud="local")])] == [
        ("linode", 3.15),
        ("local", 3.15),
    ]


def test_since_a_day_only_hours_that_begin_then_count() -> None:
    assert [one.usd for one in since([bill()], date(2026, 12, 1))] == [1.05]
    assert since([bill(1)], date(2026, 12, 1)) == []


def test_a_lease_that_may_have_such_an_hour_stays_and_is_put_on_that_day() -> None:
    first = date(2026, 12, 1)
    assert since([UNKNOWN], first) == [UNKNOWN]
    assert sums([UNKNOWN], "day", first) == [Sum("linode", "2026-12-01", 0, None, at_least=True)]


@given(
    lives=st.lists(
        st.tuples(st.integers(0, 90 * 24 * 60), st.integers(0, 60), st.sampled_from([0.0075, 0.335, 0.52, 1.05, 3.57])),
        max_size=8,
    )
)
@pytest.mark.parametrize("by", BY)
def test_whatever_is_added_up_by_it_comes_to_the_total(by: str, lives: list[tuple[int, int, float]]) -> None:
    bills = [bill(hours, usd, NIGHT - timedelta(minutes=minutes)) for minutes, hours, usd in lives]
    groups, whole = sums(bills, by), totals(bills)
    assert sum(one.billed_hours for one in groups) == sum(hours for _, hours, _ in lives)
    assert sum_of(one.usd or 0 for one in groups) == sum_of(one.usd or 0 for one in whole)
    assert sum_of(one.usd or 0 for one in whole) == sum_of(one.usd or 0 for one in bills)
