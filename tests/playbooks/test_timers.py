"""Which mechanism a laptop has, and what is done with it; the real ones are in tests/e2e/test_sweep_timer.py."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from playbooks.mechanisms import Step, Timer
from playbooks.timers import do, put, ran, take_away, timers
from stacks.errors import ConfigError

MakeProgram = Callable[[str, str], None]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeProgram:
    """Makes a program of this name, a shell script; no other of these is found."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "bin").mkdir()

    def make(name: str, script: str) -> None:
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "bin" / name).chmod(0o755)

    return make


def names(tmp_path: Path) -> list[str]:
    """The mechanisms that are found, the best first."""
    return [timer.name for timer in timers(tmp_path / "run")]


def test_a_laptop_without_any_has_none(program: MakeProgram, tmp_path: Path) -> None:
    assert names(tmp_path) == []


def test_systemd_comes_before_cron(program: MakeProgram, tmp_path: Path) -> None:
    program("systemctl", "exit 0")
    program("crontab", "exit 0")
    assert names(tmp_path) == ["systemd", "cron"]


def test_a_systemd_that_is_not_the_users_does_not_count(program: MakeProgram, tmp_path: Path) -> None:
    program("systemctl", "echo 'Failed to connect to bus' >&2; exit 1")
    program("crontab", "echo 'no crontab for ann' >&2; exit 1")
    assert names(tmp_path) == ["cron"]


def test_a_crontab_that_cannot_be_read_is_not_written_over(program: MakeProgram, tmp_path: Path) -> None:
    program("crontab", "echo 'ann is not allowed to use this program' >&2; exit 1")
    assert names(tmp_path) == []


def test_macos_has_launchd(program: MakeProgram, tmp_path: Path) -> None:
    program("launchctl", "exit 0")
    assert names(tmp_path) == ["launchd"]


@pytest.mark.parametrize(
    ("name", "script"),
    [
        ("systemctl", '[ "$2" = is-active ] || [ "$2" = show-environment ]'),
        ("launchctl", '[ "$1" = print ]'),
        ("crontab", "echo '*/15 * * * * /run # daybox-sweep'"),
    ],
)
def test_a_mechanism_says_itself_that_it_is_installed(
    program: MakeProgram, tmp_path: Path, name: str, script: str
) -> None:
    """Also where its files are gone."""
    program(name, script)
    assert [timer.installed for timer in timers(tmp_path / "run")] == [True]


@pytest.mark.parametrize(
    ("name", "script"),
    [("systemctl", '[ "$2" = show-environment ]'), ("launchctl", "exit 1"), ("crontab", "echo '0 3 * * * true'")],
)
def test_what_was_never_installed_is_not(program: MakeProgram, tmp_path: Path, name: str, script: str) -> None:
    program(name, script)
    assert [timer.installed for timer in timers(tmp_path / "run")] == [False]


def test_a_unit_that_would_run_again_at_the_next_login_is_installed(program: MakeProgram, tmp_path: Path) -> None:
    program("systemctl", '[ "$2" = show-environment ]')
    [timer] = timers(tmp_path / "run")
    for path, text in timer.files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert [timer.installed for timer in timers(tmp_path / "run")] == [True]


def test_a_step_that_fails_is_told_in_its_own_words(program: MakeProgram) -> None:
    program("loginctl", "echo 'Access denied' >&2; exit 1")
    with pytest.raises(ConfigError, match="loginctl enable-linger ann: Access denied") as caught:
        do([Step(("loginctl", "enable-linger", "ann"), hint="ask root")])
    assert caught.value.hint == "ask root"


def test_what_takes_away_may_find_nothing(program: MakeProgram) -> None:
    do([Step(("launchctl", "bootout"), may_fail=True)])


def test_its_files_are_read_by_nobody_else_and_go_with_it(tmp_path: Path) -> None:
    timer = Timer("odd", {tmp_path / "deep/unit": "text"}, stop=(Step(("false",), may_fail=True),))
    put(timer)
    assert (tmp_path / "deep/unit").stat().st_mode & 0o777 == 0o600
    take_away([timer])
    assert not (tmp_path / "deep/unit").exists()


def test_no_command_gets_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINODE_TOKEN", "planted")
    shown = ran([sys.executable, "-c", "import os; print(dict(os.environ))"]).stdout
    assert "planted" not in shown and f"/run/user/{os.getuid()}" in shown
