"""clients_anew: aider's files follow the box's own word, where a tunnel is open and aider was ever started."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from playbooks import clients_anew
from playbooks.clients_anew import Clients, rewrite
from playbooks.endpoint import Endpoint
from stacks.errors import BoxError
from tests.playbooks.pretend_box import BOX

Install = Callable[..., None]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    monkeypatch.setattr(clients_anew, "box_target", lambda _: SimpleNamespace(alias="x", config_file=Path("/x")))
    return tmp_path / "stacks/local"


def tunnel(monkeypatch: pytest.MonkeyPatch, *, is_open: bool, window: int = 4096) -> None:
    """Have a tunnel that is open or not, and a box behind it that lists this window."""
    monkeypatch.setattr(clients_anew, "is_open", lambda *_: is_open)
    monkeypatch.setattr(Endpoint, "window", lambda _self, _name: window)


def test_aiders_files_are_written_anew_from_what_the_box_lists(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tunnel(monkeypatch, is_open=True, window=2048)
    (state / "aider").mkdir(parents=True)
    box = replace(BOX, served_name="coder")
    assert rewrite(box, {}) == Clients(2048, aider=True)
    metadata = json.loads((state / "aider/model.metadata.json").read_text())
    assert metadata["openai/coder"]["max_input_tokens"] == 2048 - 256
    assert (state / "aider/model.settings.yml").stat().st_mode & 0o777 == 0o600


def test_an_aider_that_was_never_started_gets_no_files(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tunnel(monkeypatch, is_open=True)
    assert rewrite(BOX, {}) == Clients(4096)
    assert not (state / "aider").exists()


def test_without_a_tunnel_nothing_is_written(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tunnel(monkeypatch, is_open=False)
    (state / "aider").mkdir(parents=True)
    assert rewrite(BOX, {}) == Clients()
    assert not list((state / "aider").iterdir())


def test_a_window_too_small_for_aider_is_said_and_no_failure_of_the_switch(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tunnel(monkeypatch, is_open=True, window=256)
    (state / "aider").mkdir(parents=True)
    assert rewrite(BOX, {}) == Clients(256)
    assert "its window of 256 tokens leaves none for a prompt" in capsys.readouterr().err


def test_a_box_that_falls_silent_just_then_is_said_and_no_failure_of_the_switch(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def silent(*_: object) -> int:
        raise BoxError("daybox/tunnel: port 1 does not answer", hint="open it: fab tunnel")

    tunnel(monkeypatch, is_open=True)
    monkeypatch.setattr(Endpoint, "window", silent)
    assert rewrite(BOX, {}) == Clients()
    assert capsys.readouterr().err == "daybox/tunnel: port 1 does not answer; open it: fab tunnel\n"


def test_people_are_told_what_is_left_for_them_to_do() -> None:
    assert Clients().words().startswith("no tunnel is open: ")
    assert Clients(4096, aider=True).words() == (
        "through the tunnel it lists 4096 tokens; aider's files are written anew: start it again; "
        'other clients: eval "$(fab env)" again'
    )
