"""What a shell is offered behind `fab launch`, asked of the real fab as a shell asks it."""

import subprocess
import sys
from pathlib import Path

import pytest

from playbooks.clients import ROWS
from playbooks.completion import names_for

ROOT = Path(__file__).resolve().parents[2]
NAMES = [row.name for row in ROWS]


def offered(line: str) -> list[str]:
    """What fab prints for the words so far."""
    words = [sys.executable, "-m", "fabric", "--complete", "--", *line.split()]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.split()


@pytest.mark.parametrize("line", ["fab launch ai", "fab tunnel launch co"])
def test_behind_launch_the_names_of_clients(line: str) -> None:
    assert offered(line) == NAMES


def test_where_a_line_ends_with_launch_both_it_and_a_name_may_be_meant() -> None:
    assert offered("fab launch") == [*NAMES, "launch-aider"]


@pytest.mark.parametrize("line", ["fab launch --a", "fab launch aider --sealed --a"])
def test_its_flags(line: str) -> None:
    assert {"--architect", "--sealed", "--stack"} <= set(offered(line))


def test_elsewhere_as_ever() -> None:
    assert "tunnel" in offered("fab tu") and "launch" in offered("fab lau")


@pytest.mark.parametrize("line", ["", "fab", "fab status --w", "fab launch aider -- --m", "fab launch aider x"])
def test_no_names_where_none_is_meant(line: str) -> None:
    assert names_for(line.split(), ["aider"], ["--stack"]) == []
