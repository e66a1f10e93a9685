"""opencode and Cline, started by daybox: what they still read, what their commands see, and what is left of them."""

import json
from typing import Any

import pytest

from playbooks.clients import CLIENTS
from tests.e2e.leaks import network
from tests.e2e.leaks.rows import ROW_SECONDS, installed

pytestmark = pytest.mark.quick
AGENTS = [client.name for client in CLIENTS if client.name in ("opencode", "cline")]


@pytest.fixture(scope="module", params=AGENTS)
def inside(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What came of one task."""
    if refused := network.refusal():
        pytest.skip(f"no network of our own here: {refused}")
    if not installed(request.param):
        pytest.skip(f"{request.param} is not installed: scripts/setup test")
    folder = tmp_path_factory.mktemp(request.param)
    done = network.run_in_world("tests.e2e.leaks.agents_inside", [request.param, str(folder)], ROW_SECONDS)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {**found, "home": str(folder / "home")}


def test_the_task_is_done(inside: dict[str, Any]) -> None:
    assert (inside["status"], bool(inside["environment"])) == (0, True), inside["said"]


def test_the_repositorys_words_for_agents_are_read(inside: dict[str, Any]) -> None:
    assert inside["read"]


def test_no_program_outlives_it(inside: dict[str, Any]) -> None:
    assert inside["left"] == []


def test_its_commands_find_the_users_own_configurations(inside: dict[str, Any]) -> None:
    assert inside["environment"].get("XDG_CONFIG_HOME", f"{inside['home']}/.config") == f"{inside['home']}/.config"


def test_its_commands_may_use_git_and_bun_as_ever(inside: dict[str, Any]) -> None:
    environment = inside["environment"]
    assert environment.get("GIT_ALLOW_PROTOCOL", "file:git:http:https:ssh") == "file:git:http:https:ssh"
    assert "BUN_OPTIONS" not in environment


def test_its_commands_see_no_key(inside: dict[str, Any]) -> None:
    assert inside["key_in"] == []
