"""A word that may be left out, asked of the real fab; and that other commands' words are still required."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FABFILE = """
from invoke.tasks import task
from playbooks.optional_word import may_be_missing

may_be_missing("swap", "model")

@task(positional=["model"])
def swap(c, model=None, context=None):
    print(repr(model), context)

@task(positional=["model"])
def need(c, model):
    print(repr(model))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "fabfile.py").write_text(FABFILE)
    for name in ("playbooks", "stacks", "templates"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def fab(folder: Path, line: str) -> "subprocess.CompletedProcess[str]":
    """What fab makes of a line."""
    words = [sys.executable, "-m", "fabric", *line.split()]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("swap", "'' None\n"),
        ("swap qwen", "'qwen' None\n"),
        ("swap qwen --context 8", "'qwen' 8\n"),
        ("swap --context 8 qwen", "'qwen' 8\n"),
        ("swap --context 8", "'' 8\n"),
        ("swap --model qwen --context=8", "'qwen' 8\n"),
        ("swap qwen need other", "'qwen' None\n'other'\n"),
        ("swap swap need x", "'swap' None\n'x'\n"),  # the word comes first, whatever it is
    ],
)
def test_the_word_is_taken_where_it_stands_and_missed_nowhere(folder: Path, line: str, said: str) -> None:
    assert fab(folder, line).stdout == said


def test_a_word_that_is_required_still_is(folder: Path) -> None:
    done = fab(folder, "need")
    assert done.returncode != 0
    assert "did not receive required positional arguments: 'model'" in done.stderr


def test_a_word_too_many_is_nobodys(folder: Path) -> None:
    done = fab(folder, "swap one two")
    assert done.returncode != 0
    assert "No idea what 'two' is!" in done.stderr


@pytest.mark.parametrize("command", ["swap", "need"])
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_is_no_word_of_a_command_that_wants_one(folder: Path, command: str, flag: str) -> None:
    done = fab(folder, f"{command} {flag}")
    assert done.returncode == 0
    assert f" [--core-opts] {command} [--options] " in done.stdout.splitlines()[0]
