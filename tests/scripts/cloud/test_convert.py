"""The JSON beside the weights; that the weights are right is shown in tests/e2e/test_prepare.py, where numpy is."""

import json
from typing import Any

import pytest

from scripts.cloud import convert
from tests.scripts.cloud.tiny_gguf import FACTS, TOKENS


@pytest.fixture
def texts() -> dict[str, dict[str, Any]]:
    return convert.texts(FACTS)


def test_the_folder_is_one_of_a_llama_model(texts: dict[str, dict[str, Any]]) -> None:
    config = texts["config.json"]
    assert (config["architectures"], config["vocab_size"], config["rope_theta"]) == (["LlamaForCausalLM"], 6, 1000.0)
    assert config["tie_word_embeddings"]


@pytest.mark.parametrize("name", ["config.json", "generation_config.json"])
def test_both_configurations_end_a_text_alike(texts: dict[str, dict[str, Any]], name: str) -> None:
    assert (texts[name]["bos_token_id"], texts[name]["eos_token_id"], texts[name]["pad_token_id"]) == (1, 2, 2)


def test_every_token_has_its_number(texts: dict[str, dict[str, Any]]) -> None:
    model = texts["tokenizer.json"]["model"]
    assert model["vocab"] == {token: number for number, token in enumerate(TOKENS)}
    assert model["merges"] == [["a", "b"]]


def test_control_tokens_are_never_split(texts: dict[str, dict[str, Any]]) -> None:
    added = texts["tokenizer.json"]["added_tokens"]
    assert [(token["id"], token["content"], token["special"]) for token in added] == [
        (number, TOKENS[number], True) for number in range(3)
    ]


def test_the_chat_template_comes_along(texts: dict[str, dict[str, Any]]) -> None:
    settings = texts["tokenizer_config.json"]
    assert (settings["chat_template"], settings["eos_token"]) == ("{{ messages }}", "<|im_end|>")


def test_all_of_it_is_json(texts: dict[str, dict[str, Any]]) -> None:
    assert json.loads(json.dumps(texts)) == texts
