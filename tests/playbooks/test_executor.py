"""`fab task -- words`: the words reach the task as the shell passed them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from playbooks.executor import words_after_dashes

ROOT = Path(__file__).resolve().parents[2]
FABFILE = """
import json, sys
from invoke.tasks import task
from playbooks.executor import words_after_dashes

@task
def show(c):
    print(json.dumps(words_after_dashes(sys.argv)))
"""


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["fab", "show"], []),
        (["fab", "show", "--"], []),
        (["fab", "show", "--", "--message", "a  'b' c", "x.py"], ["--message", "a  'b' c", "x.py"]),
        (["fab", "show", "--", "-m", "x", "--", "--odd"], ["-m", "x", "--", "--odd"]),
    ],
)
def test_the_words_are_those_after_the_first_dashes(argv: list[str], words: list[str]) -> None:
    assert words_after_dashes(argv) == words


def test_fab_runs_the_task_and_not_a_remote_command(tmp_path: Path) -> None:
    """With this repository's own fabric.yaml, from a sub-folder too."""
    shutil.copy(ROOT / "fabric.yaml", tmp_path)
    (tmp_path / "fabfile.py").write_text(FABFILE)
    (tmp_path / "playbooks").symlink_to(ROOT / "playbooks")
    (tmp_path / "stacks").symlink_to(ROOT / "stacks")
    (tmp_path / "templates").symlink_to(ROOT / "templates")
    (tmp_path / "inner").mkdir()
    fab = [sys.executable, "-m", "fabric", "show", "--", "--message", 'a  "b" c', "x y.py"]
    done = subprocess.run(fab, cwd=tmp_path / "inner", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, '["--message", "a  \\"b\\" c", "x y.py"]\n', "")
