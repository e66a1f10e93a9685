"""What aider is given: texts compared whole, read back by the parsers that will read them."""

import json
from collections.abc import Mapping

import pytest
import yaml

from playbooks.aider_files import arguments, environment, metadata_text, pinned_variables, settings_text
from stacks.aider_facts import QWEN3_CODER_AIDER, SMOLLM2_AIDER, AiderFacts
from stacks.catalog import MODELS

BASE = "http://127.0.0.1:18001/v1"
FILES = {"settings_file": "/f/model.settings.yml", "metadata_file": "/f/model.metadata.json"}


def test_the_settings_of_a_strong_model_are_these() -> None:
    assert (
        settings_text("coder", QWEN3_CODER_AIDER, BASE, "the-key")
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
    api_key: the-key
    max_retries: 0
"""
    )


def test_the_smallest_model_is_given_the_form_of_its_answers() -> None:
    main, weak, pin = yaml.safe_load(settings_text("coder", SMOLLM2_AIDER, BASE, "the-key"))
    assert main["extra_params"]["extra_body"] == SMOLLM2_AIDER.extra_body
    assert (main["weak_model_name"], weak["name"]) == ("openai/coder-commit", "openai/coder-commit")
    assert (main["use_repo_map"], main["reminder"], main["use_temperature"]) == (False, "sys", 0.0)
    assert weak["extra_params"] == {"max_tokens": 24, "extra_body": SMOLLM2_AIDER.weak_extra_body}
    assert pin["name"] == "aider/extra_params"


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_the_pin_is_the_last_entry_for_every_model_of_the_catalog(model: object) -> None:
    entries = yaml.safe_load(settings_text("coder", model.family.aider, BASE, "the-key"))  # type: ignore[attr-defined]
    assert entries[-1] == {
        "name": "aider/extra_params",
        "extra_params": {"api_base": BASE, "api_key": "the-key", "max_retries": 0},
    }


def test_a_temperature_that_is_not_known_is_left_to_the_server() -> None:
    entry = yaml.safe_load(settings_text("coder", AiderFacts("whole", 100), BASE, "k"))[0]
    assert (entry["use_temperature"], entry["extra_params"]) == (False, {"max_tokens": 100})


def test_prompt_and_answer_together_fit_the_servers_window() -> None:
    row = json.loads(metadata_text("coder", QWEN3_CODER_AIDER, 32_768))["openai/coder"]
    assert row["max_input_tokens"] + row["max_output_tokens"] == 32_768
    assert (row["litellm_provider"], row["mode"]) == ("openai", "chat")


def test_both_names_of_one_model_have_metadata() -> None:
    assert list(json.loads(metadata_text("coder", SMOLLM2_AIDER, 4_096))) == ["openai/coder", "openai/coder-commit"]


def words(*own: str) -> list[str]:
    return arguments("coder", QWEN3_CODER_AIDER, BASE, words=own, **FILES)


def test_the_whole_command_line_is_this() -> None:
    assert " ".join(words("--message", "fix it", "calc.py")) == (
        "--timeout 600 --no-show-model-warnings --no-show-release-notes --message fix it calc.py"
        " --model openai/coder --weak-model openai/coder --editor-model openai/coder"
        " --openai-api-base http://127.0.0.1:18001/v1 --set-env OPENAI_BASE_URL=http://127.0.0.1:18001/v1"
        " --set-env LITELLM_LOCAL_MODEL_COST_MAP=True --set-env USE_LITELLM_PROXY=False"
        " --set-env HTTPS_PROXY=http://127.0.0.1:9 --set-env HTTP_PROXY=http://127.0.0.1:9"
        " --set-env ALL_PROXY=http://127.0.0.1:9 --set-env NO_PROXY=127.0.0.1,localhost"
        " --set-env https_proxy=http://127.0.0.1:9 --set-env http_proxy=http://127.0.0.1:9"
        " --set-env all_proxy=http://127.0.0.1:9 --set-env no_proxy=127.0.0.1,localhost"
        " --model-settings-file /f/model.settings.yml --model-metadata-file /f/model.metadata.json"
        " --no-analytics --no-check-update --no-detect-urls --disable-playwright"
    )


def test_the_users_words_are_passed_as_they_are() -> None:
    own = ("--message", "a 'quoted'  text", "--yes-always", "a file.py")
    start = words(*own).index("--message")
    assert tuple(words(*own)[start : start + 4]) == own


@pytest.mark.parametrize(
    "undoing",
    [("--model", "gpt-4o"), ("--set-env", "HTTP_PROXY=http://evil.invalid"), ("--openai-api-base", "http://x")],
)
def test_no_word_of_the_user_comes_after_a_pin_that_it_could_undo(undoing: tuple[str, str]) -> None:
    given = words(*undoing)
    last = len(given) - 1 - given[::-1].index(undoing[0])
    assert given[last + 1] != undoing[1]


def test_pins_stand_before_the_users_own_double_dash() -> None:
    given = words("--message", "m", "--", "--odd-name.py")
    assert given[-2:] == ["--", "--odd-name.py"]
    assert given.index("--model-settings-file") < given.index("--")


INHERITED: Mapping[str, str] = {
    "PATH": "/bin",
    "HOME": "/h",
    "VIRTUAL_ENV": "/v",
    "AWS_PROFILE": "work",
    "LINODE_TOKEN": "t",
    "PULUMI_CONFIG_PASSPHRASE_FILE": "/p",
    "HF_TOKEN": "t",
    "DAYBOX_STATE": "/s",
    "GITHUB_COPILOT_TOKEN": "t",
    "ANTHROPIC_API_KEY": "k",
    "OPENROUTER_API_KEY": "k",
    "DEEPSEEK_API_KEY": "k",
    "GEMINI_API_KEY": "k",
    "VERTEXAI_PROJECT": "k",
    "OPENAI_API_KEY": "the-users-real-key",
    "OPENAI_BASE_URL": "http://evil.invalid",
    "AIDER_WEAK_MODEL": "claude",
    "http_proxy": "http://evil.invalid",
    "no_proxy": "",
}


def test_of_the_environment_only_what_is_the_users_own_business_is_kept() -> None:
    given = environment(INHERITED, BASE)
    kept = {name: value for name, value in given.items() if name not in pinned_variables(BASE)}
    assert kept == {
        "PATH": "/bin",
        "HOME": "/h",
        "VIRTUAL_ENV": "/v",
        "AWS_PROFILE": "work",
        "OPENAI_API_BASE": BASE,
        "OPENAI_API_KEY": "the-key-is-in-the-settings-file",
    }


@pytest.mark.parametrize("name", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"])
def test_every_proxy_in_either_case_is_the_dead_one(name: str) -> None:
    assert environment(INHERITED, BASE)[name] == pinned_variables(BASE)[name] == "http://127.0.0.1:9"


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_loopback_goes_past_the_proxy_in_either_case(name: str) -> None:
    assert environment(INHERITED, BASE)[name] == "127.0.0.1,localhost"
