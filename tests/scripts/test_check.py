"""`scripts/check` around stand-ins for the tools: which of them decide, and what stands last."""

import os
import shutil
import subprocess
import sys
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
    side_by_side = f"--dist=loadfile --numprocesses={(os.cpu_count() or 1) + 1}"
    small = f"pytest --durations=10 --ignore=tests/e2e {side_by_side} -k two words"
    boxes = "pytest --durations=10 --ignore-glob=tests/[!e]* -k two words"
    assert done.stdout.splitlines() == ["setup test", small, PASSED, boxes, PASSED]


def test_the_part_with_boxes_is_the_end_to_end_tests_and_nothing_else() -> None:
    """What the one part of the tests leaves out is what the other is; asked of pytest itself."""
    words = [sys.executable, "-m", "pytest", "--collect-only", "-q", "--ignore-glob=tests/[!e]*"]
    said = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    assert {line.split("/")[1] for line in said.splitlines() if "::" in line} == {"e2e"}
    assert [path.name for path in (REPOSITORY / "tests").glob("e*")] == ["e2e"]


def test_fast_goes_without_boxes_and_what_they_need(tree: Path) -> None:
    done = run(tree, "scripts/check", "--fast")
    assert done.stdout.splitlines()[0] == "setup fast"
    assert "--ignore=tests/e2e" in done.stdout.splitlines()[1]
    assert done.stdout.splitlines()[2:] == [PASSED]


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_that_is_not_content_fails_the_check_but_the_tests_still_run(tree: Path, tool: str) -> None:
    program(tree, f".venv/bin/{tool}", "echo line 3 is bad; exit 1")
    done = run(tree, "scripts/check")
    assert done.returncode == 1
    assert "line 3 is bad" in done.stdout
    assert done.stdout.splitlines()[-2:] == [PASSED, PASSED]
    assert done.stdout.splitlines()[-3].startswith("scripts/check: not passed, see above the tests:")


@pytest.mark.parametrize("part", ["ignore=tests/e2e", "ignore-glob"], ids=["small", "boxes"])
def test_tests_that_fail_fail_the_check_and_stand_at_its_end(tree: Path, part: str) -> None:
    program(tree, ".venv/bin/pytest", f'case "$*" in *{part}*) echo 1 failed; exit 1 ;; *) echo "{PASSED}" ;; esac')
    done = run(tree, "scripts/check")
    assert done.returncode == 1
    assert sorted(done.stdout.splitlines()[-2:]) == ["1 failed", PASSED]


def test_a_part_of_which_no_test_was_asked_for_is_no_failure(tree: Path) -> None:
    program(tree, ".venv/bin/pytest", 'case "$*" in *ignore-glob*) echo none; exit 5 ;; esac')
    assert run(tree, "scripts/check", "tests/stacks").returncode == 0


def test_without_set_up_nothing_is_run(tree: Path) -> None:
    program(tree, "scripts/setup", "echo no git; exit 1")
    done = run(tree, "scripts/check")
    assert (done.returncode, done.stdout) == (1, "no git\n")


def test_no_test_sees_an_account_or_a_stack_of_yours(tree: Path) -> None:
    program(tree, ".venv/bin/pytest", 'echo "token:$LINODE_TOKEN stack:$PULUMI_STACK"')
    assert run(tree, "scripts/check").stdout.splitlines()[-1] == "token: stack:"


def test_ci_runs_the_line_that_people_run(tree: Path) -> None:
    program(tree, ".venv/bin/pytest", 'read answer; echo "CI=$CI answer=$answer"')
    assert run(tree, ".ci/run").stdout.splitlines() == ["setup test", *["CI=true answer="] * 2]


def test_every_shell_script_is_linted(tree: Path) -> None:
    program(tree, "templates/box.sh", "true")
    program(tree, ".venv/bin/shellcheck", 'echo "$*"; exit 1')
    said = run(tree, "scripts/check").stdout
    assert ".ci/run scripts/check scripts/env scripts/setup templates/box.sh" in said
