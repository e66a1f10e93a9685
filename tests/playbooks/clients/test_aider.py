"""What aider is given: texts compared whole, read back by the parsers that will read them."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from playbooks.clients.aider import AIDER, PLACEHOLDER_KEY, PYTHON_LINT, pinned_variables, variables, words
from playbooks.clients.aider_models import facts_of, metadata_text, settings_text
from playbooks.clients.client import Way
from stacks.aider_facts import SMOLLM2_AIDER
from stacks.catalog import MODELS, Model

BASE = "http://127.0.0.1:18001/v1"
WAY = Way(
    base=BASE,
    key="dbx-secret",
    model="coder",
    window_tokens=32_768,
    answer_tokens=4096,
    tools=True,
    catalog_name="qwen3-coder-30b",
    folder=Path("/f"),
)
SMALL = replace(WAY, catalog_name="smollm2-135m", window_tokens=4096)
TWO = replace(WAY, architect="daybox-qwen3.8-27b", architect_catalog_name="qwen3.8-27b", architect_window_tokens=16_384)
SMALL_WINDOW = 6000


def entries(way: Way) -> list[dict[str, Any]]:
    """The settings as aider reads them."""
    found: list[dict[str, Any]] = yaml.safe_load(settings_text(way))
    return found


def test_the_settings_of_a_strong_model_are_these() -> None:
    assert (
        settings_text(WAY)
        == """\
- name: openai/coder
  edit_format: diff
  editor_edit_format: editor-diff
  weak_model_name: openai/coder
  editor_model_name: openai/coder
  use_repo_map: true
  use_temperature: 0.7
  extra_params:
    max_tokens: 4096
    top_p: 0.8
    extra_body:
      top_k: 20
      repetition_penalty: 1.05
- name: aider/extra_params
  extra_params:
    api_base: http://127.0.0.1:18001/v1
    api_key: dbx-secret
    max_retries: 0
"""
    )


def test_the_smallest_model_is_given_the_form_of_its_answers() -> None:
    main, weak, pin = entries(SMALL)
    assert main["extra_params"]["extra_body"] == SMOLLM2_AIDER.extra_body
    assert (main["weak_model_name"], weak["name"]) == ("openai/coder-commit", "openai/coder-commit")
    assert (main["use_repo_map"], main["reminder"], main["use_temperature"]) == (False, "sys", 0.0)
    assert weak["extra_params"] == {"max_tokens": 24, "extra_body": SMOLLM2_AIDER.weak_extra_body}
    assert pin["name"] == "aider/extra_params"


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_the_pin_is_the_last_entry_for_every_model_of_the_catalog(model: Model) -> None:
    assert entries(replace(WAY, catalog_name=model.name))[-1] == {
        "name": "aider/extra_params",
        "extra_params": {"api_base": BASE, "api_key": "dbx-secret", "max_retries": 0},
    }


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_whoever_thinks_and_can_be_told_not_to_is_told_with_every_request(model: Model) -> None:
    told = entries(replace(WAY, catalog_name=model.name))[0]["extra_params"].get("extra_body", {})
    assert ("chat_template_kwargs" in told) == bool(model.family.thinking_off)
    assert told.get("chat_template_kwargs", {"enable_thinking": False}) == {"enable_thinking": False}
    assert all(told[name] == value for name, value in model.family.aider.extra_body.items())


def test_a_temperature_that_is_not_known_is_left_to_the_server() -> None:
    entry = entries(replace(WAY, catalog_name="gpt-oss-20b"))[0]
    assert (entry["use_temperature"], entry["extra_params"]) == (False, {"max_tokens": 8192})


@pytest.mark.parametrize("window_tokens", [2048, SMALL_WINDOW, 32_768, 262_144])
def test_prompt_and_answer_together_fit_the_servers_window(window_tokens: int) -> None:
    way = replace(WAY, window_tokens=window_tokens)
    row = json.loads(metadata_text(way))["openai/coder"]
    assert row["max_input_tokens"] + row["max_output_tokens"] == window_tokens
    assert entries(way)[0]["extra_params"]["max_tokens"] == row["max_output_tokens"] <= window_tokens // 2
    assert (row["litellm_provider"], row["mode"]) == ("openai", "chat")


def test_both_names_of_one_model_have_metadata() -> None:
    assert list(json.loads(metadata_text(SMALL))) == ["openai/coder", "openai/coder-commit"]


def test_of_two_models_each_has_its_own_facts_and_window_and_the_first_one_edits() -> None:
    main, architect, _ = entries(TWO)
    second = facts_of("qwen3.8-27b")
    assert architect["name"] == "openai/daybox-qwen3.8-27b"
    assert (architect["editor_model_name"], architect["weak_model_name"]) == ("openai/coder", "openai/coder")
    assert architect["editor_edit_format"] == f"editor-{main['edit_format']}"
    assert architect["extra_params"]["extra_body"] == second.extra_body != main["extra_params"]["extra_body"]
    rows = json.loads(metadata_text(TWO))
    assert {name: row["max_input_tokens"] for name, row in rows.items()} == {
        "openai/coder": 32_768 - 4096,
        "openai/daybox-qwen3.8-27b": 16_384 - 4096,
    }


def given(*own: str, way: Way = WAY) -> list[str]:
    return words(way, own)


def test_the_whole_command_line_is_this() -> None:
    assert " ".join(given("--message", "fix it", "calc.py")) == (
        "--timeout 600 --no-show-model-warnings --no-show-release-notes"
        f" --lint-cmd {PYTHON_LINT}"
        " --test-cmd= --load= --no-notifications --notifications-command= --alias none:none --map-tokens=3584"
        " --message fix it calc.py"
        " --model openai/coder --weak-model openai/coder --editor-model openai/coder"
        " --openai-api-base http://127.0.0.1:18001/v1"
        " --openai-api-key the-key-is=in-the-settings-file;exp=4102444800"
        " --set-env OPENAI_BASE_URL=http://127.0.0.1:18001/v1"
        " --set-env LITELLM_LOCAL_MODEL_COST_MAP=True --set-env USE_LITELLM_PROXY=False"
        " --set-env HTTPS_PROXY=http://127.0.0.1:9 --set-env HTTP_PROXY=http://127.0.0.1:9"
        " --set-env ALL_PROXY=http://127.0.0.1:9 --set-env NO_PROXY=127.0.0.1,localhost"
        " --set-env https_proxy=http://127.0.0.1:9 --set-env http_proxy=http://127.0.0.1:9"
        " --set-env all_proxy=http://127.0.0.1:9 --set-env no_proxy=127.0.0.1,localhost"
        " --model-settings-file /f/model.settings.yml --model-metadata-file /f/model.metadata.json"
        " --no-analytics --no-check-update --no-detect-urls --disable-playwright"
    )


def test_no_key_is_on_it_or_in_the_environment() -> None:
    assert WAY.key not in " ".join(given()) + str(variables(WAY))


def test_the_users_words_are_passed_as_they_are() -> None:
    own = ("--message", "a 'quoted'  text", "--yes-always", "a file.py")
    start = given(*own).index("--message")
    assert tuple(given(*own)[start : start + 4]) == own


@pytest.mark.parametrize(
    "undoing",
    [
        ("--model", "gpt-4o"),
        ("--set-env", "HTTP_PROXY=http://evil.invalid"),
        ("--openai-api-base", "http://x"),
        ("--openai-api-key", "sk-1"),
    ],
)
def test_no_word_of_the_user_comes_after_a_pin_that_it_could_undo(undoing: tuple[str, str]) -> None:
    all_words = given(*undoing)
    last = len(all_words) - 1 - all_words[::-1].index(undoing[0])
    assert all_words[last + 1] != undoing[1]


def test_pins_stand_before_the_users_own_double_dash() -> None:
    all_words = given("--message", "m", "--", "--odd-name.py")
    assert all_words[-2:] == ["--", "--odd-name.py"]
    assert all_words.index("--model-settings-file") < all_words.index("--")


def roles(all_words: list[str]) -> tuple[str, str, str]:
    """Who plans or codes, who edits, who writes commit messages."""
    names = ("--model", "--editor-model", "--weak-model")
    return tuple(all_words[all_words.index(name) + 1].removeprefix("openai/") for name in names)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("way", "own", "meant"),
    [
        (TWO, ["--architect"], ("daybox-qwen3.8-27b", "coder", "coder")),
        (TWO, [], ("coder", "coder", "coder")),
        (TWO, ["--", "--architect"], ("coder", "coder", "coder")),  # a file of that name
        (WAY, ["--architect"], ("coder", "coder", "coder")),
        (SMALL, ["--architect"], ("coder", "coder", "coder-commit")),
    ],
)
def test_the_architect_plans_if_there_is_one_and_is_asked_for(
    way: Way, own: list[str], meant: tuple[str, str, str]
) -> None:
    assert roles(given(*own, way=way)) == meant


@pytest.mark.parametrize(
    ("way", "word"),
    [
        (replace(WAY, window_tokens=262_144), "--map-tokens=4096"),
        (replace(WAY, window_tokens=SMALL_WINDOW), "--map-tokens=1024"),
        (SMALL, "--map-tokens=0"),
    ],
)
def test_the_map_takes_a_part_of_the_prompt_that_its_window_has_room_for(way: Way, word: str) -> None:
    assert [one for one in given(way=way) if one.startswith("--map-tokens")] == [word]


def test_the_placeholder_is_a_key_that_copilots_code_in_aider_leaves_alone() -> None:
    """As aider's models.py reads it where GITHUB_COPILOT_TOKEN is set, by a repository's .env, say."""
    parsed = dict(part.split("=") for part in PLACEHOLDER_KEY.split(";"))
    assert int(parsed["exp"]) > 4_000_000_000


@pytest.mark.parametrize("name", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"])
def test_every_proxy_in_either_case_is_the_dead_one(name: str) -> None:
    assert variables(WAY)[name] == pinned_variables(BASE)[name] == "http://127.0.0.1:9"


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_loopback_goes_past_the_proxy_in_either_case(name: str) -> None:
    assert variables(WAY)[name] == "127.0.0.1,localhost"


def test_no_dotenv_is_read_though_the_user_sets_what_another_would_undo() -> None:
    """Not by --set-env: that is too late for the first look, and too early for the second (a submodule's)."""
    assert variables(WAY)["PYTHON_DOTENV_DISABLED"] == "1"
    assert "PYTHON_DOTENV_DISABLED" not in " ".join(given())


def linted(folder: Path, text: str) -> "subprocess.CompletedProcess[str]":
    """As aider runs it: by a shell, in the root, with the file's name behind it."""
    (folder / "calc.py").write_text(text)
    command = PYTHON_LINT.removeprefix("python: ")
    return subprocess.run(f"{command} calc.py", shell=True, cwd=folder, capture_output=True, text=True, check=False)


def test_python_is_looked_at_by_nothing_of_the_repository(tmp_path: Path) -> None:
    for name in ("flake8", "ast", "tokenize", "sitecustomize", "linecache"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a stranger')")
    assert (linted(tmp_path, "x = 1\n").returncode, linted(tmp_path, "x = 1\n").stdout) == (0, "")
    assert 'File "calc.py", line 2' in linted(tmp_path, "x = 1\ndef (:\n").stderr


def test_its_files_are_these_two() -> None:
    assert list(AIDER.files(WAY)) == ["model.settings.yml", "model.metadata.json"]
