"""Real aider after `fab init-repo`: what .aiderignore hides is in no request, by name, by content or in the map."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from invoke.context import Context

from playbooks.clients.aider import AIDER
from playbooks.init_repo import init_repo, look_at
from playbooks.init_repo_commands import aider_words
from tests.e2e.hostile_surroundings import commit_all
from tests.playbooks.clients.real_client import Desk, desk_of

# Name -> text. Each is tracked by git, so that aider would know it.
FILES = {
    "calc.py": "def add(a, b):\n    return a + b\n",
    "secrets.py": "def the_door_code():\n    return 4711\n",
    ".env": "TOKEN=the-token-of-production\n",
    "web/.gitignore": "/made.py\n",
    "web/made.py": "def made_by_a_machine():\n    return 1\n",
    "web/kept.py": "def written_by_a_person():\n    return 2\n",
    "pyproject.toml": "[tool.pytest.ini_options]\n",
}
HIDDEN = ("the-token-of-production", "the_door_code", "made_by_a_machine")
QUESTION = ("--yes-always", "--message", "what is this?", "calc.py")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with desk_of(AIDER, tmp_path) as made:
        for name, text in FILES.items():
            (made.repository / name).parent.mkdir(exist_ok=True)
            (made.repository / name).write_text(text)
        commit_all(made.repository, made.home)
        subprocess.run(["git", "add", "-f", "web/made.py"], cwd=made.repository, check=True)
        monkeypatch.chdir(made.repository)
        yield made


def sent(desk: Desk, *files: str) -> str:
    """All that the model was told, for a question in which these files are named; aider has the proposed words, too."""
    words = aider_words(look_at(desk.repository).found)
    assert words == ["--test-cmd", "pytest -q"]
    done = desk.run([*words, "--lint-cmd", "python: true", *QUESTION, *files], {})
    assert "forty-two" in done.stdout, done.stdout + done.stderr
    return json.dumps(desk.bodies())


def test_a_hidden_file_is_in_no_request_even_if_it_is_added_by_name(desk: Desk) -> None:
    init_repo(Context(), yes=True)
    told = sent(desk, ".env", "secrets.py", "web/made.py")
    assert [text for text in HIDDEN if text in told] == []
    assert "written_by_a_person" in told, "the map of the repository is empty"


def test_without_the_file_each_of_them_is_sent(desk: Desk) -> None:
    """So that the test above can fail."""
    told = sent(desk, ".env", "secrets.py", "web/made.py")
    assert [text for text in HIDDEN if text not in told] == []
