"""The name that clients ask for: the model's, or one of the user's own that no client takes for another's."""

from pathlib import Path

import pytest

from stacks.bundle import facts
from stacks.engines import vllm_words
from stacks.values import served_name
from tests.shipped import settings_of


def test_a_stack_serves_its_model_by_its_own_name(tmp_path: Path) -> None:
    assert settings_of("coder-30b", tmp_path).served_name == "daybox-qwen3-coder-30b"


def test_a_name_of_ones_own_reaches_vllm_and_the_first_completion(tmp_path: Path) -> None:
    settings = settings_of("local", tmp_path, servedName="coder")
    words = vllm_words(settings)
    after = words.index("--served-model-name") + 1
    assert words[after : after + 2] == ["coder", "coder-commit"]
    model = facts(settings)["model"]
    assert isinstance(model, dict) and (model["name"], model["served"]) == ("smollm2-135m", "coder")


@pytest.mark.parametrize("name", ["coder", "c0der-2.5_x", "daybox-x", "a" * 63])
def test_a_short_plain_name_will_do(name: str) -> None:
    assert served_name(name) == name


@pytest.mark.parametrize("name", ["", "openai/coder", "Coder", "-x", "a" * 64, "a b", "a\n", "a;b"])
def test_what_would_name_a_provider_or_break_a_line_is_no_name(name: str) -> None:
    with pytest.raises(ValueError, match="is no name"):
        served_name(name)


@pytest.mark.parametrize("name", ["gpt-4", "claude-x", "o3-mini", "gemini", "qwen-plus", "deepseek-chat", "text-x"])
def test_a_name_that_clients_know_as_anothers_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="begins as the names of another's models do"):
        served_name(name)
