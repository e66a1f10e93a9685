"""A row's own client, run for one question as `fab launch` would, against a real gateway with a fake vLLM behind it."""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from playbooks.clients.client import Client, Way
from playbooks.clients.program import find_program
from playbooks.clients.surroundings import surroundings
from playbooks.clients.way import write_files
from scripts.installer import tried_clients
from tests.playbooks.fake_box import CLIENT_KEY, SERVED, WINDOW, GatewayWorld, gateway_world

EVIL = "http://evil.invalid/v1"


def way_for(folder: Path, port: int = 29_111, **other: Any) -> Way:
    """A way to the fake box's model."""
    usual = {"window_tokens": WINDOW, "answer_tokens": 4096, "tools": True, "catalog_name": "qwen3-coder-30b"}
    values: dict[str, Any] = usual | other
    return Way(f"http://127.0.0.1:{port}/v1", CLIENT_KEY, SERVED, folder=folder, **values)


@dataclass
class Desk:
    """Where a client is started: a repository, a home, a gateway."""

    client: Client
    program: str
    repository: Path
    home: Path
    gateway: GatewayWorld
    way: Way

    def run(
        self, words: Sequence[str], inherited: Mapping[str, str], text: str = ""
    ) -> "subprocess.CompletedProcess[str]":
        """What it says to `words`. text: what stands on its stdin."""
        write_files(self.client, self.way)
        basis = {"HOME": str(self.home), "PATH": f"{Path(self.program).parent}:/usr/bin:/bin"}
        known = surroundings({**inherited, **basis}, self.client.dropped) | self.client.variables(self.way)
        return subprocess.run(
            [self.program, *self.client.words(self.way, words)],
            cwd=self.repository,
            env=known,
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=150,
        )

    def bodies(self) -> list[dict[str, Any]]:
        """What the model was asked."""
        return [one["body"] for one in self.gateway.box.asked if one["path"] == "/v1/chat/completions"]


def program_of(client: Client) -> str | None:
    """The client that set-up brought for the tests, else the user's own."""
    brought = tried_clients.program(client.name)
    return str(brought) if brought.exists() else find_program(client)


@contextmanager
def desk_of(client: Client, folder: Path) -> Iterator[Desk]:
    """A running desk; skipped where the client is not installed."""
    program = program_of(client)
    if program is None:
        pytest.skip(f"{client.program} is not installed: scripts/setup")
    repository, home, own = folder / "repository", folder / "home", folder / "own"
    for made in (repository, home, own):
        made.mkdir()
    with gateway_world(folder) as gateway:
        gateway.box.answer = "forty-two"
        yield Desk(client, program, repository, home, gateway, way_for(own, gateway.port))
