"""`fab launch`: what its words and flags mean, asked of the task and of the real fab."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from invoke.context import Context
from invoke.exceptions import Exit

from playbooks import launch
from playbooks.boxes import ROOT
from playbooks.clients import CLIENTS, SHOWN, start
from playbooks.clients.aider import AIDER
from playbooks.clients.client import Client
from playbooks.launch import asked, row_named, wished
from stacks.box import Box
from stacks.errors import UsageError
from tests.playbooks.pretend_box import BOX

OTHERS = [client for client in CLIENTS if client is not AIDER]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was started in place of a client, and with what."""
    seen = list[Any]()

    def pretend(box: Box, client: Client, own: Sequence[str], *, sealed: bool | None) -> int:
        seen.append((box.stack, client.name, list(own), sealed))
        return 3 if "fail" in own else 0

    monkeypatch.setattr(launch, "find_box", lambda _stack: BOX)
    monkeypatch.setattr(start, "start_client", pretend)
    return seen


def typed(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    """Have these words stand after the `--`."""
    monkeypatch.setattr(sys, "argv", ["fab", "launch", "aider", "--", *words])


def test_the_words_after_dashes_are_the_clients(started: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, "--message", "a  b")
    launch.launch(Context(), name="aider")
    assert started == [("local", "aider", ["--message", "a  b"], None)]


def test_its_exit_status_is_ours(started: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, "fail")
    with pytest.raises(Exit) as caught:
        launch.launch(Context(), name="aider", sealed=True)
    assert (caught.value.code, started[0][3]) == (3, True)


def test_launch_aider_is_the_same(started: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, "a.py")
    launch.launch(Context(), name="aider", architect=True, unsealed=True)
    launch.launch_aider(Context(), architect=True, unsealed=True)
    assert started == [("local", "aider", ["--architect", "a.py"], False)] * 2


@pytest.mark.parametrize("client", OTHERS, ids=lambda client: client.name)
def test_only_aider_has_an_architect(client: Client) -> None:
    assert asked(client, ["x"], architect=False) == ["x"]
    with pytest.raises(UsageError, match="--architect is aider's"):
        asked(client, [], architect=True)


def test_the_seal_is_left_to_the_laptop_insisted_on_or_done_without() -> None:
    assert wished(sealed=False, unsealed=False) is None
    assert wished(sealed=True, unsealed=False) is True
    assert wished(sealed=False, unsealed=True) is False
    with pytest.raises(UsageError, match="opposite"):
        wished(sealed=True, unsealed=True)


def test_a_name_that_is_none_is_an_error_with_the_choices() -> None:
    with pytest.raises(UsageError) as caught:
        row_named("aidr")
    assert caught.value.fact == "fab launch: 'aidr' is no client"
    assert "aider" in caught.value.hint


@pytest.mark.parametrize(("name", "instead"), [("cursor", "fab launch zed"), ("roo", "Cline")])
def test_where_no_way_is_safe_the_reason_is_said_and_what_to_use_instead(name: str, instead: str) -> None:
    with pytest.raises(UsageError) as caught:
        row_named(name)
    assert caught.value.fact.startswith(f"{name}: ") and instead in caught.value.hint


@pytest.mark.parametrize("row", SHOWN, ids=lambda row: row.name)
def test_what_cannot_be_started_is_printed(
    row: Any, started: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from playbooks.endpoint import Endpoint

    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    monkeypatch.setattr(Endpoint, "window", lambda _self, _name: 32_768)
    typed(monkeypatch)
    launch.launch(Context(), name=row.name)
    said = capsys.readouterr().out
    assert f"127.0.0.1:{BOX.port}" in said and not started
    key = tmp_path / "stacks/local/clients" / row.name / "key"
    assert key.read_text().startswith("dbx-") and key.read_text() not in said
    assert key.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("launch nope", 2, "'nope' is no client"),
        ("launch cursor", 2, "cursor: "),
        ("launch --sealed aider --unsealed", 2, "say opposite things"),
        ("launch --sealed", 2, "fab launch: has no use for --sealed"),
        ("launch aider --json", 2, "fab launch aider: has no use for --json"),
        ("launch zed --architect -- x", 2, "fab launch zed: has no use for --architect, words after --"),
        ("launch llm --config --sealed", 2, "fab launch llm --config: has no use for --sealed"),
        ("launch llm --config --restore", 2, "fab launch --restore: has no use for --config"),
        ("launch llm --restore", 0, "nothing of daybox's is in its own configuration"),
        ("launch", 0, "aider"),
        ("launch --json", 0, '"name": "aider"'),
    ],
)
def test_the_real_fab_says(line: str, status: int, said: str, tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "DAYBOX_STATE": str(tmp_path)}
    words = [sys.executable, "-m", "fabric", *line.split()]
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, said in done.stdout + done.stderr) == (status, True), done
