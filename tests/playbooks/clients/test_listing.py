"""`fab launch` alone: which clients there are, and what one does with each."""

import json
import os
import sys
from pathlib import Path

import pytest

from playbooks import seal
from playbooks.clients import ROWS
from playbooks.clients.listing import rows, show, words
from playbooks.command import print_json


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH; the cache is an empty one."""
    monkeypatch.setenv("DAYBOX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def installed(path: Path, name: str, version: str) -> None:
    """Put a program there."""
    file = path / name
    file.write_text(f"#!{sys.executable}\nprint('{version}')\n")
    file.chmod(0o755)


def test_every_client_has_a_row_and_one_that_is_missing_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    found = {row["name"]: row for row in rows()}
    assert list(found) == [row.name for row in ROWS]
    assert words(found["aider"]).startswith("install it: scripts/setup")
    assert {row["how"] for row in found.values()} == {"launch", "show", "refuse"}
    print_json(list(found.values()))
    assert json.loads(capsys.readouterr().out) == list(found.values())


@pytest.mark.parametrize(
    ("version", "shown"),
    [("0.86.2", "fab launch aider"), ("0.1.0", "fab launch aider; not a version that daybox knows: scripts/setup")],
)
def test_one_that_is_installed_is_shown_with_its_version(
    path: Path, version: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    installed(path, "aider", version)
    row = rows()[0]
    assert (row["program"], row["version"]) == (str(path / "aider"), version)
    assert words(row).startswith(shown)
    show([row])
    assert f"aider   {version}" in capsys.readouterr().out.replace("    ", "   ")


def test_no_program_that_is_asked_has_a_network(path: Path) -> None:
    if refused := seal.refusal():
        pytest.skip(refused)
    said = f"', open({str(path / 'net')!r}, 'w').write(__import__('os').readlink('/proc/self/ns/net')) and '0.86.2"
    installed(path, "aider", said)
    assert rows()[0]["known"]
    assert (path / "net").read_text() != os.readlink("/proc/self/ns/net")


def test_people_are_told_whether_this_laptop_seals(capsys: pytest.CaptureFixture[str]) -> None:
    show([])
    assert capsys.readouterr().out.splitlines()[-1].startswith("sealed: ")


def test_the_names_are_their_own() -> None:
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names) and os.sep not in "".join(names)
