"""`./scripts/try`: how it shows its commands, what it says of money, and that a failed step is no success."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import environment, trial
from scripts.trial import FAB, UP, Trial, money, reason, shown
from stacks.errors import UsageError
from stacks.interrupt import Ended, end
from tests.cloud import CHECKOUT


def test_a_command_is_shown_as_a_person_would_type_it() -> None:
    assert shown(UP) == "pulumi up -s local --yes"
    assert shown((*FAB, "launch-aider", "--", "--message", "add a function")) == (
        "fab launch-aider -- --message 'add a function'"
    )


@pytest.mark.parametrize(("seconds", "usd"), [(45, "$1.05"), (3599, "$1.05"), (3601, "$2.10")])
def test_the_same_time_would_cost_whole_hours(seconds: float, usd: str) -> None:
    assert usd in money(seconds)


def test_a_step_that_fails_ends_the_trial_and_keeps_its_command() -> None:
    made = Trial({})
    with pytest.raises(subprocess.CalledProcessError) as failed:
        made.run("rent", sys.executable, "-c", "raise SystemExit(3)")
    assert "ended with 3" in reason(failed.value)


def test_every_step_that_was_made_has_its_time() -> None:
    made = Trial({})
    made.run("rent", sys.executable, "-c", "")
    assert list(made.took) == ["rent"] and made.took["rent"] > 0


def test_an_error_of_ours_is_one_line_with_its_way_out() -> None:
    assert reason(UsageError("stacks/x: there is no such stack", hint="choose from: local")) == (
        "stacks/x: there is no such stack; choose from: local"
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_us_alone_is_handed_on_as_ctrl_c_and_waited_for(number: signal.Signals, tmp_path: Path) -> None:
    told = tmp_path / "told"
    heard = f"trap 'sleep 0.2; echo heard >{told}; exit 1' INT"
    child = f"{heard}; sleep 0.3; kill -{number.name[3:]} $PPID; while :; do sleep 0.1; done"
    before = signal.signal(number, end)
    try:
        with pytest.raises(Ended, match=f"ended by {number.name}"):
            Trial(dict(os.environ)).run("rent", "bash", "-c", child)
    finally:
        signal.signal(number, before)
    assert told.read_text() == "heard\n"


def test_what_a_clean_up_could_not_do_is_told_in_its_own_words() -> None:
    assert trial.cleaned(("sh", "-c", "echo first; echo the reason >&2"), None) == "done"
    assert trial.cleaned(("sh", "-c", "echo the reason; exit 1"), None) == "the reason"


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What `try` does, written down instead of done; each step is its function's name."""
    done: list[str] = []
    monkeypatch.setattr(environment, "ready", lambda _stack: {})
    monkeypatch.setattr(trial, "ENDING", ())  # pytest's own handlers stay
    for name in ("whole_job", "give_back", "clean_up"):
        monkeypatch.setattr(trial, name, lambda _trial, name=name: done.append(name))
    return done


def tried(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """The exit status of `./scripts/try` with these words."""
    monkeypatch.setattr(sys, "argv", ["try", *words])
    return trial.main()


def test_it_gives_the_box_back(steps: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert (tried(monkeypatch), steps) == (0, ["whole_job", "give_back"])


def test_keep_leaves_the_box_up_and_prints_the_next_commands(
    steps: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (tried(monkeypatch, "--keep"), steps) == (0, ["whole_job"])
    assert "  source scripts/env local\n  fab status\n" in capsys.readouterr().out


@pytest.mark.parametrize(("error", "status"), [(AssertionError("no commit"), 1), (KeyboardInterrupt(), 130)])
def test_whatever_goes_wrong_it_cleans_up_and_does_not_exit_with_0(
    steps: list[str], monkeypatch: pytest.MonkeyPatch, error: BaseException, status: int
) -> None:
    def fails(_trial: Trial) -> None:
        raise error

    monkeypatch.setattr(trial, "whole_job", fails)
    assert (tried(monkeypatch), steps) == (status, ["clean_up"])


def test_who_is_not_root_hears_what_it_needs_and_that_a_real_box_needs_it_not(tmp_path: Path) -> None:
    somebody = tmp_path / "id"
    somebody.write_text("#!/bin/sh\necho 1000\n")
    somebody.chmod(0o755)
    words = [CHECKOUT / "scripts/try"]
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(words, env=os.environ | path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "needs Linux and root" in done.stderr and "the Linode stacks need neither" in done.stderr
