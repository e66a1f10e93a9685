"""`scripts/check` around stand-ins for the tools: which of them decide, and what stands last."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from scripts.installer.pins import REPOSITORY

TOOLS = ("ruff", "mypy", "yamllint", "shellcheck")
PASSED = "==== 3 passed in 0.1s ===="


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A checkout with the real scripts/check and .ci/run; every tool in it is content."""
    for name in ("scripts/check", ".ci/run"):
        (tmp_path / name).parent.mkdir(parents=True)
        shutil.copy(REPOSITORY / name, tmp_path / name)
    (tmp_path / "templates").mkdir()
    program(tmp_path, "scripts/setup", 'echo "setup $*"')
    program(tmp_path, ".venv/bin/pytest", f'echo "pytest $*"; echo "{PASSED}"')
    for tool in TOOLS:
        program(tmp_path, f".venv/bin/{tool}", f"echo {tool} is content")
    return tmp_path


def program(tree: Path, name: str, text: str) -> None:
    (tree / name).parent.mkdir(parents=True, exist_ok=True)
    (tree / name).write_text(f"#!/bin/sh\n{text}\n")
    (tree / name).chmod(0o755)


def run(tree: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "LINODE_TOKEN": "a-real-one", "PULUMI_STACK": "mine"}
    return subprocess.run([tree / words[0], *words[1:]], env=env, capture_output=True, text=True, check=False)


def test_everything_content_ends_with_the_tests_closing_line(tree: Path) -> None:
    done = run(tree, "scripts/check", "-k", "two words")
    assert done.returncode == 0
    assert done.stdout.splitlines() == ["setup test", "pytest --durations=10 -k two words", PASSED]


def test_fast_goes_without_boxes_and_what_they_need(tree: Path) -> None:
    done = run(tree, "scripts/check", "--fast")
    assert done.stdout.splitlines()[0] == "setup fast"
    assert done.stdout.splitlines()[1].startswith("pytest --ignore=tests/e2e --dist=loadfile --numprocesses=")


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_that_is_not_content_fails_the_check_but_the_tests_still_run(tree: Path, tool: str) -> None:
    program(tree, f".venv/bin/{tool}", "echo line 3 is bad; exit 1")
    done = run(tree, "scripts/check")
    assert done.returncode == 1
    assert "line 3 is bad" in done.stdout
    assert done.stdout.splitlines()[-1] == PASSED
    assert done.stdout.splitlines()[-2].startswith("scripts/check: not passed, see above the tests:")


def test_tests_that_fail_fail_the_check(tree: Path) -> None:
    program(tree, ".venv/bin/pytest", "echo '==== 1 failed ===='; exit 1")
    done = run(tree, "scripts/check")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "==== 1 failed ===="


def test_without_set_up_nothing_is_run(tree: Path) -> None:
    program(tree, "scripts/setup", "echo no git; exit 1")
    done = run(tree, "scripts/check")
    assert (done.returncode, done.stdout) == (1, "no git\n")


def test_no_test_sees_an_account_or_a_stack_of_yours(tree: Path) -> None:
    program(tree, ".venv/bin/pytest", 'echo "token:$LINODE_TOKEN stack:$PULUMI_STACK"')
    assert run(tree, "scripts/check").stdout.splitlines()[-1] == "token: stack:"


def test_ci_runs_the_line_that_people_run(tree: Path) -> None:
    program(tree, ".venv/bin/pytest", 'read answer; echo "CI=$CI answer=$answer"')
    assert run(tree, ".ci/run").stdout.splitlines() == ["setup test", "CI=true answer="]


def test_every_shell_script_is_linted(tree: Path) -> None:
    program(tree, "templates/box.sh", "true")
    program(tree, ".venv/bin/shellcheck", 'echo "$*"; exit 1')
    said = run(tree, "scripts/check").stdout
    assert ".ci/run scripts/check scripts/env scripts/setup templates/box.sh" in said
