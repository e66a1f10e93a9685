"""A client whose own files lie elsewhere is not merged into: it would not read them."""

from pathlib import Path

import pytest

from playbooks.clients import CLIENTS
from playbooks.clients.moved import refuse_moved
from stacks.errors import ConfigError
from stacks.values import named
from tests.playbooks.clients.real_client import way_for

# Which variable leads which client away from the files that `--config` writes.
MOVERS = {
    "CLAUDE_CONFIG_DIR": "claude",
    "CLINE_DATA_DIR": "cline",
    "CLINE_DIR": "cline",
    "CLINE_PROVIDER_SETTINGS_PATH": "cline",
    "CODEX_HOME": "codex",
    "LLM_USER_PATH": "llm",
    "PI_CODING_AGENT_DIR": "pi",
    "XDG_CONFIG_HOME": "opencode",
}


@pytest.mark.parametrize(("variable", "client"), MOVERS.items())
def test_a_client_that_looks_elsewhere_is_named_with_the_way_out(
    variable: str, client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "/elsewhere")
    with pytest.raises(
        ConfigError, match=f"^{variable}: leads {client} to /elsewhere, .* nothing was written"
    ) as raised:
        named(CLIENTS, client).own_files(way_for(Path("/s")))
    assert raised.value.hint == f"unset {variable}, or start it with `fab launch {client}`"


@pytest.mark.parametrize("said", ["", "{home}", "{home}/", "{home}/x/.."])
def test_a_variable_that_names_the_usual_folder_moves_nothing(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").mkdir()
    monkeypatch.setenv("ANY_HOME", said.format(home=tmp_path))
    refuse_moved("any", "ANY_HOME", tmp_path)
