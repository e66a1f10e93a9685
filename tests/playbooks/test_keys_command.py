"""`fab keys` and `fab keys.revoke`: who has a key to the gateway, and taking one away."""

import json
from contextlib import nullcontext
from pathlib import Path

import pytest
from invoke.exceptions import Exit

from playbooks import questions
from playbooks.clients import CLIENTS
from playbooks.keys import KEYS_FILE, client_key, key_file, read_keys
from playbooks.keys_command import (
    anew,
    client_folders,
    fingerprint,
    forget_in_files,
    known_stacks,
    list_keys,
    own_names,
    revoke,
    stack_meant,
)
from playbooks.tunnel_files import Orders, tunnel_dir
from playbooks.usage import Row, Used, append
from stacks.errors import ConfigError, UsageError
from stacks.places import stack_dir, write_private


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    for stack in ("s", "t"):
        Orders(stack, "l", 1, 1, 8000, "a", "", "", "").write()


def listed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    list_keys.body(None, json=True)
    rows: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return rows


def test_each_client_is_listed_with_its_use_and_without_its_key(capsys: pytest.CaptureFixture[str]) -> None:
    key = client_key("s", "aider")
    client_key("s", "llm")
    append(
        tunnel_dir("s"), [Row(20 * 86_400.0, "aider", Used(requests=2)), Row(21 * 86_400.0, "aider", Used(refused=1))]
    )
    aider, llm = listed(capsys)
    assert (aider["client"], aider["used"], aider["requests"]) == ("aider", "1970-01-21T00:00:00Z", 2)
    assert (llm["client"], llm["used"], llm["requests"]) == ("llm", None, 0)
    assert aider["fingerprint"] == fingerprint(key) and aider["made"] and key not in str(aider)


def test_a_key_of_an_older_checkout_was_made_nobody_knows_when(capsys: pytest.CaptureFixture[str]) -> None:
    write_private(tunnel_dir("s") / "keys.json", json.dumps({"aider": "dbx-x"}))
    assert listed(capsys)[0]["made"] is None
    list_keys.body(None, stack="s")
    assert capsys.readouterr().out.splitlines()[1].split() == ["s", "aider", "?", "never", "0", fingerprint("dbx-x")]


def test_without_keys_it_says_how_one_comes_to_be(capsys: pytest.CaptureFixture[str]) -> None:
    list_keys.body(None)
    assert capsys.readouterr().out == "keys: there is none; `fab launch` makes one for each client\n"


def test_a_revoked_key_is_gone_from_every_file_that_is_daybox_s(capsys: pytest.CaptureFixture[str]) -> None:
    key, other = client_key("s", "pi"), client_key("s", "llm")
    lone = key_file("s", "pi")
    settings, history = (stack_dir("s") / "clients/pi" / name for name in ("models.json", "history"))
    write_private(settings, json.dumps({"env": {"KEY": key}}))
    write_private(history, "what was said")
    revoke.body(None, "pi", yes=True)
    assert capsys.readouterr().out == (
        "s: the key of pi is gone, and models.json with it; it gets a new one when it is started anew: fab launch pi\n"
    )
    assert read_keys(tunnel_dir("s") / "keys.json") == {"llm": other}
    assert (lone.exists(), settings.exists(), history.exists()) == (False, False, True)
    assert not [file for file in stack_dir("s").rglob("*") if file.is_file() and key in file.read_text()]


@pytest.mark.parametrize(
    ("client", "words"),
    [
        ("aider", "when it is started anew: fab launch aider"),
        ("env", 'by eval "$(fab env)"'),
        ("bench", "when it is needed again"),
    ],
)
def test_whoever_lost_a_key_is_told_how_to_get_another(client: str, words: str) -> None:
    assert anew(client) == words


def test_a_link_in_a_clients_folder_leads_to_nothing_that_is_removed(tmp_path: Path) -> None:
    key, own = client_key("s", "pi"), tmp_path / "own"
    own.write_text(key)
    folder = stack_dir("s") / "clients/pi"
    folder.mkdir(parents=True)
    (folder / "link").symlink_to(own)
    assert forget_in_files(client_folders("s", "pi"), {"link"}, key) == []
    assert own.read_text() == key


@pytest.mark.parametrize(
    ("client", "stack", "said"),
    [
        ("pi", None, "keys: pi has none; those that have: aider, llm"),
        ("llm", "t", "keys: llm has none; those that have: aider"),
        ("aider", None, "keys: aider has one in 2 stacks; say --stack: s, t"),
        ("aider", "u", "stacks/u: has no keys on this laptop; those that have: s, t"),
    ],
)
def test_a_name_that_means_no_key_or_more_than_one_is_refused_with_the_list(
    client: str, stack: str | None, said: str
) -> None:
    client_key("s", "aider"), client_key("t", "aider"), client_key("s", "llm")
    with pytest.raises(UsageError) as caught:
        stack_meant(client, stack)
    assert caught.value.line() == said


def test_the_only_stack_where_it_has_one_is_meant() -> None:
    client_key("s", "aider"), client_key("t", "llm")
    assert (stack_meant("llm", None), stack_meant("aider", None)) == ("t", "s")


def test_nothing_is_taken_away_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    client_key("s", "aider")
    monkeypatch.setattr(questions, "on_terminal", lambda: False)
    with pytest.raises(Exception, match="nobody is here to be asked: say --yes"):
        revoke.body(None, "aider")
    assert read_keys(tunnel_dir("s") / "keys.json")


@pytest.mark.parametrize(("answer", "agreed"), [("y", True), ("", False), ("n", False)])
def test_on_a_terminal_it_asks(monkeypatch: pytest.MonkeyPatch, answer: str, agreed: bool) -> None:
    key = client_key("s", "aider")
    monkeypatch.setattr(questions, "on_terminal", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _question: answer)
    with nullcontext() if agreed else pytest.raises(Exit) as caught:
        revoke.body(None, "aider")
    assert agreed or isinstance(caught and caught.value.__cause__, UsageError)
    kept = read_keys(tunnel_dir("s") / KEYS_FILE)
    assert kept == ({} if agreed else {"aider": key})


def test_a_history_in_which_the_key_stands_is_named_and_left(capsys: pytest.CaptureFixture[str]) -> None:
    key = client_key("s", "claude")
    history = stack_dir("s") / "clients/claude/config/projects/session.jsonl"
    text = f'{{"said": "ANTHROPIC_API_KEY={key}"}}\n{{"work": "of the whole day"}}\n'
    write_private(history, text)
    write_private(history.with_name("empty"), "")
    revoke.body(None, "claude", yes=True)
    assert history.read_text() == text
    last = f"{history}: holds it still, and is claude's own; the key opens nothing any more"
    assert capsys.readouterr().out.splitlines()[1:] == [last]


@pytest.mark.parametrize("client", [one.name for one in CLIENTS])
def test_what_daybox_writes_for_each_client_is_known_without_a_box(client: str) -> None:
    assert own_names(client)


def test_what_no_client_of_ours_writes_is_nobodys() -> None:
    assert own_names("env") == frozenset()


def test_a_key_of_a_stack_without_a_tunnel_is_listed_and_can_be_taken_away(capsys: pytest.CaptureFixture[str]) -> None:
    client_key("fresh", "env")
    assert [row["stack"] for row in listed(capsys)] == ["fresh"]
    revoke.body(None, "env", yes=True)
    assert read_keys(tunnel_dir("fresh") / "keys.json") == {}


def test_a_damaged_list_of_keys_is_named_with_its_path() -> None:
    write_private(tunnel_dir("s") / "keys.json", "{bad")
    with pytest.raises(ConfigError) as caught:
        known_stacks()
    assert caught.value.fact == f"{tunnel_dir('s')}/keys.json: is no list of keys"
