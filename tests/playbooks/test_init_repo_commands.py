"""Which test and lint commands a repository's files name."""

import json
import os
from pathlib import Path

import pytest

from playbooks.init_repo_commands import Proposal, aider_words, faults, proposals

PACKAGE = json.dumps({"scripts": {"test": "vitest", "lint": "eslint ."}})
CASES: list[tuple[dict[str, str], list[str]]] = [
    ({}, []),
    ({"pytest.ini": ""}, ["test pytest -q"]),
    ({"tests/conftest.py": ""}, ["test pytest -q"]),
    ({"pyproject.toml": "[tool.pytest.ini_options]\n"}, ["test pytest -q"]),
    ({"pyproject.toml": "[dependency-groups]\ndev = ['pytest>=8']\n"}, ["test pytest -q"]),
    ({"setup.cfg": "[tool:pytest]\n"}, ["test pytest -q"]),
    ({"tox.ini": "[pytest]\n"}, ["test pytest -q"]),
    ({"requirements-dev.txt": "black\npytest==8\n"}, ["test pytest -q"]),
    ({"requirements.txt": "pytest-mocking-nothing\n"}, ["test pytest -q"]),
    ({"pytest.ini": "", ".venv/bin/pytest": ""}, ["test .venv/bin/pytest -q"]),
    ({"ruff.toml": ""}, ["lint python: ruff check"]),
    ({"pyproject.toml": "[tool.ruff]\n"}, ["lint python: ruff check"]),
    ({"pyproject.toml": "[tool.ruff.lint]\n", ".flake8": ""}, ["lint python: ruff check"]),
    ({".flake8": ""}, ["lint python: flake8"]),
    ({"package.json": PACKAGE}, ["test npm test", "lint javascript: npm run lint --"]),
    (
        {"package.json": PACKAGE, "pnpm-lock.yaml": "", "tsconfig.json": ""},
        ["test pnpm test", "lint javascript: pnpm run lint", "lint typescript: pnpm run lint"],
    ),
    ({"package.json": PACKAGE, "bun.lock": ""}, ["test bun run test", "lint javascript: bun run lint"]),
    ({"package.json": '{"scripts": {"test": "echo \\"Error: no test specified\\" && exit 1"}}'}, []),
    ({"package.json": '{"scripts": ["test"]}'}, []),
    ({"Cargo.toml": "[package]\n"}, ["test cargo test --quiet"]),
    ({"go.mod": "module m\n"}, ["test go test ./...", "lint go: gofmt -e -l"]),
    ({"Makefile": "CHECK := 1\ntest: all\n\tpytest\n"}, ["test make test"]),
    ({"Makefile": "check:\n\ttrue\n"}, ["test make check"]),
    ({"Makefile": "test := 1\n"}, []),
    ({"Makefile": "test:\n", "go.mod": ""}, ["test go test ./...", "lint go: gofmt -e -l"]),
    ({"Makefile": "test:\n", "ruff.toml": ""}, ["lint python: ruff check", "test make test"]),
    ({"pyproject.toml": "[tool.ruff\n"}, []),
]


def repository(folder: Path, files: dict[str, str]) -> Path:
    """A folder with these files."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(("files", "found"), CASES, ids=[" ".join(files) or "nothing" for files, _ in CASES])
def test_commands_are_read_from_the_repositorys_files(files: dict[str, str], found: list[str], tmp_path: Path) -> None:
    made = proposals(repository(tmp_path, files))
    assert [f"{one.kind} {one.language + ': ' if one.language else ''}{one.command}" for one in made] == found


def test_aider_is_given_one_test_command_and_a_lint_command_for_each_language() -> None:
    found = [
        Proposal("test", "pytest -q", "a"),
        Proposal("lint", "ruff check", "a", "python"),
        Proposal("test", "npm test", "b"),
        Proposal("lint", "npm run lint --", "b", "javascript"),
    ]
    assert aider_words(found) == [
        *("--test-cmd", "pytest -q && npm test"),
        *("--lint-cmd", "python: ruff check", "--lint-cmd", "javascript: npm run lint --"),
    ]
    assert aider_words([]) == []


def test_a_program_is_looked_for_in_the_repository_and_on_path(tmp_path: Path) -> None:
    repository(tmp_path, {".venv/bin/pytest": ""})
    assert Proposal("test", ".venv/bin/pytest -q", "a").installed(tmp_path)
    assert Proposal("test", "sh -c true", "a").installed(tmp_path)
    assert not Proposal("test", "no-such-program -q", "a").installed(tmp_path)


def test_no_word_of_a_script_stands_on_a_command_line(tmp_path: Path) -> None:
    odd = "x; touch ran; $(touch ran)"
    scripts = json.dumps({"scripts": {"test": odd, "lint": odd, odd: odd}, "packageManager": odd, "name": odd})
    made = proposals(repository(tmp_path, {"package.json": scripts, "Makefile": "check; touch ran:\n"}))
    assert {one.command for one in made} == {"npm test", "npm run lint --"}


@pytest.mark.parametrize("name", ["package.json", "pyproject.toml", "Makefile", "requirements.txt"])
def test_a_pipe_or_an_endless_file_is_not_read(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    (tmp_path / "requirements-dev.txt").symlink_to("/dev/zero")
    assert (proposals(tmp_path), faults(tmp_path)) == ([], [])


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("pyproject.toml", "[tool.ruff\n", ["pyproject.toml: is not TOML, left out"]),
        ("package.json", "[1]", ["package.json: is not JSON, left out"]),
        ("package.json", "{}", []),
        ("pyproject.toml", "", []),
        ("package.json", "[" * 100_000, ["package.json: is not JSON, left out"]),
    ],
)
def test_a_broken_file_is_named_and_left_out(name: str, text: str, said: list[str], tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    assert proposals(tmp_path) == []
    assert faults(tmp_path) == said
