"""`./scripts/try`: how it shows its commands, what it says of money, and that a failed step is no success."""

import subprocess
import sys

import pytest

from scripts.trial import FAB, UP, Trial, money, reason, shown
from stacks.errors import UsageError


def test_a_command_is_shown_as_a_person_would_type_it() -> None:
    assert shown(UP) == "pulumi up -s local --yes"
    assert shown((*FAB, "launch-aider", "--", "--message", "add a function")) == (
        "fab launch-aider -- --message 'add a function'"
    )


@pytest.mark.parametrize(("seconds", "usd"), [(45, "$1.05"), (3599, "$1.05"), (3601, "$2.10")])
def test_the_same_time_would_cost_whole_hours(seconds: float, usd: str) -> None:
    assert usd in money(seconds)


def test_a_step_that_fails_ends_the_trial_and_keeps_its_command() -> None:
    trial = Trial({})
    with pytest.raises(subprocess.CalledProcessError) as failed:
        trial.run("rent", sys.executable, "-c", "raise SystemExit(3)")
    assert "ended with 3" in reason(failed.value)


def test_every_step_that_was_made_has_its_time() -> None:
    trial = Trial({})
    trial.run("rent", sys.executable, "-c", "")
    assert list(trial.took) == ["rent"] and trial.took["rent"] > 0


def test_an_error_of_ours_is_one_line_with_its_way_out() -> None:
    assert reason(UsageError("stacks/x: there is no such stack", hint="choose from: local")) == (
        "stacks/x: there is no such stack; choose from: local"
    )
