"""A doctor names every client, its version, and each place that would lead it elsewhere, with what is done about it."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from playbooks import seal
from playbooks.clients import CLIENTS
from playbooks.clients.client import Client, Conflict, Place, Way
from playbooks.doctor_check import Check, Detail, Finding
from playbooks.doctor_clients import ask, client_checks, details, keys_set
from playbooks.doctor_look import Examined, judge
from playbooks.doctor_view import lines
from stacks.errors import ConfigError, LeakError

OVERRULED = Conflict("/repo/.env", ("OPENAI_BASE_URL", "http_proxy"))
WINS = Conflict("/etc/x/managed.json", ("env",), wins="an administrator's settings beat every other")


def client(*found: Conflict, name: str = "someone") -> Client:
    def files(_: Way) -> dict[str, str]:
        return {}

    def words(_: Way, own: object) -> list[str]:
        return []

    return Client(
        name=name,
        title="Someone",
        program="someone",
        install="npm install -g someone",
        oldest=(2, 0),
        below=(3,),
        least_window=0,
        files=files,
        words=words,
        conflicts=lambda _: list(found),
    )


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A laptop with one folder on PATH, and nothing in it."""
    monkeypatch.setenv("DAYBOX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    for name in ("bin", "home", "work"):
        (tmp_path / name).mkdir()
    return Place({}, tmp_path / "work", tmp_path / "home", 18_001)


@pytest.fixture
def program(here: Place, tmp_path: Path) -> Path:
    """The client's program, of version 2.1.0."""
    file = tmp_path / "bin/someone"
    file.write_text("#!/bin/sh\necho someone 2.1.0\n")
    file.chmod(0o755)
    return file


def said(found: Finding) -> tuple[str, str, str]:
    return found.state, found.fact, found.cure


def test_a_client_that_nothing_leads_is_right_with_its_version(here: Place, program: Path) -> None:
    assert said(ask(client(), here)) == ("ok", f"2.1.0, {program}; nothing leads it elsewhere", "")


def test_what_is_overruled_is_wrong_for_whoever_starts_it_by_hand(here: Place, program: Path) -> None:
    found = ask(client(OVERRULED), here)
    assert said(found) == (
        "wrong",
        f"2.1.0, {program}; started by hand it is led elsewhere",
        "take it out, or work with `fab launch someone`, which overrules it",
    )
    assert (found.kind, found.details) == (None, (Detail(OVERRULED.place, OVERRULED.names, "overruled"),))


def test_what_wins_over_daybox_is_a_leak_and_comes_first(here: Place, program: Path) -> None:
    found = ask(client(OVERRULED, WINS), here)
    assert (found.state, found.kind) == ("wrong", LeakError)
    assert [one.words() for one in found.details] == [
        "/etc/x/managed.json: env: not started, an administrator's settings beat every other",
        "/repo/.env: OPENAI_BASE_URL, http_proxy: overruled",
    ]
    assert found.cure == "take it out; until then `fab launch someone` does not start it"


def test_a_client_that_is_not_there_cannot_be_led_and_what_would_is_named(here: Place) -> None:
    assert said(ask(client(), here)) == ("not-applicable", "not installed", "")
    found = ask(client(WINS), here)
    assert said(found) == (
        "not-applicable",
        "not installed; it would be led elsewhere",
        "install it: npm install -g someone",
    )
    assert len(found.details) == 1


def test_without_aider_the_laptop_is_not_set_up(here: Place) -> None:
    assert ask(client(name="aider"), here).state == "wrong"


@pytest.mark.parametrize(
    ("version", "state", "fact"),
    [
        ("1.9.9", "wrong", "older than 2.0"),
        ("3.0.1", "unknown", "known are 2.0 and later, below 3"),
        ("hello", "unknown", "known are 2.0 and later, below 3"),
    ],
)
def test_a_version_whose_formats_are_not_known_is_said(
    here: Place, program: Path, version: str, state: str, fact: str
) -> None:
    program.write_text(f"#!/bin/sh\necho {version}\n")
    found = ask(client(), here)
    assert (found.state, found.fact.endswith(fact)) == (state, True)


def test_a_file_that_cannot_be_read_is_named(here: Place, program: Path) -> None:
    from playbooks.clients.reading import note_closed

    def closed(_: Place) -> list[Conflict]:
        note_closed(Path("/repo/.env"))
        return []

    found = ask(replace(client(), conflicts=closed), here)
    assert said(found) == ("unknown", f"2.1.0, {program}; cannot be read: /repo/.env", "")


def test_every_client_has_a_check_and_no_row_breaks_it(here: Place) -> None:
    checks = client_checks(here)
    assert [check.name for check in checks] == [f"client/{one.name}" for one in CLIENTS]
    assert not [check.fact for check in checks if "this check broke" in check.fact]


def test_no_program_that_is_asked_for_its_version_has_a_network(here: Place, tmp_path: Path) -> None:
    if refused := seal.refusal():
        pytest.skip(refused)
    file, net = tmp_path / "bin/aider", tmp_path / "net"
    said = f"import os; open({str(net)!r}, 'w').write(os.readlink('/proc/self/ns/net')); print('0.86.2')"
    file.write_text(f"#!{sys.executable}\n{said}\n")
    file.chmod(0o755)
    assert client_checks(here)[0].fact.startswith("0.86.2, ")
    assert net.read_text() != os.readlink("/proc/self/ns/net")


def test_that_something_wins_is_graver_than_whatever_else_is_wrong() -> None:
    leak = Check("client/someone", "wrong", "x", "y", LeakError)
    with pytest.raises(LeakError) as alone:
        judge(Examined(None, [leak], None))
    assert alone.value.exit_code == 8
    with pytest.raises(LeakError):
        judge(Examined(None, [Check("laptop/ssh", "wrong", "x", "y", ConfigError), leak], None))


def test_each_place_has_a_line_of_its_own_and_for_programs_a_row() -> None:
    check = Check("client/someone", "wrong", "2.1.0", "cure", LeakError, details((OVERRULED, WINS)))
    assert lines([check])[1:] == [
        ("", "", "- /etc/x/managed.json: env: not started, an administrator's settings beat every other"),
        ("", "", "- /repo/.env: OPENAI_BASE_URL, http_proxy: overruled"),
        ("", "", "-> cure"),
    ]
    row = check.row()
    assert list(row) == ["name", "state", "fact", "cure", "conflicts"]
    assert row["fact"].endswith("; /repo/.env: OPENAI_BASE_URL, http_proxy: overruled")
    assert row["conflicts"][1] == {
        "place": "/repo/.env",
        "names": ["OPENAI_BASE_URL", "http_proxy"],
        "effect": "overruled",
        "why": "",
    }


def test_names_from_a_strangers_file_do_nothing_to_a_terminal() -> None:
    assert "\x1b" not in Detail("/repo/.env", ("\x1b[2J",), "overruled").words()


def test_keys_of_providers_are_named() -> None:
    assert keys_set(["OPENAI_API_KEY", "PATH", "ANTHROPIC_AUTH_TOKEN"]) == ["ANTHROPIC_AUTH_TOKEN", "OPENAI_API_KEY"]
    assert keys_set(["CLAUDE_CODE_OAUTH_TOKEN", "watsonx_apikey"]) == ["CLAUDE_CODE_OAUTH_TOKEN", "watsonx_apikey"]
