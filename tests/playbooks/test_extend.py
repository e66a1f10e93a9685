"""extend: what is meant, and what then holds. How the box is asked: test_watchdog.py."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from playbooks import extend as command
from playbooks.boxes import ROOT
from playbooks.extend import by_its_clock, keep_idle, meant, row, sentence
from playbooks.moments import iso
from playbooks.report import WatchdogReport
from playbooks.watchdog import keep_until, status
from stacks.box import Box
from stacks.errors import UsageError
from templates.box.watchdog_rules import History, Limits, decide
from tests.playbooks.pretend_box import BOX

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def wall(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Sets the time zone of the clock on this wall; first it is UTC."""
    with monkeypatch.context() as patch:

        def shows(zone: str) -> None:
            patch.setenv("TZ", zone)
            time.tzset()

        shows("UTC")
        yield shows
    time.tzset()


@pytest.mark.parametrize(
    ("minutes", "until", "moment"),
    [
        ("90", "", NOW + timedelta(minutes=90)),
        ("2h", "", NOW + timedelta(hours=2)),
        ("", "12:30", NOW + timedelta(minutes=30)),
        ("0", "", None),
    ],
)
def test_the_flags_mean_a_moment(minutes: str, until: str, moment: datetime | None) -> None:
    assert meant(minutes, until, NOW) == moment


@pytest.mark.parametrize(
    ("minutes", "until", "line"),
    [
        ("", "", "fab extend: needs one of --minutes and --until; say --minutes 90, or --until 18:00"),
        ("90", "18:00", "fab extend: needs one of --minutes and --until; say --minutes 90, or --until 18:00"),
        ("-5", "", "--minutes: '-5' is not a duration; write minutes, or 90s, 30m, 8h"),
        ("0.0", "", "--minutes: '0.0' is not above zero; say --minutes 90, or 2h"),
        ("", "25:00", "--until: '25:00' is no moment; write 18:00, or 2026-11-27T09:00, or --minutes 90"),
    ],
)
def test_flags_that_mean_nothing_are_refused_before_anything_is_asked(minutes: str, until: str, line: str) -> None:
    with pytest.raises(UsageError) as caught:
        meant(minutes, until, NOW)
    assert caught.value.line() == line


def test_a_moment_beyond_the_lease_is_refused_with_both_and_the_way_out() -> None:
    with pytest.raises(UsageError) as caught:
        keep_idle(BOX, replace_target(), datetime(2026, 11, 21, 18, 1, tzinfo=UTC))
    assert caught.value.line() == (
        "stacks/local: until 18:01 UTC on Sat 2026-11-21 is asked for, but its lease ends at "
        "18:00 UTC on Sat 2026-11-21; ask for less, or move that end first, with the same words and --lease"
    )


def replace_target() -> Any:
    """A box that nobody may reach for."""
    return None


@pytest.mark.parametrize("hours", [-2, 2])
def test_so_many_minutes_are_reckoned_from_the_boxes_clock(hours: int) -> None:
    """By that of a laptop two hours slow, a box would be kept until a moment that has passed on it."""
    here, there = NOW + timedelta(hours=hours), NOW
    assert by_its_clock(here + timedelta(minutes=90), "90", there, here) == NOW + timedelta(minutes=90)


def test_a_moment_is_what_it_is_but_clocks_that_differ_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    moment, there = NOW + timedelta(hours=3), NOW + timedelta(minutes=2)
    assert by_its_clock(moment, "", NOW + timedelta(seconds=70), there) == moment
    assert capsys.readouterr().err == ""
    assert by_its_clock(moment, "", there, NOW) == moment
    assert capsys.readouterr().err == (
        "--until means 15:00 UTC on Sat 2026-11-21, but this laptop's clock shows 12:00:00 UTC, "
        "the box's 12:02:00 UTC\n"
    )


def test_a_moment_that_has_passed_on_the_box_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        by_its_clock(NOW + timedelta(hours=1), "", NOW + timedelta(hours=2), NOW)
    assert caught.value.line() == (
        "--until: 13:00 UTC on Sat 2026-11-21 has passed: this laptop's clock shows 12:00:00 UTC, the box's "
        "14:00:00 UTC; set it right, or say --minutes 90"
    )


KEPT = WatchdogReport(
    True, 1795269300.0, None, "idle for 30 min", kept_until=1795266000.0, now=NOW.timestamp()
)  # until 13:00; the hour that is paid for ends at 14:00


def test_people_are_told_what_holds_now() -> None:
    assert sentence(BOX, KEPT) == (
        "local: kept until 13:00 UTC on Sat 2026-11-21 even if idle, then the idle rule; "
        "ends next at 13:55 UTC on Sat 2026-11-21 unless used: idle for 30 min; "
        "its lease ends at 18:00 UTC on Sat 2026-11-21; "
        "$0.10/h (127.0.0.1:9 2026-11-21), at most $1.10 in 11 begun hours"
    )


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        (replace(KEPT, kept_until=None), "local: not kept when idle; ends next at 13:55"),
        (replace(KEPT, kept_until=1.0), "local: not kept when idle; ends next at 13:55"),  # that has passed
        (
            replace(KEPT, dies_at=None, armed=False, why="it may not delete itself"),
            "NOT ARMED: nothing ends it: it may",
        ),
    ],
)
def test_people_are_told_what_does_not_hold(kept: WatchdogReport, words: str) -> None:
    assert words in sentence(BOX, kept)


def test_programs_are_told_the_same() -> None:
    assert row(BOX, KEPT) == {
        "stack": "local",
        "lease": "20261121t080000z-abcd",
        "armed": True,
        "kept_until": "2026-11-21T13:00:00Z",
        "next_end": {"at": "2026-11-21T13:55:00Z", "why": "idle for 30 min"},
        "dies_at": "2026-11-21T18:00:00Z",
        "usd_at_most": 1.1,
        "price": {"usd_per_hour": 0.1, "source": "127.0.0.1:9 2026-11-21"},
    }


def test_what_is_not_known_is_null() -> None:
    found = row(replace(BOX, usd_per_hour=None), WatchdogReport(False, None, None, "it may not delete itself"))
    assert (found["kept_until"], found["next_end"], found["usd_at_most"]) == (None, None, None)


@pytest.mark.parametrize(
    ("flags", "told"),
    [({"minutes": "90"}, [status(), keep_until(NOW + timedelta(minutes=90))]), ({"minutes": "0"}, [keep_until(None)])],
)
def test_the_command_asks_the_box_what_time_it_is_before_it_tells_it_minutes(
    flags: dict[str, str], told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """This laptop's clock is days away from the box's."""
    asked: list[str] = []

    def ask(_box: Box, _target: None, words: str) -> WatchdogReport:
        asked.append(words)
        return KEPT

    monkeypatch.setattr(command, "find_box", lambda _stack: BOX)
    monkeypatch.setattr(command, "box_target", lambda _box: None)
    monkeypatch.setattr(command, "ask", ask)
    command.extend.body(None, **flags)
    assert asked == told


def test_readme_shows_an_end_that_can_be(wall: Callable[[str], None]) -> None:
    """A box created at 12:10 begins its hours at :10, and an idle one dies five minutes before: never at 18:55."""
    wall("Europe/Berlin")
    created = datetime(2026, 11, 26, 11, 10, tzinfo=UTC).timestamp()
    lease, kept, lived = created + 10 * 3600, created + (5 * 60 + 50) * 60, 4 * 3600.0
    limits = Limits(
        instance_id=7,
        api_url="",
        lease="l",
        created_at=created,
        ends=[[lease, "the lease has ended"]],
        idle_minutes=30,
        ready_minutes=60,
        self_destruct=True,
    )
    history = History(lived=lived, active=lived, seen=lived, ready=True, kept=kept)
    decision = decide(limits, history, created + lived)
    report = WatchdogReport(True, decision.at, 0.0, decision.reason, kept_until=kept, now=created + lived)
    box = replace(BOX, stack="coder-30b", lease="20261126t111000z-abcd", dies_at=iso(lease), usd_per_hour=1.05)
    box = replace(box, price_source="api.linode.com 2026-11-26")
    said = sentence(box, report)
    assert "kept until 18:00" in said and "ends next at 18:05" in said
    assert " ".join(said.split()) in " ".join((ROOT / "README.md").read_text().split())
