"""What systemd, launchd and cron read and are told, word for word."""

import plistlib
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from playbooks.mechanisms import Step, Timer, cron, launchd, systemd

RUN = Path("/home/ann/.local/state/daybox/sweep/run")
ODD = Path('/home/an n/100%/"$x"/sweep/run')
UNITS = Path("/home/ann/.config/systemd/user")
AGENTS = Path("/Users/ann/Library/LaunchAgents")
SERVICE = """\
# Lands as ~/.config/systemd/user/daybox-sweep.service; systemd reads it, its timer starts it.
[Unit]
Description=daybox: one sweep of the account

[Service]
Type=oneshot
ExecStart=/bin/sh "/home/ann/.local/state/daybox/sweep/run"
TimeoutStartSec=900
NoNewPrivileges=yes
"""
TIMER = """\
# Lands as ~/.config/systemd/user/daybox-sweep.timer; systemd reads it.
[Unit]
Description=daybox: a sweep every 15 minutes

[Timer]
# At once when it is started, at each boot too; then by the calendar, which a sleep does not stop.
OnActiveSec=1
OnCalendar=*:0/15
AccuracySec=1

[Install]
WantedBy=timers.target
"""


def lines(steps: tuple[Step, ...]) -> list[str]:
    """The commands, as a shell takes them."""
    return [shlex.join(step.words) for step in steps]


def test_systemd_reads_a_service_and_a_timer() -> None:
    files = systemd(RUN, UNITS, "ann", lingers=True).files
    assert files == {UNITS / "daybox-sweep.service": SERVICE, UNITS / "daybox-sweep.timer": TIMER}


def test_systemd_is_told_to_linger_and_to_begin_at_once() -> None:
    timer = systemd(RUN, UNITS, "ann", lingers=False)
    assert lines(timer.start) == [
        "loginctl enable-linger ann",
        "systemctl --user --quiet daemon-reload",
        "systemctl --user --quiet enable daybox-sweep.timer",
        "systemctl --user --quiet restart daybox-sweep.timer",
    ]
    assert timer.start[0].hint == "`sudo loginctl enable-linger ann`, then this again"


def test_who_lingers_already_needs_no_right_to() -> None:
    assert "loginctl" not in " ".join(lines(systemd(RUN, UNITS, "ann", lingers=True).start))


def test_what_stays_of_the_users_own_settings_is_said() -> None:
    assert systemd(RUN, UNITS, "ann", lingers=False).stays == ""
    assert systemd(RUN, UNITS, "ann", lingers=True).stays == (
        "your systemd still runs without a login: `loginctl disable-linger ann` ends that"
    )


def test_taken_away_systemd_knows_nothing_of_it_whether_it_was_there_or_not() -> None:
    stop = systemd(RUN, UNITS, "ann", lingers=True).stop
    assert lines(stop) == [
        "systemctl --user --quiet disable --now daybox-sweep.timer",
        "systemctl --user --quiet stop daybox-sweep.service",
        "systemctl --user --quiet reset-failed daybox-sweep.service",
    ]
    assert all(step.may_fail for step in stop)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd to ask")
@pytest.mark.parametrize("name", ["run", "r u n", "100%run", 'a"$b'])
def test_systemd_finds_no_fault_whatever_the_state_folder_is_called(tmp_path: Path, name: str) -> None:
    program = tmp_path / name
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for path, text in systemd(program, tmp_path / "units", "ann", lingers=True).files.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    units = [str(tmp_path / "units" / f"daybox-sweep.{kind}") for kind in ("service", "timer")]
    words = ["systemd-analyze", "verify", "--user", "--man=no", "--recursive-errors=no", *units]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env={"XDG_RUNTIME_DIR": str(tmp_path)})
    assert (done.returncode, [line for line in done.stderr.splitlines() if "daybox" in line]) == (0, [])


def test_launchd_reads_an_agent() -> None:
    [text] = launchd(RUN, AGENTS, 501).files.values()
    assert plistlib.loads(text.encode()) == {
        "Label": "daybox.sweep",
        "ProgramArguments": [str(RUN)],
        "RunAtLoad": True,
        "StartInterval": 900,
    }


def test_launchd_takes_any_path() -> None:
    [text] = launchd(Path("/Users/a & b/<run>"), AGENTS, 501).files.values()
    assert plistlib.loads(text.encode())["ProgramArguments"] == ["/Users/a & b/<run>"]


def test_launchd_forgets_the_old_one_before_it_is_told_of_the_new_one() -> None:
    timer = launchd(RUN, AGENTS, 501)
    assert lines(timer.start) == [
        "launchctl bootout gui/501/daybox.sweep",
        f"launchctl bootstrap gui/501 {AGENTS}/daybox.sweep.plist",
    ]
    assert (lines(timer.stop), timer.start[0].may_fail) == (["launchctl bootout gui/501/daybox.sweep"], True)


MINE = "0 3 * * * true # mine\n"
EACH_MINUTE, EACH_QUARTER = (f"{when} * * * * {RUN} # daybox-sweep\n" for when in ("*", "*/15"))


def table(steps: tuple[Step, ...]) -> str:
    """The crontab that the one step writes."""
    [step] = steps
    assert step.words == ("crontab", "-")
    return step.stdin


@pytest.mark.parametrize("before", [MINE, MINE + EACH_QUARTER, MINE + EACH_MINUTE], ids=["new", "again", "broken off"])
def test_cron_runs_it_each_minute_until_it_has_run_and_then_each_quarter(before: str) -> None:
    timer = cron(RUN, before)
    assert table(timer.start) == MINE + EACH_MINUTE
    assert table(timer.settle) == MINE + EACH_QUARTER


def test_cron_keeps_every_other_line_when_it_is_taken_away() -> None:
    assert table(cron(RUN, MINE + EACH_QUARTER).stop) == MINE
    assert cron(RUN, MINE).stop == ()


def test_cron_takes_any_path(tmp_path: Path) -> None:
    """cron hands the line to a shell; an unescaped % would end it."""
    line = table(cron(ODD, "").start).removeprefix("* * * * * ").strip()
    assert shlex.split(line.replace(r"\%", "%"), comments=True) == [str(ODD)]
    assert "%" not in line.replace(r"\%", "")


def test_a_mechanism_is_named_as_people_know_it() -> None:
    made: list[Timer] = [systemd(RUN, UNITS, "ann", lingers=True), launchd(RUN, AGENTS, 501), cron(RUN, "")]
    assert [timer.name for timer in made] == ["systemd", "launchd", "cron"]
