"""Arming: what is brought, when it counts, and how long it is tried."""

import json
import subprocess
import time
from pathlib import Path

import pytest

from stacks import arming
from stacks.arming import ACTIVATE, LIMITS_FILE, TOKEN_FILE, Arms, program_sha256, until
from stacks.errors import BoxError, NotReadyError
from templates.box.watchdog_rules import Limits

LIMITS = Limits(
    instance_id=7,
    api_url="https://api.linode.com",
    stack="local",
    lease="20261121t090000z-ab12",
    created_at=1.0,
    ends=[[2.0, "the lease has ended"]],
    idle_minutes=30,
    ready_minutes=60,
    self_destruct=True,
    hour_seconds=3600,
)


def content(arms: Arms, path: str) -> str:
    """What arming brings to this path."""
    [file] = [file for file in arms.files() if file.path == path]
    assert file.mode == 0o600
    return file.content


def test_limits_and_token_come_for_nobody_elses_eyes() -> None:
    arms = Arms(LIMITS, "boxes-own")
    assert content(arms, TOKEN_FILE) == "boxes-own\n"
    assert json.loads(content(arms, LIMITS_FILE))["instance_id"] == 7


def test_a_token_never_shows_when_arms_are_printed() -> None:
    assert "boxes-own" not in repr(Arms(LIMITS, "boxes-own"))


def test_a_box_that_may_not_end_itself_gets_no_token() -> None:
    quiet = Limits(**LIMITS.__dict__ | {"self_destruct": False})
    assert content(Arms(quiet, "boxes-own"), TOKEN_FILE) == "\n"


def activate(folder: Path) -> None:
    """What the box does once the token is proved, in a folder instead of its /etc/daybox."""
    subprocess.run(["sh", "-c", ACTIVATE.replace("/etc/daybox", str(folder))], check=True)


def test_what_is_proved_takes_the_place_of_what_was_and_a_repeat_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("old")
    (tmp_path / "new").mkdir()
    (tmp_path / "new/token").write_text("new")
    activate(tmp_path)
    activate(tmp_path)
    assert (tmp_path / "token").read_text() == "new"
    assert not (tmp_path / "new").exists()


def test_a_box_that_boots_is_asked_again() -> None:
    refusals = [BoxError("box: refused", hint="wait")]

    def ask() -> str:
        if refusals:
            raise refusals.pop()
        return "armed"

    assert until(time.monotonic() + 30, ask) == "armed"


def test_a_port_that_never_opens_is_given_up_with_the_last_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arming, "RETRY_SECONDS", 0.01)

    def silent() -> str:
        raise BoxError("box: not reached", hint="compare sshFrom")

    with pytest.raises(NotReadyError, match="box: not reached, for") as caught:
        until(time.monotonic() + 0.05, silent)
    assert caught.value.hint == "compare sshFrom"


def test_the_same_watchdog_has_the_same_hash() -> None:
    assert program_sha256() == program_sha256()
