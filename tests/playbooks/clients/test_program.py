"""Which program a client is, and of which version: found on a PATH of our own, told by files and by programs."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from playbooks import seal
from playbooks.aider_shim import SHIM_FOLDER
from playbooks.clients.aider import AIDER
from playbooks.clients.client import Client, Version
from playbooks.clients.program import (
    check_version,
    find_program,
    needed_program,
    npm_version,
    own_copy,
    reaching_nothing,
    version_in,
    version_of,
)
from stacks.errors import UsageError

ANY = replace(AIDER, name="any", program="any", install="get any", oldest=(1, 2), below=(2,))


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH; the cache is an empty one."""
    monkeypatch.setenv("DAYBOX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "bin"


def program(folder: Path, body: str = "", name: str = "any") -> Path:
    """A program of that name."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!{sys.executable}\n{body}")
    file.chmod(0o755)
    return file


def test_the_copy_of_the_known_version_comes_before_the_one_on_path(path: Path) -> None:
    program(path)
    assert find_program(ANY) == str(path / "any")
    own = program(own_copy(ANY).parent)
    assert find_program(ANY) == str(own)
    assert own.parent.parent.name == "1.2"


@pytest.mark.parametrize("entry", ["node_modules/.bin", ".", ""])
def test_a_program_that_a_repository_brings_is_looked_past(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: str
) -> None:
    program(tmp_path / "repository" / entry)
    monkeypatch.chdir(tmp_path / "repository")
    monkeypatch.setenv("PATH", f"{entry}:{path}")
    assert find_program(ANY) is None
    program(path)
    assert find_program(ANY) == str(path / "any")


def test_our_own_shim_is_looked_past(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would start itself for ever."""
    program(tmp_path / "stacks/s" / SHIM_FOLDER)
    monkeypatch.setenv("PATH", f"{tmp_path}/stacks/s/{SHIM_FOLDER}:{path}")
    assert find_program(ANY) is None
    program(path)
    assert find_program(ANY) == str(path / "any")


def test_what_is_not_there_is_an_error_with_the_line_that_installs_it() -> None:
    with pytest.raises(UsageError) as caught:
        needed_program(ANY)
    assert caught.value.line() == "any: any is not on PATH; install it: get any"


def test_the_version_of_an_npm_package_is_read_and_nothing_is_started(tmp_path: Path, path: Path) -> None:
    package = tmp_path / "lib/node_modules/@org/any"
    script = program(package / "bin", "open('started', 'w')", "any.js")
    (package / "package.json").write_text(json.dumps({"name": "@org/any", "version": "1.4.0"}))
    path.mkdir()
    (path / "any").symlink_to(script)
    assert version_of(ANY, str(path / "any")) == (1, 4, 0)
    assert not Path("started").exists()


@pytest.mark.parametrize("text", ["", "{", '{"name": "x"}', "[]"])
def test_a_package_that_tells_no_version_has_none(tmp_path: Path, text: str) -> None:
    package = tmp_path / "node_modules/any"
    package.mkdir(parents=True)
    (package / "package.json").write_text(text)
    assert npm_version(package / "any.js") == ()


def test_a_package_json_outside_of_any_package_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"version": "9.9"}')
    assert npm_version(tmp_path / "bin/any") == ()
    assert npm_version(tmp_path / "node_modules/.bin/any") == ()


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_any_other_program_is_asked(path: Path, stream: str) -> None:
    file = program(path, f"import sys; print('any, version 1.3 of 2025', file=sys.{stream})")
    assert version_of(ANY, str(file)) == (1, 3)


def test_it_is_asked_as_it_will_be_started(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    file = program(path, "import os; print('OPENAI_API_KEY' in os.environ, os.environ['http_proxy'], '1.5')")
    asked = list[Sequence[str]]()

    def wrap(words: Sequence[str]) -> list[str]:
        asked.append(words)
        return [sys.executable, "-c", "print('7.7')"]

    assert version_of(ANY, str(file), wrap) == (7, 7)
    assert asked == [[str(file), "--version"]]
    assert version_of(ANY, str(file)) == (127, 0, 0, 1)  # of the dead proxy: no provider's key is before it


@pytest.mark.parametrize("sealed", [True, False])
def test_it_is_asked_in_an_empty_folder_of_which_nothing_stays(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sealed: bool
) -> None:
    """In a repository's, Bun would run what its bunfig.toml names."""
    if sealed and (refused := seal.refusal()):
        pytest.skip(refused)
    repository = tmp_path / "repository"
    repository.mkdir()
    (repository / "bunfig.toml").write_text('preload = ["./evil.ts"]')
    monkeypatch.chdir(repository)
    monkeypatch.setenv("PWD", str(repository))
    body = (
        f"import json, os; json.dump([os.getcwd(), os.environ['PWD'], os.listdir()], open({str(path)!r} + '/x', 'w'))"
    )
    file = program(path, f"{body}; open('left', 'w'); print('1.5')")
    assert version_of(ANY, str(file), reaching_nothing() if sealed else list) == (1, 5)
    folder, told, held = json.loads((path / "x").read_text())
    assert (folder == told, held, Path(folder).exists()) == (True, [], False)
    assert list((tmp_path / "cache").iterdir()) == []


def test_where_no_box_is_at_hand_it_is_asked_without_a_network(path: Path) -> None:
    if refused := seal.refusal():
        pytest.skip(refused)
    body = f"import os; open({str(path / 'net')!r}, 'w').write(os.readlink('/proc/self/ns/net')); print('1.5')"
    assert version_of(ANY, str(program(path, body)), reaching_nothing()) == (1, 5)
    assert (path / "net").read_text() != os.readlink("/proc/self/ns/net")


def test_where_that_cannot_be_it_is_asked_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal, "refusal", lambda: "this is no Linux")
    assert reaching_nothing()(["any", "--version"]) == ["any", "--version"]


def test_a_number_in_why_it_failed_is_not_its_version(path: Path) -> None:
    file = program(path, "import sys; sys.exit('SyntaxError\\n\\nNode.js v18.19.0')")
    assert version_of(ANY, str(file)) == ()


@pytest.mark.parametrize("body", ["import sys; sys.exit(1)", "print('any')"])
def test_a_program_that_tells_no_version_has_none(path: Path, body: str) -> None:
    assert version_of(ANY, str(program(path, body))) == ()


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("2.1.332 (Claude Code)", (2, 1, 332)),
        ("codex-cli 0.171.0", (0, 171, 0)),
        ("llm, version 0.36", (0, 36)),
        ("v1.18.33\n", (1, 18, 33)),
        ("none", ()),
    ],
)
def test_versions_are_read_as_their_programs_say_them(said: str, version: Version) -> None:
    assert version_in(said) == version


def checked(found: Version, *, sealed: bool, client: Client = ANY) -> str:
    return check_version(client, found, sealed=sealed)


@pytest.mark.parametrize("found", [(1, 2), (1, 2, 0), (1, 99)])
def test_of_a_known_version_nothing_is_said(found: Version) -> None:
    assert checked(found, sealed=False) == checked(found, sealed=True) == ""


@pytest.mark.parametrize("sealed", [True, False])
def test_one_that_is_too_old_is_not_started(sealed: bool) -> None:
    with pytest.raises(UsageError) as caught:
        checked((1, 1, 9), sealed=sealed)
    assert caught.value.line() == ("any: 1.1.9 is too old; known are 1.2 and later, below 2; install it: get any")


@pytest.mark.parametrize("found", [(2, 0), (3,), ()])
def test_one_that_is_newer_than_what_we_know_is_started_only_where_it_cannot_leak(found: Version) -> None:
    assert "it can reach nothing but the gateway" in checked(found, sealed=True)
    with pytest.raises(UsageError, match=r"newer than what daybox knows|tells no version") as caught:
        checked(found, sealed=False)
    assert "--sealed" in caught.value.hint
