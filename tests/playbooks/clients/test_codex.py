"""Codex gets a home of its own, in which nobody trusts the folder it is started in."""

import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from playbooks.clients import codex_places
from playbooks.clients.client import Conflict, Place, Way
from playbooks.clients.codex import CODEX, COMMANDS, ELSEWHERE, OFF, toml_text
from playbooks.clients.surroundings import surroundings
from stacks.errors import UsageError
from tests.playbooks.clients.real_client import way_for
from tests.playbooks.fake_box import CLIENT_KEY, SERVED

PORT = 29_111
WAY = way_for(Path("/s/codex"))
PINS = [
    *("-c", "analytics.enabled=false"),
    *("-c", "check_for_update_on_startup=false"),
    *("-c", "features.apps=false"),
    *("-c", "features.daemon_auto_start=false"),
    *("-c", "features.hooks=false"),
    *("-c", "features.plugins=false"),
    *("-c", "feedback.enabled=false"),
    *("-c", "notify=[]"),
    *("-c", 'otel.exporter="none"'),
    *("-c", "otel.log_user_prompt=false"),
    *("-c", 'otel.metrics_exporter="none"'),
    *("-c", 'otel.trace_exporter="none"'),
    *("-c", 'web_search="disabled"'),
]


def config(way: Way = WAY) -> dict[str, Any]:
    """Its configuration, as Codex reads it."""
    return tomllib.loads(CODEX.files(way)["config.toml"])


def test_its_configuration_leads_to_the_box_and_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert config() == {
        "model": SERVED,
        "model_provider": "daybox",
        "model_context_window": 32_768,
        "model_auto_compact_token_limit": 27_852,
        **OFF,
        "agents": {"enabled": False},
        "model_providers": {
            "daybox": {
                "name": "daybox",
                "base_url": "http://127.0.0.1:29111/v1",
                "wire_api": "responses",
                "auth": {"command": "cat", "args": ["/s/codex/key"]},
            }
        },
        "projects": {str(tmp_path): {"trust_level": "untrusted"}},
    }


def test_neither_the_folder_nor_the_repository_around_it_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "src").mkdir()
    monkeypatch.chdir(tmp_path / "src")
    assert list(config()["projects"]) == [str(tmp_path), str(tmp_path / "src")]


def test_the_key_stands_in_a_file_of_its_own_and_in_no_variable() -> None:
    files = CODEX.files(WAY)
    assert files["key"] == CLIENT_KEY
    assert CLIENT_KEY not in files["config.toml"] + str(CODEX.variables(WAY)) + " ".join(CODEX.words(WAY, []))


def test_the_variables_of_its_home_are_emptied() -> None:
    """Codex loads that file over its environment: a proxy in it was sent every prompt."""
    assert CODEX.files(WAY)[".env"] == ""
    assert CODEX.variables(WAY) == {"CODEX_HOME": "/s/codex"}


def test_it_inherits_no_home_key_or_collector() -> None:
    exported = dict.fromkeys(("CODEX_HOME", "CODEX_API_KEY", "OPENAI_API_KEY", "OTEL_EXPORTER_OTLP_ENDPOINT"), "x")
    assert not exported.keys() & surroundings(exported, CODEX.dropped).keys()


@pytest.mark.parametrize(
    "own",
    [
        [],
        ["exec", "--sandbox", "workspace-write", "why?"],
        ["exec", "-c", 'model_reasoning_effort="high"', "why?"],
        ["-c", "mcp_servers.mine.command=x"],
        ["exec", "--", "-c features.plugins=true"],
    ],
)
def test_the_pins_stand_before_the_users_words(own: list[str]) -> None:
    assert CODEX.words(WAY, own) == [*PINS, *own]


@pytest.mark.parametrize(
    "own",
    [
        ["-c", 'model_provider="x"'],
        ['-cmodel_providers.daybox.base_url="x"'],
        ["exec", "--config=features.plugins=true"],
        ["exec", "--config", "otel={}"],
        ["-c=chatgpt_base_url=x"],
        ["-c", ' "projects"."/x".trust_level="trusted"'],
    ],
    ids=" ".join,
)
def test_a_setting_that_undoes_a_pin_is_refused(own: Sequence[str]) -> None:
    with pytest.raises(UsageError, match=r"^codex -c [\w./]+: is daybox's own"):
        CODEX.words(WAY, own)


@pytest.mark.parametrize("word", [*ELSEWHERE, "--profile=x", "-px", "-p", "-C", "-C/tmp", "--cd=/tmp", *COMMANDS])
def test_a_word_that_leads_elsewhere_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match=f"^codex {word}: "):
        CODEX.words(WAY, ["exec", word, "x"])


def test_commands_are_known_by_their_other_names() -> None:
    assert {"apply", "a", "cloud", "cloud-tasks"} <= set(COMMANDS)


def test_merged_into_the_users_own_file_it_is_one_provider_more() -> None:
    (own,) = CODEX.own_files(WAY)
    assert (own.path, own.kind) == (".codex/config.toml", "toml")
    assert isinstance(own.values, dict)
    assert own.values["model_providers"] == {"daybox": config()["model_providers"]["daybox"]}
    assert (own.values["model"], own.values["model_provider"]) == (SERVED, "daybox")


VALUES = {
    "a": 1,
    "b": 'x"\\\n\N{GRINNING FACE}',
    "c": [],
    "t": {"on": True, "a b": {"x": ["y", "z"]}},
    "/é": {"k": "v"},
}


def test_toml_is_read_back_as_it_was_meant() -> None:
    assert tomllib.loads(toml_text(VALUES)) == VALUES


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Home, a repository and an administrator's folder, all below one folder."""
    for name in ("home/.codex", "repository/.git", "repository/.codex", "repository/src/.codex", "etc"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setattr(codex_places, "ADMINISTRATORS", tmp_path / "etc")
    return Place({}, tmp_path / "repository/src", tmp_path / "home", PORT)


def test_clean_surroundings_have_no_conflict(place: Place) -> None:
    (place.home / ".codex/config.toml").write_text('model_reasoning_effort = "high"\n[tui]\nx = 1\n')
    assert CODEX.conflicts(replace(place, environment={"OPENAI_BASE_URL": f"http://127.0.0.1:{PORT}/v1"})) == []


def test_what_home_the_repository_and_the_shell_say_is_named_and_overruled(place: Place) -> None:
    root = place.folder.parent
    (place.home / ".codex/.env").write_text("http_proxy=http://p\n")
    (place.home / ".codex/config.toml").write_text('model_provider = "x"\n[mcp_servers.a]\nurl = "x"\n')
    (root / ".codex/config.toml").write_text("[features]\nplugins = true\n")
    (place.folder / ".codex/config.toml").write_text('notify = ["curl"]\n')
    shell = {"CODEX_HOME": "/x", "CODEX_OSS_BASE_URL": "http://x"}
    assert CODEX.conflicts(replace(place, environment=shell)) == [
        Conflict("the environment", ("CODEX_OSS_BASE_URL", "CODEX_HOME")),
        Conflict(str(place.home / ".codex/.env"), ("http_proxy",)),
        Conflict(str(place.home / ".codex/config.toml"), ("model_provider", "mcp_servers")),
        Conflict(str(root / ".codex/config.toml"), ("features",)),
        Conflict(str(place.folder / ".codex/config.toml"), ("notify",)),
    ]


@pytest.mark.parametrize(
    ("name", "text", "wins"),
    [
        ("config.toml", 'model_provider = "x"\nnotify = ["x"]\n', []),
        ("config.toml", '[mcp_servers.a]\nurl = "x"\n', ["mcp_servers"]),
        ("managed_config.toml", 'model_provider = "x"\n', ["model_provider"]),
        ("requirements.toml", '[otel]\nexporter = "x"\n', ["otel"]),
        ("managed_config.toml", "broken = = toml", []),
    ],
)
def test_what_an_administrator_says_wins_where_daybox_cannot_overrule_it(
    place: Place, name: str, text: str, wins: list[str]
) -> None:
    (codex_places.ADMINISTRATORS / name).write_text(text)
    assert [key for one in CODEX.conflicts(place) if one.wins for key in one.names] == wins
