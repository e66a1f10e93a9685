"""`fab status`: what it prints for programs and for people, and when it refuses."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from invoke.exceptions import Exit

from playbooks import status
from playbooks.pulse import KV, RUNNING, WAITING
from playbooks.standing import Standing
from playbooks.status import HELP, SweepLine, ago, check_watchable, pause, sweep_lines
from stacks import sweeps
from stacks.errors import UsageError
from tests.playbooks.fake_vllm import fake_vllm
from tests.playbooks.own_sshd import own_sshd
from tests.playbooks.pretend_box import PretendBox
from tests.playbooks.test_standing import NOW, up

DOWN = Standing("local", "down")
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    monkeypatch.setattr(status, "standings", lambda *_: [DOWN])


def test_json_is_a_list_of_rows_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    status.status.body(None, json=True)
    assert [row["state"] for row in json.loads(capsys.readouterr().out)] == ["down"]


def test_people_get_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    status.status.body(None)
    assert [line.split() for line in capsys.readouterr().out.splitlines()][1] == ["local", "down"]


@pytest.mark.parametrize("as_json", [False, True])
def test_what_is_no_terminal_is_not_watched_on(as_json: bool) -> None:
    with pytest.raises(UsageError) as caught:
        check_watchable(as_json)
    assert caught.value.line() == (
        "fab status: --watch needs a terminal; programs ask again and again: fab status --json"
    )


def test_a_pause_may_have_a_fraction() -> None:
    assert pause("2.5") == 2.5 and pause(status.EVERY_SECONDS) == 5


@pytest.mark.parametrize(
    ("every", "fact"),
    [
        ("soon", "'soon' is not a number; see `fab --help` of this command"),
        ("0.5", "'0.5' is no pause; write 1 or more, in seconds"),
        ("", "'' is not a number; see `fab --help` of this command"),
    ],
)
def test_what_is_no_pause_is_one_line_and_an_exit_status(every: str, fact: str) -> None:
    with pytest.raises(Exit) as caught:
        status.status.body(None, every=every)
    assert (str(caught.value), caught.value.code) == (f"--every: {fact}", UsageError.exit_code)


def test_help_says_what_is_shown_where_nothing_is_said() -> None:
    assert HELP["stack"] == "only this stack; else all" and HELP["every"].endswith("; else 5")


def test_an_account_with_a_box_and_no_sweep_is_loud() -> None:
    [line] = sweep_lines([up()], NOW)
    assert line.loud and line.text.startswith("NO SECOND KILLER: no sweep has looked into http://127.0.0.1:9 ever")


def test_the_age_of_the_last_good_sweep_is_told() -> None:
    sweeps.record([up().api_url])
    assert sweep_lines([up()], datetime.now(UTC) + timedelta(minutes=12)) == [
        SweepLine("last good sweep: 12 min ago"),
    ]


def test_without_a_box_and_a_sweep_nobody_shouts() -> None:
    assert [line.loud for line in sweep_lines([DOWN], NOW)] == [False]


@pytest.mark.parametrize(("minutes", "words"), [(12, "12 min ago"), (180, "3 h ago"), (-5, "0 min ago")])
def test_how_long_ago(minutes: int, words: str) -> None:
    assert ago(NOW, NOW - timedelta(minutes=minutes)) == words


def test_nobody_knows_when_is_unknown() -> None:
    assert ago(NOW, None) == "unknown"


PROGRAM = """
import sys, time
from playbooks import status
from playbooks.status import Seen
from stacks.errors import ConfigError
from datetime import UTC, datetime
looks = []
def standings(_stack, _report_of):
    looks.append(1)
    if len(looks) == 2:
        raise ConfigError("pulumi: is not on PATH", hint="source scripts/env")
    if len(looks) == 4:
        time.sleep(60)
    from tests.playbooks.test_standing import up
    return [up(stack=f"look-{len(looks)}")]
status.standings = standings
status.status.body(None, watch=True, every=1)
print("after")
"""


# Its box is an ssh server of the test, whose port and keys stand in the environment.
WITH_BOX = """
import os
from pathlib import Path
from playbooks import pulse_feed, status
from stacks.ssh import Target, prepare
from tests.playbooks.pretend_box import BOX
from tests.playbooks.test_standing import up
key, port = os.environ["BOX_KEY"], int(os.environ["BOX_PORT"])
target = Target("local", "127.0.0.1", BOX.alias, Path(os.environ["LOGIN_KEY"]), (key,), port)
pulse_feed.box_target = lambda _box: prepare(target)
pulse_feed.EVERY_SECONDS = 0.2
status.standings = lambda _stack, report_of: [up(report=report_of(BOX))]
status.status.body(None, watch=True, every=1)
"""


@contextmanager
def watching(program: str = PROGRAM, **environment: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """`fab status --watch` on a terminal of 80 columns: its far end, and the process."""
    far, near = pty.openpty()
    variables = os.environ | {"COLUMNS": "80", "LINES": "24", "TERM": "xterm-256color"} | environment
    words = [sys.executable, "-c", program]
    process = subprocess.Popen(words, cwd=ROOT, env=variables, stdin=near, stdout=near, stderr=near)
    os.close(near)
    try:
        yield far, process
    finally:
        process.kill()
        process.wait()
        os.close(far)


def said_until(far: int, words: str, seconds: float = 20) -> str:
    """All that the terminal got until `words` stood there."""
    text, deadline = "", time.monotonic() + seconds
    while words not in text:
        assert time.monotonic() < deadline, text
        if select.select([far], [], [], 0.2)[0]:
            text += os.read(far, 1 << 16).decode()
    return text


def test_it_looks_again_goes_on_after_a_fault_and_ctrl_c_ends_it_with_success() -> None:
    with watching() as (far, process):
        said_until(far, "look-1")
        said_until(far, "pulumi: is not on PATH; source scripts/env")
        said_until(far, "look-3")
        time.sleep(1.2)
        process.send_signal(signal.SIGINT)  # while somebody is asked for a minute
        assert process.wait(timeout=5) == 0


def test_without_colour_there_is_none_and_the_screen_is_given_back() -> None:
    with watching(NO_COLOR="1") as (far, process):
        text = said_until(far, "look-1")
        process.send_signal(signal.SIGINT)
        text += said_until(far, "\x1b[?1049l")
        assert process.wait(timeout=5) == 0
    assert not any(f"\x1b[{code}m" in text for code in ("31", "32", "1;31", "1;32", "33"))


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PretendBox]:
    """One with a vLLM that is at work, and no card."""
    monkeypatch.setenv("DAYBOX_ROOT", str(tmp_path / "box"))
    with fake_vllm() as vllm, own_sshd(tmp_path / "sshd") as sshd:
        monkeypatch.setenv("DAYBOX_VLLM", f"http://127.0.0.1:{vllm.port}")
        vllm.counters |= {RUNNING: 3.0, WAITING: 0.0, KV: 0.5}
        found = PretendBox(tmp_path / "box", sshd)
        report = {"boot": "b", "bundle": "b", "stages": [], "watchdog": {"armed": True}, "ready": True}
        found.program(found.onbox.report, f"#!/bin/sh\necho '{json.dumps(report)}'\n")
        yield found


def test_a_box_is_seen_live_over_one_connection_and_nothing_stays_on_it(box: PretendBox) -> None:
    reach = {"BOX_KEY": box.sshd.host_key, "BOX_PORT": str(box.sshd.port), "LOGIN_KEY": str(box.sshd.login_key)}
    with watching(WITH_BOX, NO_COLOR="1", **reach) as (far, process):
        text = said_until(far, "3 running, 0 waiting")
        assert "no GPU (CPU)" in text and "50 % in use" in text and "– in, – out" in text
        time.sleep(2.5)  # two looks at the accounts later
        assert len(box.sshd.sessions.connections) == 1
        [program] = box.sshd.sessions.programs
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=5) == 0
    program.wait(timeout=5)


def test_a_box_that_goes_away_while_it_is_watched_is_said_to_be_silent(box: PretendBox) -> None:
    reach = {"BOX_KEY": box.sshd.host_key, "BOX_PORT": str(box.sshd.port), "LOGIN_KEY": str(box.sshd.login_key)}
    with watching(WITH_BOX, NO_COLOR="1", **reach) as (far, process):
        said_until(far, "3 running, 0 waiting")
        box.sshd.stop()
        said_until(far, "not reached at 127.0.0.1")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=5) == 0
