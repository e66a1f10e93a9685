"""Claude Code gets its way as its launcher's word, which no settings beat, and settings without a key."""

import json
import plistlib
from dataclasses import replace
from pathlib import Path

import pytest

from playbooks.clients import claude_places
from playbooks.clients.claude import CLAUDE, COMMANDS, ELSEWHERE, PINNED
from playbooks.clients.client import Conflict, Place
from playbooks.clients.surroundings import DEAD_PROXY, surroundings
from stacks.errors import UsageError
from tests.playbooks.clients.real_client import way_for
from tests.playbooks.fake_box import CLIENT_KEY, SERVED

PORT = 29_111
WAY = way_for(Path("/s/claude"))
PINS = ["--settings=/s/claude/settings.json", "--setting-sources=user", "--strict-mcp-config", "--add-dir=."]


def env_of(way: object = WAY) -> dict[str, str]:
    """The variables in its settings."""
    return dict(json.loads(CLAUDE.files(way)["settings.json"])["env"])  # type: ignore[arg-type]


def test_it_is_led_by_its_launchers_word() -> None:
    given = CLAUDE.variables(WAY)
    assert given["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:29111"
    assert given["ANTHROPIC_AUTH_TOKEN"] == CLIENT_KEY
    assert given["CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST"] == "1"
    assert given["CLAUDE_CONFIG_DIR"] == "/s/claude/config"


def test_every_name_of_a_model_means_the_boxs() -> None:
    given = CLAUDE.variables(WAY)
    assert {value for name, value in given.items() if name.endswith("_MODEL")} == {SERVED}


def test_the_second_model_is_opus_and_the_smaller_window_holds_for_both() -> None:
    given = CLAUDE.variables(replace(WAY, architect="thinker", architect_window_tokens=24_576))
    assert (given["ANTHROPIC_DEFAULT_OPUS_MODEL"], given["ANTHROPIC_MODEL"]) == ("thinker", SERVED)
    assert given["CLAUDE_CODE_MAX_CONTEXT_TOKENS"] == "24576"


def test_its_window_and_answers_are_the_boxs() -> None:
    given = CLAUDE.variables(WAY)
    assert given["CLAUDE_CODE_MAX_CONTEXT_TOKENS"] == "32768"
    assert given["CLAUDE_CODE_MAX_OUTPUT_TOKENS"] == "4096"


def test_its_settings_say_the_same_again_with_dead_proxies_and_no_other_provider() -> None:
    given, pinned = CLAUDE.variables(WAY), env_of()
    own = ("ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST", "CLAUDE_CONFIG_DIR")
    assert {name: value for name, value in given.items() if name not in own}.items() <= pinned.items()
    assert pinned["https_proxy"] == pinned["HTTP_PROXY"] == DEAD_PROXY
    assert {pinned[name] for name in claude_places.PROVIDER_SWITCHES} == {""}


def test_what_asks_elsewhere_or_outlives_the_seal_is_switched_off() -> None:
    settings = json.loads(CLAUDE.files(WAY)["settings.json"])
    del settings["env"]
    assert settings == {
        "permissions": {"deny": ["WebFetch", "WebSearch"], "defaultMode": "default"},
        "skipWebFetchPreflight": True,
        "disableAutoMode": "disable",
        "disableClaudeAiConnectors": True,
        "disableDeepLinkRegistration": "disable",
        "disableRemoteControl": True,
        "disableAgentView": True,
    }


def test_the_key_stands_in_no_settings_and_on_no_command_line() -> None:
    assert CLIENT_KEY not in CLAUDE.files(WAY)["settings.json"] + " ".join(CLAUDE.words(WAY, ["-p", "hi"]))


def test_it_inherits_no_switch_collector_or_preload() -> None:
    exported = dict.fromkeys(
        ("CLAUDE_CODE_USE_BEDROCK", "OTEL_LOGS_EXPORTER", "BUN_OPTIONS", "NODE_OPTIONS", "ANTHROPIC_API_KEY"), "x"
    )
    assert not exported.keys() & surroundings(exported, CLAUDE.dropped).keys()


@pytest.mark.parametrize("own", [[], ["-p", "why?"], ["mcp", "list"], ["-p", "--", "--settings is a word here"]])
def test_the_pins_stand_before_the_users_words(own: list[str]) -> None:
    assert CLAUDE.words(WAY, own) == [*PINS, *own]


@pytest.mark.parametrize("word", [*PINNED, "--settings=x.json"])
def test_a_word_that_undoes_a_pin_is_refused_with_the_place_for_ones_own_settings(word: str) -> None:
    with pytest.raises(UsageError, match=f"^claude {word.partition('=')[0]}: ") as raised:
        CLAUDE.words(WAY, ["-p", "hi", word])
    assert "/s/claude/config/settings.json" in raised.value.hint


@pytest.mark.parametrize("word", [*ELSEWHERE, *COMMANDS])
def test_what_works_at_the_vendors_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match=f"^claude {word}: works elsewhere"):
        CLAUDE.words(WAY, [word, "x"])


@pytest.mark.parametrize("own", [["--model", "--", "--settings=x"], ["-p", "--debug", "--", "--sdk-url", "ws://x"]])
def test_an_open_end_that_may_be_an_options_value_ends_nothing(own: list[str]) -> None:
    """Claude Code takes the `--` for the model's name."""
    with pytest.raises(UsageError):
        CLAUDE.words(WAY, own)


@pytest.mark.parametrize("word", COMMANDS)
def test_a_command_behind_the_open_end_is_one_all_the_same(word: str) -> None:
    with pytest.raises(UsageError, match=f"^claude {word}: works elsewhere"):
        CLAUDE.words(WAY, ["--", word])


def test_what_a_host_would_start_it_with_and_other_names_are_known() -> None:
    assert {"--remote", "--rc", "--sdk-url"} <= set(ELSEWHERE)
    assert "--managed-settings" in PINNED
    assert "rc" in COMMANDS


def test_merged_into_the_users_own_file_the_key_is_read_from_a_file_of_ours() -> None:
    (own,) = CLAUDE.own_files(WAY)
    assert (own.path, own.kind) == (".claude/settings.json", "json")
    assert isinstance(own.values, dict)
    assert own.values["apiKeyHelper"] == "cat /s/claude/key"
    assert CLAUDE.files(WAY)["key"] == CLIENT_KEY
    assert own.values["env"]["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:29111"
    assert CLIENT_KEY not in str(own.values)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Home, a repository and an administrator's folder, all below one folder."""
    for name in ("home/.claude", "repository/.git", "repository/.claude", "managed/managed-settings.d"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setattr(claude_places, "managed_folder", lambda: tmp_path / "managed")
    return Place({}, tmp_path / "repository", tmp_path / "home", PORT)


def write(file: Path, **settings: object) -> None:
    file.write_text(json.dumps(settings))


def test_clean_surroundings_have_no_conflict(place: Place) -> None:
    write(place.home / ".claude/settings.json", model="opus", env={"EDITOR": "vi"})
    ours = {"ANTHROPIC_BASE_URL": f"http://127.0.0.1:{PORT}", "ANTHROPIC_API_KEY": "a key alone leads nowhere"}
    assert CLAUDE.conflicts(replace(place, environment=ours)) == []


def test_what_home_and_the_repository_say_is_named_and_overruled(place: Place) -> None:
    home, repository = place.home / ".claude/settings.json", place.folder / ".claude/settings.local.json"
    write(home, env={"ANTHROPIC_BASE_URL": "http://x", "http_proxy": "http://p"}, apiKeyHelper="x")
    write(repository, env={"CLAUDE_CODE_USE_BEDROCK": "1"}, hooks={"Stop": []}, statusLine={"command": "x"})
    write(place.folder / ".mcp.json", mcpServers={"x": {"command": "y"}})
    assert CLAUDE.conflicts(place) == [
        Conflict(str(home), ("ANTHROPIC_BASE_URL", "http_proxy", "apiKeyHelper")),
        Conflict(str(repository), ("CLAUDE_CODE_USE_BEDROCK", "hooks", "statusLine")),
        Conflict(str(place.folder / ".mcp.json"), ("mcpServers",)),
    ]


def test_an_administrators_base_is_overruled_and_his_programs_are_not(place: Place) -> None:
    file = claude_places.managed_folder() / "managed-settings.d/10.json"
    write(file, env={"ANTHROPIC_BASE_URL": "http://x", "CLAUDE_CODE_ENABLE_TELEMETRY": "1"}, hooks={"Stop": [{}]})
    assert [(one.names, bool(one.wins)) for one in CLAUDE.conflicts(place)] == [
        (("CLAUDE_CODE_ENABLE_TELEMETRY", "hooks"), True),
        (("ANTHROPIC_BASE_URL",), False),
    ]


def test_an_administrators_mcp_servers_keep_it_from_starting(place: Place) -> None:
    write(claude_places.managed_folder() / "managed-mcp.json", mcpServers={})
    assert [one.wins for one in CLAUDE.conflicts(place)] == [claude_places.NO_START]


def test_what_a_devices_management_says_is_an_administrators_word(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claude_places, "MANAGEMENT", tmp_path)
    for name, values in (("a", {"hooks": {"Stop": [{}]}}), ("b", {"env": {"ANTHROPIC_BASE_URL": "http://x"}})):
        (tmp_path / name).mkdir()
        (tmp_path / name / claude_places.PREFERENCES).write_bytes(plistlib.dumps(values, fmt=plistlib.FMT_BINARY))
    (tmp_path / claude_places.PREFERENCES).write_text("<not a plist")
    assert [(one.names, bool(one.wins)) for one in CLAUDE.conflicts(place)] == [
        (("hooks",), True),
        (("ANTHROPIC_BASE_URL",), False),
    ]


@pytest.mark.parametrize("text", ["{not json", "[]", '{"env": 3, "hooks": null}', ""])
def test_broken_settings_are_no_conflict(place: Place, text: str) -> None:
    for file in (place.folder / ".claude/settings.json", claude_places.managed_folder() / "managed-settings.json"):
        file.write_text(text)
    assert CLAUDE.conflicts(place) == []


@pytest.mark.parametrize("name", claude_places.CHOOSERS)
def test_a_variable_that_chooses_another_way_is_named(place: Place, name: str) -> None:
    assert CLAUDE.conflicts(replace(place, environment={name: "1"})) == [Conflict("the environment", (name,))]
