"""`--config`: the way to one stack's box stands in a client's own files, is renewed when it changes, and taken out."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from playbooks import clients_anew
from playbooks.clients.aider import AIDER
from playbooks.clients.client import OwnFile, Shown, Way
from playbooks.clients.merged import is_merged, merge_way, take_out
from playbooks.clients_anew import Clients, rewrite
from playbooks.endpoint import Endpoint
from stacks.errors import ModelError
from tests.playbooks.clients.test_aider import WAY
from tests.playbooks.pretend_box import BOX

OWN = '{"theme": "dark"}\n'


def own_files(way: Way) -> tuple[OwnFile, ...]:
    """One file, with what changes when a box does."""
    return (OwnFile("any.json", "json", {"daybox": {"base": way.base, "window": way.window_tokens}}),)


ANY = replace(AIDER, name="any", own_files=own_files, least_window=1000)
EDITOR = Shown("editor", "Editor", lambda _: "", own_files)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "any.json").write_text(OWN)
    return tmp_path


def value(home: Path) -> dict[str, Any]:
    """What the user's own file says."""
    found: dict[str, Any] = json.loads((home / "any.json").read_text())
    return found


@pytest.mark.parametrize("row", [ANY, EDITOR], ids=["started", "shown"])
def test_the_way_stands_beside_what_is_the_users_and_can_be_taken_out(home: Path, row: Any) -> None:
    [line] = merge_way("s", row, WAY, home)
    assert line.startswith(f"{home}/any.json: set: ")
    assert value(home) == {"theme": "dark", "daybox": {"base": WAY.base, "window": 32_768}}
    assert is_merged("s", row.name) and not is_merged("t", row.name)
    take_out(row, home)
    assert (home / "any.json").read_text() == OWN and not is_merged("s", row.name)


def test_only_the_last_stacks_way_stands_in_it(home: Path) -> None:
    merge_way("s", ANY, WAY, home)
    merge_way("t", ANY, replace(WAY, window_tokens=1000), home)
    assert value(home)["daybox"]["window"] == 1000
    assert (is_merged("s", "any"), is_merged("t", "any")) == (False, True)


def test_a_client_without_files_of_its_own_is_left_alone(home: Path) -> None:
    assert merge_way("s", AIDER, WAY, home) == ["aider: daybox writes none of its own files; fab launch aider"]
    assert not is_merged("s", "aider")


def test_a_window_that_is_too_small_for_it_is_no_way(home: Path) -> None:
    with pytest.raises(ModelError, match="too small"):
        merge_way("s", ANY, replace(WAY, window_tokens=999), home)
    assert (home / "any.json").read_text() == OWN


def test_a_change_of_model_window_or_port_renews_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients_anew, "ROWS", (ANY, EDITOR))
    monkeypatch.setattr(clients_anew, "box_target", lambda _: SimpleNamespace(alias="x", config_file=Path("/x")))
    monkeypatch.setattr(clients_anew, "is_open", lambda *_: True)
    monkeypatch.setattr(Endpoint, "window", lambda _self, _name: 2000)
    merge_way(BOX.stack, EDITOR, WAY, home)
    assert rewrite(replace(BOX, port=18_002)) == Clients(2000, ("editor",))
    assert value(home)["daybox"] == {"base": "http://127.0.0.1:18002/v1", "window": 2000}
    take_out(EDITOR, home)
    assert (home / "any.json").read_text() == OWN
    assert rewrite(BOX) == Clients(2000)
