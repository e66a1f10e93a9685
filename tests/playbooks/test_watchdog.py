"""Asking the box's watchdog over ssh. The one that answers is the real one, on a box that is this machine."""

import errno
import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from playbooks.boxes import ROOT
from playbooks.report import WatchdogReport
from playbooks.watchdog import ask, clock, keep_until, status
from playbooks.words import Word, keep
from stacks.errors import BoxError
from tests.playbooks.own_sshd import own_sshd
from tests.playbooks.pretend_box import BOX, PretendBox

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def test_the_box_is_told_the_moment_in_seconds_and_0_for_no_longer() -> None:
    assert keep_until(NOW) == "/opt/daybox/bin/watchdog --keep-until 1795262400"
    assert keep_until(None) == "/opt/daybox/bin/watchdog --keep-until 0"
    assert status() == "/opt/daybox/bin/watchdog --status"


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
    assert ask(BOX, target, keep_until(moment, box.onbox)).kept_until == moment.timestamp()
    assert ask(BOX, target, status(box.onbox)).kept_until == moment.timestamp()
    assert ask(BOX, target, keep_until(None, box.onbox)).kept_until is None


def test_the_watchdog_refuses_what_is_beyond_its_own_hard_end(box: PretendBox) -> None:
    with pytest.raises(BoxError, match=r"it is deleted at .* in any case: the lease has ended") as caught:
        ask(BOX, box.target(), keep_until(datetime.now(UTC) + timedelta(hours=3), box.onbox))
    assert "--lease" in caught.value.hint


@pytest.mark.parametrize("script", ["echo ends at noon", "exit 127", "echo '[]'", "echo '{}'"])
def test_a_watchdog_that_knows_no_such_words_is_named_with_the_way_out(box: PretendBox, script: str) -> None:
    """One of an earlier daybox takes its look, whatever it is asked."""
    box.program(box.onbox.watchdog, f"#!/bin/sh\n{script}\n")
    with pytest.raises(BoxError, match="its watchdog gave no status") as caught:
        ask(BOX, box.target(), status(box.onbox))
    assert caught.value.hint == "bring it this checkout's: pulumi up -s local"


def test_a_box_that_is_not_reached_is_named_with_its_last_words(box: PretendBox) -> None:
    target = box.target()
    box.sshd.stop()
    with pytest.raises(BoxError, match="not reached at"):
        ask(BOX, target, status())
    keep("local", BOX.lease, Word(1.0, "delete", "is deleted now", "idle for 30 min"))
    with pytest.raises(BoxError, match=r"not reached at .*; its last words: idle for 30 min") as caught:
        ask(BOX, target, status())
    assert caught.value.hint == "`fab status` says whether it is gone; then `pulumi up -s local` rents anew"


def test_a_full_disk_is_not_told_to_ask_for_less(box: PretendBox) -> None:
    said = f"OSError: [Errno {errno.ENOSPC}] No space left on device"
    box.program(box.onbox.watchdog, f"#!/bin/sh\necho Traceback >&2\necho '{said}' >&2\nexit 1\n")
    with pytest.raises(BoxError, match="No space left on device") as caught:
        ask(BOX, box.target(), keep_until(NOW, box.onbox))
    assert caught.value.hint == "nothing is changed; is its disk full? look: fab ssh --stack local"


@pytest.mark.parametrize(
    "script",
    [
        "printf '\\033]0;owned\\007no\\n' >&2; exit 1",
        "printf 'x\\033]0;owned\\007\\n'",
        """echo '{"armed": true, "why": "\\u001b]0;owned\\u0007", "kept_until": "x", "dies_at": []}'""",
    ],
    ids=["refusal", "no status", "status"],
)
def test_what_a_box_says_gives_a_terminal_nothing_to_obey(box: PretendBox, script: str) -> None:
    box.program(box.onbox.watchdog, f"#!/bin/sh\n{script}\n")
    try:
        report = ask(BOX, box.target(), status(box.onbox))
    except BoxError as error:
        assert error.line().isprintable() and "]0;owned" in error.line()
    else:
        assert (report.why, report.kept_until, report.dies_at) == ("]0;owned", None, None)


def test_the_box_says_what_time_it_is(box: PretendBox) -> None:
    target = box.target()
    assert abs(clock(ask(BOX, target, status(box.onbox)), target) - datetime.now(UTC)) < timedelta(minutes=2)


def test_a_box_that_is_not_armed_says_no_time_and_why(box: PretendBox) -> None:
    (box.root / "etc/daybox/watchdog.json").unlink()
    target = box.target()
    with pytest.raises(BoxError, match="does not say what time it is: not armed: ") as caught:
        clock(ask(BOX, target, status(box.onbox)), target)
    assert caught.value.hint == "arm it with this checkout's: pulumi up -s local"


def test_its_clock_is_the_apis() -> None:
    assert clock(WatchdogReport(True, None, None, "x", now=NOW.timestamp()), BOX) == NOW  # type: ignore[arg-type]
