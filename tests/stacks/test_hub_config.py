"""A model of the Hub as a row: what is taken from where, and what is refused with which words."""

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stacks.attention import Cache, bytes_needed
from stacks.errors import DayboxError, ModelError
from stacks.families import QWEN25_CODER_7B
from stacks.hub_config import INDEX, Card, bytes_of_weights, model_of
from stacks.hub_layers import KINDS, LEFT_OUT, NAMED, UNSIZED
from stacks.models import AWQ, BF16, Model
from tests.stacks.test_hub_layers import KNOWN, OTHERS

COMMIT = "c0ffee" * 6 + "c0ff"
FILES = ["config.json", "model.safetensors", "chat_template.jinja"]
CONFIG: dict[str, Any] = {
    "model_type": "llama", "hidden_size": 4096, "num_attention_heads": 32, "num_hidden_layers": 32,
    "num_key_value_heads": 8, "max_position_embeddings": 131072,
}  # fmt: skip


def model(
    hub_id: str = "some/Model-8B", files: list[str] | None = None, card: Card | None = None, **more: Any
) -> Model:
    """The row of a small model, some of which may differ."""
    return model_of(hub_id, COMMIT, {**CONFIG, **more}, 16_000_000_000, files or FILES, card or Card("hub"))


def test_a_strangers_row_says_where_it_comes_from() -> None:
    row = model(card=Card("hub", licence="apache-2.0", parameters=8_030_000_000))
    assert (row.name, row.hub_id, row.revision) == ("model-8b", "some/Model-8B", COMMIT)
    assert (row.billions, row.weights_gb, row.quantization) == (8.03, 16.0, BF16)
    assert (row.family.licence, row.family.heads, row.family.window_tokens) == ("apache-2.0", 32, 131_072)
    assert row.family.source == "the Hub's config.json at c0ffeec0ffee"
    assert row.vllm_flags == ()


def test_what_the_hub_does_not_say_stays_unknown() -> None:
    assert (model().family.licence, model().billions) == ("unknown", 0)


@pytest.mark.parametrize(
    ("parameters", "edit_format"), [(0, "whole"), (14_770_000_000, "whole"), (23_570_000_000, "diff")]
)
def test_models_sold_as_24_billion_write_diffs_and_smaller_ones_whole_files(parameters: int, edit_format: str) -> None:
    aider = model(card=Card(parameters=parameters)).family.aider
    assert (aider.edit_format, aider.max_output_tokens) == (edit_format, 4096)


def test_a_model_of_the_catalog_keeps_what_only_the_catalog_knows() -> None:
    row = model("Qwen/Qwen2.5-Coder-7B-Instruct-AWQ", quantization_config={"quant_method": "awq", "bits": 4})
    assert (row.family.aider, row.family.tool_parser) == (QWEN25_CODER_7B.aider, "hermes")
    assert (row.billions, row.family.licence) == (7.62, "Apache-2.0")
    assert (row.quantization, row.family.window_tokens) == (AWQ, 131_072)


def test_a_model_that_also_sees_is_served_without_its_eyes() -> None:
    row = model_of("some/vl", COMMIT, {"text_config": CONFIG, "vision_config": {}}, 1, FILES)
    assert row.vllm_flags == ("--language-model-only",)


def refused(**changes: Any) -> str:
    """The error's line."""
    with pytest.raises(ModelError) as caught:
        model(**changes)
    return caught.value.line()


SAFETENSORS = "choose a repository with .safetensors: the original, or an AWQ, GPTQ or FP8 form of it"
ANOTHER = "choose another form of it, or a model that `fab models` lists"


@pytest.mark.parametrize("name", ["pytorch_model.bin", "a.pt", "consolidated.00.pth", "model.ckpt", "model.pkl"])
def test_pickle_is_refused_by_its_name(name: str) -> None:
    assert refused(files=["config.json", name, "chat_template.jinja"]) == (
        f"hub/some/Model-8B/{name}: its weights are pickle, which runs code when read; {SAFETENSORS}"
    )


def test_pickle_beside_safetensors_is_nobodys_business() -> None:
    assert model(files=[*FILES, "pytorch_model.bin"]).name == "model-8b"


def test_gguf_alone_is_refused_by_its_name() -> None:
    assert refused(files=["config.json", "model-Q4_K_M.gguf", "README.md"]) == (
        f"hub/some/Model-8B/model-Q4_K_M.gguf: its weights are GGUF, which daybox does not serve; {SAFETENSORS}"
    )


def test_safetensors_in_a_folder_are_another_form() -> None:
    files = ["config.json", "original/model.safetensors"]
    assert refused(files=files) == f"hub/some/Model-8B: it has no .safetensors at its top level; {ANOTHER}"


def test_code_of_its_own_is_refused() -> None:
    assert refused(auto_map={"AutoModelForCausalLM": "modeling_x.X"}) == (
        "hub/some/Model-8B/config.json: auto_map asks for code of its own, which daybox never runs; "
        "choose a repository of the same model without it, or a model that `fab models` lists"
    )


def test_an_empty_auto_map_asks_for_nothing() -> None:
    assert model(auto_map={}).name == "model-8b"


def test_a_model_without_a_chat_template_is_refused() -> None:
    assert refused(files=["config.json", "model.safetensors"]) == (
        "hub/some/Model-8B: it has no chat template, so it goes on with a text and does not answer; "
        "choose the form of it that follows instructions, often called -Instruct or -it"
    )


@pytest.mark.parametrize(
    ("files", "tokenizer"),
    [
        (["chat_template.jinja"], {}),
        (["chat_template.json"], {}),
        ([], {"chat_template": "{{ messages }}"}),
        (["tekken.json", "consolidated.safetensors"], {}),
    ],
    ids=str,
)
def test_a_chat_template_may_lie_in_several_places(files: list[str], tokenizer: dict[str, str]) -> None:
    assert model(files=["model.safetensors", *files], card=Card(tokenizer=tokenizer)).name == "model-8b"


SIZES = {"model-1.safetensors": 5, "model-2.safetensors": 7, "consolidated.safetensors": 12, "x/y.safetensors": 1}


def test_the_index_says_which_files_are_the_weights() -> None:
    index = {
        "metadata": {"total_size": 99},
        "weight_map": {"a": "model-1.safetensors", "b": "consolidated.safetensors"},
    }
    assert bytes_of_weights("hub/some/model", SIZES, index) == 17


def test_without_an_index_mistrals_own_form_is_not_counted_twice() -> None:
    assert bytes_of_weights("hub/some/model", SIZES, {}) == 12
    assert bytes_of_weights("hub/some/model", {"consolidated.safetensors": 12}, {}) == 12


@pytest.mark.parametrize(
    ("index", "fact"),
    [
        (
            {"weight_map": {"a": "model-3.safetensors"}},
            "model-3.safetensors: it is part of the weights, and is not there or has no size",
        ),
        ({"weight_map": {"a": 1}}, f"{INDEX}: weight_map does not name files"),
        ({"weight_map": []}, f"{INDEX}: weight_map does not name files"),
    ],
    ids=str,
)
def test_weights_that_are_not_there_are_named(index: dict[str, Any], fact: str) -> None:
    with pytest.raises(ModelError) as caught:
        bytes_of_weights("hub/some/model", SIZES, index)
    assert caught.value.line() == f"hub/some/model/{fact}; {ANOTHER}"


RECORDED = [param.values[0] for param in (*KNOWN, *OTHERS)]
FIELDS = [
    *sorted({name for config in RECORDED for name in (*config, *config.get("text_config", {}))}), *NAMED, *UNSIZED,
    "quantization_config", "compression_config", "auto_map", "sliding_window_pattern", "rope_scaling",
    "model_max_length", "mamba_n_heads", "global_head_dim", "num_kv_shared_layers",
]  # fmt: skip
INNER = [
    "quant_method", "quant_algo", "format", "config_groups", "bits", "weights", "num_bits", "producer", "factor",
    "quantization", "quantized_layers", "rope_type", "type",
]  # fmt: skip
WORDS = ["fp8", "awq", "compressed-tensors", "modelopt", "pack-quantized", "NVFP4", "MIXED_PRECISION", "linear", "M*E"]
PLAIN = (
    st.none() | st.booleans() | st.integers(-1, 64) | st.integers() | st.floats()
    | st.sampled_from([*WORDS, *LEFT_OUT, *KINDS]) | st.text(max_size=3)
)  # fmt: skip
VALUES = st.recursive(
    PLAIN,
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.dictionaries(st.sampled_from([*FIELDS, *INNER]) | st.text(max_size=3), inside, max_size=3)
    ),
    max_leaves=6,
)
CHANGES = st.dictionaries(st.sampled_from(FIELDS), st.integers(1, 64) | VALUES, max_size=3)
BESIDE: st.SearchStrategy[dict[str, Any]] = st.just({}) | st.dictionaries(st.sampled_from(INNER), VALUES, max_size=3)


@given(st.sampled_from([{}, *RECORDED]), CHANGES, BESIDE)
@settings(max_examples=200, deadline=None)
def test_whatever_config_json_holds_it_is_a_row_or_an_error_of_ours(
    config: dict[str, Any], changes: dict[str, Any], beside: dict[str, Any]
) -> None:
    text = {"text_config": {**config["text_config"], **changes}} if "text_config" in config else {}
    with contextlib.suppress(DayboxError):
        row = model_of("some/model", COMMIT, {**config, **changes, **text}, 1, FILES, Card(quantization=beside))
        cache = Cache(tp=1, value_bytes=2, block_tokens=16, in_flight_tokens=4096)
        assert bytes_needed(row.family.attention, cache, 4096) > 0
