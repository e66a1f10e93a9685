"""Listening to a box over a real ssh with the real program: one connection, made anew, and nothing left behind."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from playbooks import pulse_feed
from playbooks.metrics import STARTED
from playbooks.pulse import KEPT, NO_PROGRAM, RUNNING, Pulse
from playbooks.pulse_feed import Feed, Feeds
from stacks.errors import BoxError
from tests.playbooks import nvidia_smi
from tests.playbooks.fake_vllm import FakeVllm, fake_vllm
from tests.playbooks.own_sshd import own_sshd
from tests.playbooks.pretend_box import BOOT, BOX, PretendBox

REPORT = {"boot": BOOT, "bundle": "b", "stages": [], "watchdog": {"armed": True}, "ready": True}
SECONDS = 0.05


@pytest.fixture
def vllm(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeVllm]:
    with fake_vllm() as running:
        running.counters[RUNNING] = 1.0
        monkeypatch.setenv("DAYBOX_VLLM", f"http://127.0.0.1:{running.port}")
        yield running


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vllm: FakeVllm) -> Iterator[PretendBox]:
    """It reports, and has no card."""
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("DAYBOX_ROOT", str(tmp_path / "box"))
    monkeypatch.setattr(pulse_feed, "EVERY_SECONDS", SECONDS)
    monkeypatch.setattr(pulse_feed, "PAUSES", (0.05,))
    with own_sshd(tmp_path / "sshd") as running:
        found = PretendBox(tmp_path / "box", running)
        reports(found, REPORT)
        yield found


@pytest.fixture
def feed(box: PretendBox) -> Iterator[Feed]:
    made = Feed(box.target(), 0.2)
    yield made
    made.end()


def reports(box: PretendBox, report: object) -> None:
    """What the box says of itself from now on."""
    box.program(box.onbox.report, f"#!/bin/sh\ncat <<'END'\n{json.dumps(report)}\nEND\n")


def until(happened: Callable[[], Any], seconds: float = 20) -> Any:
    """What it gives, once that is true."""
    deadline = time.monotonic() + seconds
    while not (found := happened()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def programs_on(box: PretendBox) -> list[Any]:
    """The programs that were begun on the box and have not ended."""
    return [program for program in box.sshd.sessions.programs if program.poll() is None]


def pulse_with_looks(feed: Feed, count: int) -> Pulse:
    return until(lambda: len(feed.pulse().looks) >= count) and feed.pulse()


def test_looks_come_one_after_the_other_over_one_connection(box: PretendBox, feed: Feed) -> None:
    pulse = pulse_with_looks(feed, 3)
    assert pulse.now(RUNNING) == 1.0 and pulse.now(STARTED) == 1.0
    assert pulse.looks[0].no_cards == NO_PROGRAM and pulse.trouble == ""
    assert len(box.sshd.sessions.connections) == 1


def test_a_card_is_told_of(box: PretendBox, feed: Feed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box.program(box.onbox.root / "bin/nvidia-smi", f"#!/bin/sh\ncat <<'END'\n{nvidia_smi.ONE}END\n")
    monkeypatch.setenv("PATH", f"{box.root / 'bin'}:{os.environ['PATH']}")
    with_card = Feed(box.target(), 0.2)
    try:
        assert [card.used for card in pulse_with_looks(with_card, 1).looks[0].cards] == [87]
    finally:
        with_card.end()


def test_the_report_comes_along_and_is_renewed(box: PretendBox, feed: Feed) -> None:
    first = feed.report()
    assert first is not None and first.ready
    reports(box, REPORT | {"ready": False})
    until(lambda: (again := feed.report()) is not None and not again.ready)
    assert len(box.sshd.sessions.connections) == 1


def test_a_box_without_a_bundle_has_no_report(box: PretendBox) -> None:
    Path(box.onbox.report).unlink()
    feed = Feed(box.target(), 0.2)
    assert feed.report() is None
    feed.end()


def test_a_report_that_is_none_is_trouble(box: PretendBox) -> None:
    reports(box, ["no report"])
    feed = Feed(box.target(), 0.2)
    with pytest.raises(BoxError, match="it gave no report"):
        feed.report()
    feed.end()


def test_a_broken_connection_is_said_and_made_anew(box: PretendBox, feed: Feed) -> None:
    pulse_with_looks(feed, 1)
    box.sshd.stop()
    until(lambda: "not reached at 127.0.0.1" in feed.pulse().trouble)
    assert feed.pulse().looks  # what was heard stays, with its age
    heard = len(feed.pulse().looks)
    box.sshd.start()
    until(lambda: feed.pulse().trouble == "" and len(feed.pulse().looks) > heard)


def test_a_box_that_is_somebody_else_is_asked_once_and_no_more(box: PretendBox, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"], check=True)
    feed = Feed(box.target((tmp_path / "other.pub").read_text().strip()), 0.2)
    with pytest.raises(BoxError, match="its host key is not the pinned one"):
        feed.report()
    until(lambda: not feed._thread.is_alive())
    feed.end()


def test_hanging_up_leaves_nothing_on_the_box(box: PretendBox, feed: Feed) -> None:
    pulse_with_looks(feed, 2)
    assert len(programs_on(box)) == 1
    feed.end()
    until(lambda: programs_on(box) == [])
    until(lambda: not feed._thread.is_alive())


def test_only_a_minute_or_so_is_kept(box: PretendBox, feed: Feed) -> None:
    assert len(pulse_with_looks(feed, KEPT).looks) == KEPT
    time.sleep(5 * SECONDS)
    assert len(feed.pulse().looks) == KEPT


def test_a_vllm_that_does_not_answer_is_no_end_of_the_pulse(box: PretendBox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_VLLM", "http://127.0.0.1:9")
    feed = Feed(box.target(), 0.2)
    assert pulse_with_looks(feed, 2).looks[-1].figures is None
    feed.end()


def test_each_box_has_one_feed_and_who_is_gone_is_hung_up_on(box: PretendBox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse_feed, "box_target", lambda _box: box.target())
    feeds = Feeds(0.2)
    other = replace(BOX, instance_id=7)
    for one in (BOX, other, BOX):
        report = feeds.report_of(one)
        assert report is not None and report.boot == BOOT
    assert sorted(feeds.pulses()) == [7, BOX.instance_id]
    feeds.keep([7])
    assert list(feeds.pulses()) == [7]
    feeds.end()
    until(lambda: programs_on(box) == [])
    with pytest.raises(BoxError, match="nobody listens any more"):
        feeds.report_of(BOX)
