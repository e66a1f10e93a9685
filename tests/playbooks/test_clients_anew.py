"""clients_anew: clients' files follow the box's own word, where a tunnel is open and the client was ever started."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from playbooks import clients_anew
from playbooks.clients.in_use import in_use
from playbooks.clients_anew import Clients, rewrite
from playbooks.endpoint import Endpoint
from stacks.errors import BoxError
from tests.playbooks.pretend_box import BOX


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    monkeypatch.setattr(clients_anew, "box_target", lambda _: SimpleNamespace(alias="x", config_file=Path("/x")))
    return tmp_path / "stacks/local/clients"


def tunnel(monkeypatch: pytest.MonkeyPatch, *, is_open: bool, window: int = 4096) -> None:
    """Have a tunnel that is open or not, and a box behind it that lists this window."""
    monkeypatch.setattr(clients_anew, "is_open", lambda *_: is_open)
    monkeypatch.setattr(Endpoint, "window", lambda _self, _name: window)


def test_files_are_written_anew_from_what_the_box_lists(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tunnel(monkeypatch, is_open=True, window=2048)
    (state / "aider").mkdir(parents=True)
    box = replace(BOX, served_name="coder")
    assert rewrite(box) == Clients(2048, ("aider",))
    metadata = json.loads((state / "aider/model.metadata.json").read_text())
    assert metadata["openai/coder"]["max_input_tokens"] == 2048 - 256
    assert (state / "aider/model.settings.yml").stat().st_mode & 0o777 == 0o600


def test_another_port_is_in_them(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tunnel(monkeypatch, is_open=True)
    (state / "aider").mkdir(parents=True)
    for port in (18_001, 18_002):
        rewrite(replace(BOX, port=port))
        assert f"http://127.0.0.1:{port}/v1" in (state / "aider/model.settings.yml").read_text()


def test_a_client_that_was_never_started_gets_no_files(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tunnel(monkeypatch, is_open=True)
    assert rewrite(BOX) == Clients(4096)
    assert not state.exists()


def test_without_a_tunnel_nothing_is_written(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tunnel(monkeypatch, is_open=False)
    (state / "aider").mkdir(parents=True)
    assert rewrite(BOX) == Clients()
    assert not list((state / "aider").iterdir())


def test_a_window_too_small_for_a_client_is_said_and_no_failure_of_the_change(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tunnel(monkeypatch, is_open=True, window=256)
    (state / "aider").mkdir(parents=True)
    assert rewrite(BOX) == Clients(256)
    assert "aider: box/vllm: its window of 256 tokens is too small for aider" in capsys.readouterr().err


def test_a_box_that_falls_silent_just_then_is_said_and_no_failure_of_the_change(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def silent(*_: object) -> int:
        raise BoxError("daybox/tunnel: port 1 does not answer", hint="open it: fab tunnel")

    tunnel(monkeypatch, is_open=True)
    monkeypatch.setattr(Endpoint, "window", silent)
    assert rewrite(BOX) == Clients()
    assert capsys.readouterr().err == "daybox/tunnel: port 1 does not answer; open it: fab tunnel\n"


def test_the_files_of_a_client_that_runs_with_a_port_of_its_own_are_left_alone(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tunnel(monkeypatch, is_open=True)
    (state / "aider").mkdir(parents=True)
    with in_use(BOX.stack, "aider", alone=True):
        assert rewrite(BOX) == Clients(4096)
    assert not list((state / "aider").iterdir())
    said = capsys.readouterr().err
    assert said.startswith(f"aider: stacks/{BOX.stack}/clients/aider: aider runs already (fab, process ")
    assert said.endswith("; end that one first: until then nobody else writes its files\n")


def test_the_files_of_sealed_ones_that_run_are_written_anew(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tunnel(monkeypatch, is_open=True)
    (state / "aider").mkdir(parents=True)
    with in_use(BOX.stack, "aider", alone=False):
        assert rewrite(BOX) == Clients(4096, ("aider",))


def test_what_cannot_be_written_is_said_and_the_other_clients_are_served(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder in place of a file; a full disk is told alike."""
    tunnel(monkeypatch, is_open=True, window=32_768)
    (state / "aider/model.settings.yml").mkdir(parents=True)
    (state / "llm").mkdir()
    assert rewrite(BOX) == Clients(32_768, ("llm",))
    said = capsys.readouterr().err
    assert said.startswith(f"aider: {state}/aider/")
    assert said.endswith(": Is a directory; mend that, and `fab launch` writes it anew\n")


def test_people_are_told_what_is_left_for_them_to_do() -> None:
    assert Clients().words().startswith("no tunnel is open: ")
    assert Clients(4096, ("aider", "llm")).words() == (
        "through the tunnel it lists 4096 tokens; files of aider, llm are written anew: start them again; "
        'other clients: eval "$(fab env)" again'
    )
