"""Client keys: made at need, kept private, none lost."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from playbooks.keys import KeyFile, client_key, client_of, key_file
from playbooks.tunnel_files import tunnel_dir


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
