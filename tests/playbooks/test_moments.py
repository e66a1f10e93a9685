"""moments: what a person means, by the clock on the wall, and what is a mistake."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbooks.moments import iso, moment_in, moment_until, shown

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 26, 15, 30, tzinfo=UTC)  # 16:30 in Berlin
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("18:00", "2026-11-26T17:00"),
        ("16:31", "2026-11-26T15:31"),
        ("16:30", "2026-11-27T15:30"),  # it has just passed: tomorrow's
        ("9:05", "2026-11-27T08:05"),
        ("2026-11-27T09:00", "2026-11-27T08:00"),
        ("2026-11-27 09:00", "2026-11-27T08:00"),
        ("2026-11-27T09:00Z", "2026-11-27T09:00"),
        ("2026-11-27T09:00+05:30", "2026-11-27T03:30"),
    ],
)
def test_the_clock_on_the_wall_says_what_is_meant(text: str, meant: str) -> None:
    assert moment_until(text, NOW, BERLIN) == datetime.fromisoformat(meant).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("25:00", "'25:00' is no moment"),
        ("6pm", "'6pm' is no moment"),
        ("", "'' is no moment"),
        ("2026-11-27", "'2026-11-27' is no moment"),  # a day is not a moment: its begin or its end?
        ("2026-13-27T09:00", "'2026-13-27T09:00' is no moment"),
        ("2026-11-26T16:00", "16:00 on Thu 2026-11-26 (15:00 UTC) has passed"),
        ("2027-03-28T02:30", "2027-03-28 02:30 is an hour that the clocks leave out"),
    ],
)
def test_what_is_no_moment_to_come_is_refused(text: str, fact: str) -> None:
    with pytest.raises(ValueError) as caught:
        moment_until(text, NOW, BERLIN)
    assert caught.value.args[0] == fact
    assert len(caught.value.args) == 2


@pytest.mark.parametrize(("now", "meant"), [("23:00", "00:30"), ("00:45", "01:30")])
def test_of_an_hour_that_comes_twice_the_first_to_come_is_meant(now: str, meant: str) -> None:
    """In Berlin 02:30 comes at 00:30 and at 01:30 UTC in the night to 2026-10-25."""
    day = 24 if now == "23:00" else 25
    at = datetime.fromisoformat(f"2026-10-{day}T{now}").replace(tzinfo=UTC)
    assert moment_until("2:30", at, BERLIN) == datetime.fromisoformat(f"2026-10-25T{meant}").replace(tzinfo=UTC)


@given(
    now=st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)).map(lambda at: at.replace(tzinfo=UTC)),
    clock=st.times(),
    zone=st.sampled_from(ZONES).map(ZoneInfo),
)
def test_a_time_of_day_is_the_next_one_that_the_wall_shows(now: datetime, clock: datetime, zone: ZoneInfo) -> None:
    text = f"{clock:%H:%M}"
    try:
        moment = moment_until(text, now, zone)
    except ValueError as error:
        assert "the clocks leave out" in error.args[0]
    else:
        assert f"{moment.astimezone(zone):%H:%M}" == text
        assert now < moment <= now + timedelta(hours=25)


@pytest.mark.parametrize(("text", "minutes"), [("90", 90), ("2h", 120), ("90s", 1.5)])
def test_so_long_from_now(text: str, minutes: float) -> None:
    assert moment_in(text, NOW) == NOW + timedelta(minutes=minutes)


def test_a_moment_is_shown_by_both_clocks_with_its_day() -> None:
    assert shown(NOW, BERLIN) == "16:30 on Thu 2026-11-26 (15:30 UTC)"
    assert shown(NOW, ZoneInfo("UTC")) == "15:30 UTC on Thu 2026-11-26"


def test_seconds_since_1970_are_a_moment_too() -> None:
    assert shown(NOW.timestamp(), BERLIN) == shown(NOW, BERLIN)
    assert iso(NOW.timestamp()) == iso(NOW.astimezone(BERLIN)) == "2026-11-26T15:30:00Z"
    assert iso(None) is None
