"""Client keys: made at need, kept private, none lost."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from playbooks.keys import KeyFile, client_key, client_of, forget_key, key_file, made_at
from playbooks.tunnel_files import tunnel_dir
from stacks.errors import ConfigError
from stacks.places import write_private


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))


def test_a_client_keeps_its_key_and_two_clients_have_two() -> None:
    assert client_key("s", "aider") == client_key("s", "aider")
    assert client_key("s", "aider") != client_key("s", "llm")


def test_two_stacks_share_no_key() -> None:
    assert client_key("s", "aider") != client_key("t", "aider")


def test_only_the_user_can_read_the_keys() -> None:
    client_key("s", "aider")
    assert (tunnel_dir("s") / "keys.json").stat().st_mode & 0o777 == 0o600
    assert key_file("s", "aider").stat().st_mode & 0o777 == 0o600
    assert tunnel_dir("s").stat().st_mode & 0o777 == 0o700


def test_the_key_file_holds_the_key_and_nothing_else() -> None:
    assert key_file("s", "env").read_text() == client_key("s", "env")


def test_clients_started_at_once_lose_no_key() -> None:
    names = [f"client-{number}" for number in range(12)]
    with ThreadPoolExecutor(12) as pool:
        keys = dict(zip(names, pool.map(lambda name: client_key("s", name), names), strict=True))
    assert json.loads((tunnel_dir("s") / "keys.json").read_text()) == keys


@pytest.mark.parametrize(
    ("presented", "client"), [("a-key", "a"), ("b-key", "b"), ("", None), ("a", None), ("é", None), ("\udcff", None)]
)
def test_a_key_tells_its_client(presented: str, client: str | None) -> None:
    assert client_of({"a": "a-key", "b": "b-key"}, presented) == client


def test_the_gateway_sees_a_key_made_later() -> None:
    keys = KeyFile(tunnel_dir("s") / "keys.json")
    assert keys.client_of("anything") is None
    key = client_key("s", "aider")
    assert keys.client_of(key) == "aider"
    assert keys.client_of(client_key("s", "llm")) == "llm"


def test_a_key_that_is_taken_away_opens_nothing_any_more_and_leaves_no_file() -> None:
    keys, key, other = KeyFile(tunnel_dir("s") / "keys.json"), client_key("s", "aider"), client_key("s", "llm")
    file = key_file("s", "aider")
    assert keys.client_of(key) == "aider"
    assert forget_key("s", "aider") == key
    assert (keys.client_of(key), keys.client_of(other), file.exists()) == (None, "llm", False)
    assert forget_key("s", "aider") is None
    assert client_key("s", "aider") != key


def test_when_a_key_was_made_is_kept_beside_it() -> None:
    began = time.time()
    client_key("s", "aider")
    assert began - 1 <= made_at(tunnel_dir("s"))["aider"] <= time.time() + 1
    forget_key("s", "aider")
    assert made_at(tunnel_dir("s")) == {}


@pytest.mark.parametrize("text", ["", "[]", '{"aider": "x"}'])
def test_a_damaged_list_of_moments_says_nothing(text: str) -> None:
    (tunnel_dir("s") / "keys-made.json").write_text(text)
    assert made_at(tunnel_dir("s")) == {}


@pytest.mark.parametrize("text", ["", "{bad", "[]", '"x"', '{"aider": 1}', '{"aider": ""}', "[" * 99_999])
def test_of_a_damaged_file_nobody_has_a_key(text: str) -> None:
    path = tunnel_dir("s") / "keys.json"
    keys, key = KeyFile(path), client_key("s", "aider")
    assert keys.client_of(key) == "aider"
    write_private(path, text)
    assert [keys.client_of(shown) for shown in (key, "", "1") * 2] == [None] * 6
    with pytest.raises(ConfigError, match="is no list of keys"):
        client_key("s", "aider")
