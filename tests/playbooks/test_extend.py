"""extend: what is meant, what the box is told, what then holds. The watchdog that answers is the real one."""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from playbooks.boxes import ROOT
from playbooks.extend import Kept, ask_watchdog, keep_idle, keep_until, meant, row, sentence, status
from playbooks.words import Word, keep
from stacks.errors import BoxError, UsageError
from tests.playbooks.own_sshd import own_sshd
from tests.playbooks.pretend_box import BOX, PretendBox

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The clock on this wall shows UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
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


def test_the_box_is_told_the_moment_in_seconds_and_0_for_no_longer() -> None:
    assert keep_until(NOW) == "/opt/daybox/bin/watchdog --keep-until 1795262400"
    assert keep_until(None) == "/opt/daybox/bin/watchdog --keep-until 0"
    assert status() == "/opt/daybox/bin/watchdog --status"


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


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PretendBox]:
    """A box that is this machine, with the real watchdog and limits of its own, over a real ssh."""
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    with own_sshd(tmp_path / "sshd") as running:
        found = PretendBox(tmp_path / "box", running)
        words = f"DAYBOX_ROOT={found.root} PYTHONPATH={ROOT} exec {sys.executable} {ROOT}/templates/box/watchdog.py"
        found.program(found.onbox.watchdog, f'#!/bin/sh\n{words} "$@"\n')
        (found.root / "var/lib/daybox").mkdir(parents=True)
        (found.root / "run/daybox").mkdir(parents=True)
        write_limits(found.root, time.time() + 7200)
        yield found


def write_limits(root: Path, ends_at: float) -> None:
    """As arming does."""
    limits = {
        **{"instance_id": 1, "api_url": "http://127.0.0.1:9", "stack": "s", "lease": "l", "self_destruct": True},
        **{"created_at": time.time() - 60, "ends": [[ends_at, "the lease has ended"]], "hour_seconds": 3600.0},
        **{"idle_minutes": 30.0, "ready_minutes": 60.0},
    }
    (root / "etc/daybox").mkdir(parents=True)
    (root / "etc/daybox/watchdog.json").write_text(json.dumps(limits))


def test_the_watchdog_keeps_the_box_until_then_and_lets_go_again(box: PretendBox) -> None:
    target, moment = box.target(), datetime.fromtimestamp(int(time.time()) + 3600, UTC)
    assert ask_watchdog(BOX, target, keep_until(moment, box.onbox)).kept_until == moment.timestamp()
    assert ask_watchdog(BOX, target, status(box.onbox)).kept_until == moment.timestamp()
    assert ask_watchdog(BOX, target, keep_until(None, box.onbox)).kept_until is None


def test_the_watchdog_refuses_what_is_beyond_its_own_hard_end(box: PretendBox) -> None:
    with pytest.raises(BoxError, match=r"it is deleted at .* in any case: the lease has ended") as caught:
        ask_watchdog(BOX, box.target(), keep_until(datetime.now(UTC) + timedelta(hours=3), box.onbox))
    assert "--lease" in caught.value.hint


@pytest.mark.parametrize("script", ["echo ends at noon", "exit 127", "echo '[]'", "echo '{}'"])
def test_a_watchdog_that_knows_no_such_words_is_named_with_the_way_out(box: PretendBox, script: str) -> None:
    """One of an earlier daybox takes its look, whatever it is asked."""
    box.program(box.onbox.watchdog, f"#!/bin/sh\n{script}\n")
    with pytest.raises(BoxError, match="its watchdog gave no status") as caught:
        ask_watchdog(BOX, box.target(), status(box.onbox))
    assert caught.value.hint == "bring it this checkout's: pulumi up -s local"


def test_a_box_that_is_not_reached_is_named_with_its_last_words(box: PretendBox) -> None:
    target = box.target()
    box.sshd.stop()
    with pytest.raises(BoxError, match="not reached at"):
        ask_watchdog(BOX, target, status())
    keep("local", BOX.lease, Word(1.0, "delete", "is deleted now", "idle for 30 min"))
    with pytest.raises(BoxError, match=r"not reached at .*; its last words: idle for 30 min") as caught:
        ask_watchdog(BOX, target, status())
    assert caught.value.hint == "`fab status` says whether it is gone; then `pulumi up -s local` rents anew"


KEPT = Kept(armed=True, kept_until=1795266000.0, next_end=1795269300.0, why="idle for 30 min")


def test_people_are_told_what_holds_now() -> None:
    assert sentence(BOX, KEPT, NOW) == (
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
            replace(KEPT, next_end=None, armed=False, why="it may not delete itself"),
            "NOT ARMED: nothing ends it: it may",
        ),
    ],
)
def test_people_are_told_what_does_not_hold(kept: Kept, words: str) -> None:
    assert words in sentence(BOX, kept, NOW)


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
    found = row(replace(BOX, usd_per_hour=None), Kept(False, None, None, "it may not delete itself"))
    assert (found["kept_until"], found["next_end"], found["usd_at_most"]) == (None, None, None)
