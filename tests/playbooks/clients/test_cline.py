"""Cline gets a folder of settings with one provider, and a guard against what Bun and a repository bring."""

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from playbooks.clients.client import Place
from playbooks.clients.cline import CLINE, ELSEWHERE, LOOKING, UNDOING, letters
from playbooks.clients.cline_places import CODE, USERS_CODE
from playbooks.clients.surroundings import surroundings
from playbooks.clients.way import write_files
from stacks.errors import UsageError
from tests.playbooks.clients.real_client import EVIL, way_for
from tests.playbooks.fake_box import CLIENT_KEY

WAY = way_for(Path("/s/cline"))
PINS = ["--provider", "openai-compatible", "--model", "coder"]


def setting(name: str, way: Any = WAY) -> Any:
    """One of its settings' files, as Cline reads it: as JSON."""
    return json.loads(CLINE.files(way)[f"data/settings/{name}"])


def test_its_provider_is_the_box_with_window_answer_and_key() -> None:
    found = setting("providers.json")
    assert found["lastUsedProvider"] == "openai-compatible"
    assert found["providers"]["openai-compatible"]["settings"] == {
        "provider": "openai-compatible",
        "apiKey": CLIENT_KEY,
        "model": "coder",
        "baseUrl": "http://127.0.0.1:29111/v1",
        "contextWindow": 28_672,
        "maxTokens": 4096,
    }


@pytest.mark.parametrize("window_tokens", [8192, 16_384, 131_072])
def test_prompt_and_answer_fit_into_the_window(window_tokens: int) -> None:
    row = setting("providers.json", replace(WAY, window_tokens=window_tokens))["providers"]["openai-compatible"][
        "settings"
    ]
    assert row["contextWindow"] + row["maxTokens"] == window_tokens


def test_nothing_is_reported_renewed_or_fetched() -> None:
    found = setting("global-settings.json")
    assert (found["telemetryOptOut"], found["autoUpdateEnabled"]) == (True, False)
    assert found["disabledTools"] == ["fetch_web_content"]
    assert setting("cline_mcp_settings.json") == {"mcpServers": {}}


def test_its_folder_is_daybox_own_and_all_is_one_process() -> None:
    found = CLINE.variables(WAY)
    assert found["CLINE_DIR"] == "/s/cline"
    assert (found["CLINE_SANDBOX"], found["CLINE_SANDBOX_DATA_DIR"]) == ("1", "/s/cline/data")


def test_bun_reads_ours_and_no_file_of_the_repository(tmp_path: Path) -> None:
    """Taken apart as Bun does it: at blanks outside of quotes."""
    way = way_for(tmp_path / "a folder")
    write_files(CLINE, way)
    options = dict(word.split("=", 1) for word in shlex.split(CLINE.variables(way)["BUN_OPTIONS"]))
    assert set(options) == {"--config", "--env-file", "--preload"}
    assert Path(options["--config"]).read_text() == Path(options["--env-file"]).read_text() == ""
    assert "Bun.plugin" in Path(options["--preload"]).read_text()


def test_the_key_stands_in_0600_files_and_in_no_variable_and_no_word(tmp_path: Path) -> None:
    way = way_for(tmp_path)
    write_files(CLINE, way)
    holding = [file for file in tmp_path.rglob("*") if file.is_file() and CLIENT_KEY in file.read_text()]
    assert {file.stat().st_mode & 0o777 for file in holding} == {0o600}
    assert CLIENT_KEY not in " ".join([*CLINE.variables(way).values(), *CLINE.words(way, ["why?"])])


def test_what_the_user_exports_for_cline_and_bun_is_not_inherited() -> None:
    kept = surroundings({"CLINE_API_KEY": "real", "BUN_OPTIONS": "--preload=x", "EDITOR": "vi"}, CLINE.dropped)
    assert [name for name in kept if name.startswith(("CLINE", "BUN", "EDITOR"))] == ["EDITOR"]


@pytest.mark.parametrize(
    ("own", "made"),
    [
        ([], PINS),
        (["fix it"], ["fix it", *PINS]),
        (["-m", "gpt-4o", "fix it"], ["-m", "gpt-4o", "fix it", *PINS]),
        (["--", "-k"], [*PINS, "--", "-k"]),
        (["-c", "/kz", "x"], ["-c", "/kz", "x", *PINS]),
        (["--version"], ["--version"]),
        *(([word], [word]) for word in LOOKING),
    ],
)
def test_the_pins_stand_behind_the_users_words(own: list[str], made: list[str]) -> None:
    assert CLINE.words(WAY, own) == made


@pytest.mark.parametrize("own", [["-m", "planner"], ["--model=planner"], ["-mplanner"], ["-vmplanner"]])
def test_the_second_model_may_be_asked_by_its_name(own: list[str]) -> None:
    assert CLINE.words(replace(WAY, architect="planner"), own)[-1] == "planner"


@pytest.mark.parametrize("word", [*UNDOING, "-k", "-z", "-P", "-vz", "-kabc", "--key=abc", "--config=/x"])
def test_a_word_that_undoes_a_pin_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match=f"^cline {word.partition('=')[0]}: "):
        CLINE.words(WAY, ["fix it", word, "x"])


@pytest.mark.parametrize("word", ELSEWHERE)
def test_a_command_that_works_elsewhere_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match=f"^cline {word}: "):
        CLINE.words(WAY, ["-v", word])
    with pytest.raises(UsageError, match=f"^cline {word}: "):
        CLINE.words(WAY, ["--", word])  # Cline takes it for a command all the same


@pytest.mark.parametrize(
    ("word", "found"), [("-vz", {"v", "z"}), ("-c/kz", {"c"}), ("--zen", set()), ("zen", set()), ("-", set())]
)
def test_letters_behind_one_that_takes_a_value_are_the_value(word: str, found: set[str]) -> None:
    assert letters(word) == found


def test_what_a_repository_holds_is_named_and_overruled(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    for name in CODE:
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / ".env").write_text(f"CLINE_DIR=theirs\nHTTP_PROXY={EVIL}\nCOLOUR=blue\n")
    (tmp_path / "bunfig.toml").write_text('preload = ["./theirs.js"]\n')
    found = CLINE.conflicts(Place({}, tmp_path, tmp_path / "home", 29_111))
    assert {one.place: one.names for one in found} == {
        str(tmp_path / ".env"): ("CLINE_DIR", "HTTP_PROXY"),
        str(tmp_path / "bunfig.toml"): ("preload",),
        **{str(tmp_path / name): (Path(name).name,) for name in CODE},
    }
    assert not any(one.wins for one in found)


def test_what_the_user_has_is_named_and_overruled(tmp_path: Path) -> None:
    folder = tmp_path / ".cline/data/settings"
    folder.mkdir(parents=True)
    (folder / "providers.json").write_text('{"providers": {"anthropic": {}}}')
    (folder / "cline_mcp_settings.json").write_text('{"mcpServers": {"theirs": {}}}')
    for name in USERS_CODE:
        (tmp_path / name).mkdir(parents=True)
    found = CLINE.conflicts(Place({"CLINE_API_BASE_URL": EVIL}, tmp_path / "elsewhere", tmp_path, 29_111))
    assert [one.names for one in found[:3]] == [("CLINE_API_BASE_URL",), ("anthropic",), ("theirs",)]
    assert [one.place for one in found[3:]] == [str(tmp_path / name) for name in USERS_CODE]


def test_nothing_is_named_where_nothing_leads_elsewhere(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("COLOUR=blue\n")
    (tmp_path / "bunfig.toml").write_text("[test]\ncoverage = true\n")
    assert CLINE.conflicts(Place({"EDITOR": "vi"}, tmp_path, tmp_path, 29_111)) == []


def test_merged_into_the_users_own_file_the_key_stands_where_cline_reads_it() -> None:
    (file,) = CLINE.own_files(WAY)
    assert (file.path, file.kind) == (".cline/data/settings/providers.json", "json")
    assert file.values == setting("providers.json")
