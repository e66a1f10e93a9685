"""kept: a change is not idleness, and no reason to live longer than its own end. With the real watchdog."""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from playbooks import kept as module
from playbooks import longer_lease, watchdog
from playbooks.boxes import ROOT
from playbooks.kept import STEP_MINUTES, kept
from stacks.errors import BoxError
from stacks.ssh import Target
from tests.playbooks.own_sshd import own_sshd
from tests.playbooks.pretend_box import BOX, PretendBox

IDLE = replace(BOX, idle_minutes=10.0)


@dataclass
class Armed:
    """A box that is this machine, with the real watchdog."""

    root: Path
    target: Target

    def ends(self, at: float, idle_minutes: float = 10) -> None:
        """Have this hard end, seconds since 1970, and have been idle from now on."""
        limits = {
            **{"instance_id": 1, "api_url": "http://127.0.0.1:9", "lease": "x", "created_at": time.time()},
            **{
                "ends": [[at, "the lease has ended"]],
                "idle_minutes": idle_minutes,
                "ready_minutes": 2 * idle_minutes,
                "self_destruct": True,
            },
        }
        path = self.root / "etc/daybox/watchdog.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(limits))

    def extend(self, minutes: float) -> None:
        """What `fab extend` does; 0 takes it back."""
        until = time.time() + minutes * 60 if minutes else 0.0
        (self.root / "var/lib/daybox/kept-until").write_text(f"{until:.0f}\n")

    @property
    def until(self) -> float:
        """Minutes from now for which it is kept; rounded."""
        path = self.root / "var/lib/daybox/kept-until"
        return round((float(path.read_text()) - time.time()) / 60) if path.exists() else 0


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Armed]:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    with own_sshd(tmp_path / "sshd") as running:
        pretend = PretendBox(tmp_path / "box", running)
        words = f"DAYBOX_ROOT={pretend.root} PYTHONPATH={ROOT} exec {sys.executable} {ROOT}/templates/box/watchdog.py"
        pretend.program(pretend.onbox.watchdog, f'#!/bin/sh\n{words} "$@"\n')
        for folder in ("var/lib/daybox", "run/daybox"):
            (pretend.root / folder).mkdir(parents=True)
        for place in (watchdog, module):
            monkeypatch.setattr(place, "status", lambda: watchdog_words(pretend, "--status"))
        monkeypatch.setattr(module, "keep_until", lambda at: watchdog_words(pretend, f"--keep-until {at.timestamp()}"))
        monkeypatch.setattr(longer_lease, "LIMITS_ON_BOX", f"{pretend.root}/etc/daybox/watchdog.json")
        yield Armed(pretend.root, pretend.target())


def watchdog_words(box: PretendBox, words: str) -> str:
    """The watchdog's command line on this box."""
    return f"{box.onbox.watchdog} {words}"


def test_a_box_is_kept_while_it_is_changed_and_for_its_idle_time_from_then_on(box: Armed) -> None:
    box.ends(time.time() + 7200)
    with kept(IDLE, box.target):
        assert box.until == STEP_MINUTES
    assert box.until == IDLE.idle_minutes


def test_what_fab_extend_was_told_before_holds_again(box: Armed) -> None:
    box.ends(time.time() + 7200)
    box.extend(50)
    with kept(IDLE, box.target):
        assert box.until == 50
    assert box.until == 50


def test_what_fab_extend_is_told_meanwhile_holds_too(box: Armed) -> None:
    box.ends(time.time() + 36_000)
    with kept(IDLE, box.target) as keeping:
        box.extend(300)
        keeping.on()
        assert box.until == 300
    assert box.until == 300


def test_what_fab_extend_takes_back_meanwhile_is_taken_back(box: Armed) -> None:
    """Not at once: the change itself is still no idleness."""
    box.ends(time.time() + 36_000)
    box.extend(300)
    with kept(IDLE, box.target) as keeping:
        box.extend(0)
        keeping.on()
        assert box.until == STEP_MINUTES
    assert box.until == IDLE.idle_minutes


def test_a_box_whose_end_is_far_need_not_be_kept_meanwhile(box: Armed) -> None:
    box.ends(time.time() + 7200, idle_minutes=90)
    with kept(IDLE, box.target):
        assert box.until == 0
    assert box.until == IDLE.idle_minutes


def test_no_change_keeps_a_box_beyond_its_hard_end(box: Armed) -> None:
    box.ends(time.time() + 300)
    with kept(IDLE, box.target):
        assert box.until == 5
    assert box.until == 5


def test_a_failed_change_begins_its_idle_time_anew_too(box: Armed) -> None:
    box.ends(time.time() + 7200)
    with pytest.raises(ZeroDivisionError), kept(IDLE, box.target):
        raise ZeroDivisionError
    assert box.until == IDLE.idle_minutes


def test_a_box_that_was_never_armed_is_left_alone(box: Armed) -> None:
    with kept(IDLE, box.target):
        assert box.until == 0
    assert box.until == 0


def test_a_box_that_vanishes_does_not_hide_what_went_wrong(box: Armed, monkeypatch: pytest.MonkeyPatch) -> None:
    box.ends(time.time() + 7200)
    with pytest.raises(ZeroDivisionError), kept(IDLE, box.target):
        monkeypatch.setattr(module, "ask", lambda *_: (_ for _ in ()).throw(BoxError("gone", hint="")))
        raise ZeroDivisionError
