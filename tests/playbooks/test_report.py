"""The box's report: read, believed only if whole, waited for."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from playbooks.report import Report, is_silence, patiently, read_report
from stacks.errors import BoxError
from stacks.ssh import PIN_HINT, REACH_HINT
from tests.playbooks.own_sshd import own_sshd
from tests.playbooks.pretend_box import BOOT, PretendBox, whole_run

ROW = {
    "boot": BOOT,
    "bundle": "abc",
    "stages": [vars(event) for event in whole_run()],
    "watchdog": {"armed": True, "dies_at": 5000.0, "why": "the lease has ended", "idle_minutes": 1.5, "last_check": 1},
    "vllm": "running",
    "ready": True,
}


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PretendBox]:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    with own_sshd(tmp_path / "sshd") as running:
        yield PretendBox(tmp_path / "box", running)


def silent() -> BoxError:
    return BoxError("box/daybox-7: not reached", hint=REACH_HINT)


def test_a_report_is_read_whole() -> None:
    report = Report.from_row(ROW)
    assert (report.boot, report.bundle, report.ready) == (BOOT, "abc", True)
    assert report.events == tuple(whole_run())
    assert (report.watchdog.armed, report.watchdog.dies_at, report.watchdog.idle_minutes) == (True, 5000.0, 1.5)


def test_the_watchdogs_own_reckoning_comes_along() -> None:
    told: dict[str, object] = {
        "armed": True,
        "action": "warn",
        "paid_until": 7200.5,
        "kept_until": None,
        "tokens": 12_345,
        "now": 7000.5,
    }
    watchdog = Report.from_row(ROW | {"watchdog": told}).watchdog
    assert watchdog.now == 7000.5
    assert (watchdog.action, watchdog.paid_until, watchdog.kept_until, watchdog.tokens) == (
        "warn",
        7200.5,
        None,
        12_345,
    )


def test_what_a_box_says_in_no_way_it_ever_did_is_unknown() -> None:
    odd = {"armed": "yes", "dies_at": "soon", "tokens": True, "why": "\x1b[2Jgone", "idle_minutes": -1}
    watchdog = Report.from_row(ROW | {"watchdog": odd}).watchdog
    assert (watchdog.armed, watchdog.dies_at, watchdog.tokens, watchdog.idle_minutes) == (False, None, None, None)
    assert watchdog.why == "[2Jgone"


def test_a_box_without_a_watchdog_is_not_armed() -> None:
    assert not Report.from_row(ROW | {"watchdog": {}}).watchdog.armed


def test_a_report_comes_over_ssh(box: PretendBox) -> None:
    box.program(box.onbox.report, f"#!/bin/sh\ncat <<'END'\n{json.dumps(ROW)}\nEND\n")
    assert read_report(box.target(), onbox=box.onbox) == Report.from_row(ROW)


def test_a_box_without_a_bundle_has_no_report(box: PretendBox) -> None:
    assert read_report(box.target(), onbox=box.onbox) is None


@pytest.mark.parametrize("said", ["", "nonsense", "[]", '{"boot": "x"}'])
def test_what_is_no_report_is_an_error(box: PretendBox, said: str) -> None:
    box.program(box.onbox.report, f"#!/bin/sh\necho '{said}'\n")
    with pytest.raises(BoxError, match="gave no report"):
        read_report(box.target(), onbox=box.onbox)


def test_what_a_broken_report_says_gives_a_terminal_nothing_to_obey(box: PretendBox) -> None:
    box.program(box.onbox.report, "#!/bin/sh\nprintf 'x\\033]0;owned\\007' >&2; exit 1\n")
    with pytest.raises(BoxError, match=r"gave no report: x \]0;owned$"):
        read_report(box.target(), onbox=box.onbox)


def test_a_closed_port_is_silence(box: PretendBox) -> None:
    target = box.target()
    box.sshd.stop()
    with pytest.raises(BoxError) as caught:
        read_report(target, onbox=box.onbox)
    assert is_silence(caught.value)


def test_another_host_key_is_no_silence(box: PretendBox) -> None:
    target = box.target()
    box.sshd.stop()
    box.sshd.new_host_key()
    box.sshd.start()
    with pytest.raises(BoxError, match="host key is not the pinned one") as caught:
        read_report(target, onbox=box.onbox)
    assert not is_silence(caught.value)


def test_patience_asks_again_until_there_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playbooks.report.RETRY_SECONDS", 0)
    answers: list[Any] = [silent(), silent(), "here"]
    told: list[str] = []

    def action() -> str:
        answer = answers.pop(0)
        if isinstance(answer, BoxError):
            raise answer
        return str(answer)

    assert patiently(action, on_silence=told.append) == "here"
    assert told == ["box/daybox-7: not reached"] * 2


def test_patience_ends_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def action() -> None:
        raise silent()

    with pytest.raises(BoxError) as caught:
        patiently(action, seconds=0, on_silence=lambda _: None)
    assert caught.value.fact == "box/daybox-7: not reached, for 0 s: port 22 is closed to us, or the box is gone"
    assert caught.value.hint == "`fab status` says whether it is there; if your address has changed: fab allow"


def test_patience_does_not_wait_for_what_waiting_cannot_mend() -> None:
    def action() -> None:
        raise BoxError("box/daybox-7: its host key is not the pinned one", hint=PIN_HINT)

    with pytest.raises(BoxError, match="not the pinned one"):
        patiently(action, seconds=60, on_silence=lambda _: pytest.fail("it waited"))
