"""desktop: a notice is text, goes where there is a desktop, and never fails."""

import asyncio
import time
from pathlib import Path

import pytest

from playbooks import desktop
from playbooks.desktop import notice_words, session, show

BUS = {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/bus"}
HOSTILE = '--help"; $(reboot) <a href="x">&'


def test_on_linux_the_text_is_one_argument_behind_the_options_and_its_markup_is_none() -> None:
    assert notice_words(HOSTILE, "linux", BUS) == [
        "notify-send",
        "--urgency=critical",
        "--app-name=daybox",
        "--",
        "daybox",
        '--help"; $(reboot) &lt;a href="x"&gt;&amp;',
    ]


def test_on_a_mac_the_text_is_an_argument_of_a_script_that_is_always_the_same() -> None:
    words = notice_words(HOSTILE, "darwin", {})
    assert (words[0], words[-2:]) == ("osascript", ["daybox", HOSTILE])
    assert words[:-1] == notice_words("another", "darwin", {})[:-1]


@pytest.mark.parametrize(("platform", "variables"), [("linux", {}), ("linux", {"DISPLAY": ":0"}), ("win32", BUS)])
def test_without_a_desktop_nothing_is_run(platform: str, variables: dict[str, str]) -> None:
    assert notice_words("text", platform, variables) == []


def test_a_bus_is_also_found_in_the_sessions_folder(tmp_path: Path) -> None:
    variables = {"XDG_RUNTIME_DIR": str(tmp_path)}
    assert notice_words("text", "linux", variables) == []
    (tmp_path / "bus").touch()
    assert notice_words("text", "linux", variables)[0] == "notify-send"


def program(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A notify-send on PATH, and a session's bus; returns the file that the script may write as `$seen`."""
    (folder / "notify-send").write_text(f'#!/bin/sh\nseen="{folder}/seen"\n{script}\n')
    (folder / "notify-send").chmod(0o755)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", BUS["DBUS_SESSION_BUS_ADDRESS"])
    return folder / "seen"


def test_a_notice_reaches_the_program_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINODE_TOKEN", "planted")
    seen = program(tmp_path, 'printf "%s\\n" "$@" >"$seen"; env >>"$seen"', monkeypatch)
    asyncio.run(show("box 1: will be deleted"))
    assert seen.read_text().splitlines()[3:5] == ["daybox", "box 1: will be deleted"]
    assert "planted" not in seen.read_text()
    assert f"DBUS_SESSION_BUS_ADDRESS={BUS['DBUS_SESSION_BUS_ADDRESS']}" in seen.read_text()


@pytest.mark.parametrize("script", ["exit 1", "kill -9 $$"])
def test_a_desktop_that_refuses_is_no_error(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, script, monkeypatch)
    asyncio.run(show("text"))


def test_a_program_that_cannot_be_run_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "", monkeypatch)
    (tmp_path / "notify-send").write_text("#!/nowhere/shell\n")
    asyncio.run(show("text"))


def test_a_desktop_without_the_program_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "", monkeypatch)
    (tmp_path / "notify-send").unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    asyncio.run(show("text"))


def test_a_desktop_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "exec sleep 60", monkeypatch)
    monkeypatch.setattr(desktop, "NOTICE_SECONDS", 0.2)
    began = time.monotonic()
    asyncio.run(show("text"))
    assert time.monotonic() - began < 20


def test_of_a_session_only_what_finds_its_bus_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "XAUTHORITY", "SSH_AUTH_SOCK", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"):
        monkeypatch.setenv(name, name)
    assert set(session()) == {"XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"}
