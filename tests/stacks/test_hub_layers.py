"""What config.json says of layers, against the catalog and against what facts on KV cache say of each token.

Shapes: Qwen3-Next, Qwen3.5, GLM-4.7-Flash as NVIDIA's aiconfigurator holds them; gemma-4, Nemotron-3 as others quote
them; the rest recalled. Only fields that count are kept.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from stacks import families
from stacks.attention import Cache, Full, Latent, Layers, Sliding, bytes_per_token, mamba2
from stacks.errors import ModelError
from stacks.hub_layers import Config, attention_of, window_tokens

ONE_CARD = Cache(tp=1, value_bytes=2, block_tokens=16, in_flight_tokens=4096)
HYBRID_OF_FOUR = ["linear_attention", "linear_attention", "linear_attention", "full_attention"]
LINEAR = {
    "linear_conv_kernel_dim": 4, "linear_key_head_dim": 128, "linear_value_head_dim": 128, "linear_num_key_heads": 16,
}  # fmt: skip

SMOLLM2 = {
    "model_type": "llama", "hidden_size": 576, "num_attention_heads": 9, "num_hidden_layers": 30,
    "num_key_value_heads": 3, "max_position_embeddings": 8192, "rope_scaling": None,
}  # fmt: skip
QWEN25_CODER_7B = {
    "model_type": "qwen2", "hidden_size": 3584, "num_attention_heads": 28, "num_hidden_layers": 28,
    "num_key_value_heads": 4, "max_position_embeddings": 32768, "max_window_layers": 28, "sliding_window": 131072,
    "use_sliding_window": False,
}  # fmt: skip
QWEN3_CODER_30B = {
    "model_type": "qwen3_moe", "hidden_size": 2048, "head_dim": 128, "num_attention_heads": 32, "num_hidden_layers": 48,
    "num_key_value_heads": 4, "max_position_embeddings": 262144, "sliding_window": None, "use_sliding_window": False,
}  # fmt: skip
QWEN3_NEXT = {
    "model_type": "qwen3_next", "hidden_size": 2048, "head_dim": 256, "num_attention_heads": 16,
    "num_hidden_layers": 48, "num_key_value_heads": 2, "max_position_embeddings": 262144, "full_attention_interval": 4,
    **LINEAR, "linear_num_value_heads": 32, "rope_scaling": None, "use_sliding_window": False,
}  # fmt: skip
QWEN35_27B = {
    "model_type": "qwen3_5", "vision_config": {"depth": 27, "hidden_size": 1152},
    "text_config": {
        "model_type": "qwen3_5_text", "hidden_size": 5120, "head_dim": 256, "num_attention_heads": 24,
        "num_hidden_layers": 64, "num_key_value_heads": 4, "max_position_embeddings": 262144,
        "layer_types": HYBRID_OF_FOUR * 16, **LINEAR, "linear_num_value_heads": 48, "mamba_ssm_dtype": "float32",
        "rope_parameters": {"mrope_interleaved": True, "mrope_section": [11, 11, 10], "rope_type": "default"},
    },
}  # fmt: skip
GPT_OSS_20B = {
    "model_type": "gpt_oss", "hidden_size": 2880, "head_dim": 64, "num_attention_heads": 64, "num_hidden_layers": 24,
    "num_key_value_heads": 8, "max_position_embeddings": 131072, "sliding_window": 128,
    "layer_types": ["sliding_attention", "full_attention"] * 12,
    "rope_scaling": {"factor": 32.0, "original_max_position_embeddings": 4096, "rope_type": "yarn"},
}  # fmt: skip
GLM_47_FLASH = {
    "model_type": "glm4_moe_lite", "hidden_size": 2048, "head_dim": 64, "num_attention_heads": 20,
    "num_hidden_layers": 47, "num_key_value_heads": 20, "max_position_embeddings": 202752, "kv_lora_rank": 512,
    "q_lora_rank": 768, "qk_nope_head_dim": 192, "qk_rope_head_dim": 64, "v_head_dim": 256,
}  # fmt: skip
GLM_45_AIR = {
    "model_type": "glm4_moe", "hidden_size": 4096, "head_dim": 128, "num_attention_heads": 96, "num_hidden_layers": 46,
    "num_key_value_heads": 8, "max_position_embeddings": 131072, "num_nextn_predict_layers": 1,
}  # fmt: skip
GEMMA4_31B = {
    "model_type": "gemma4", "vision_config": {"hidden_size": 1152},
    "text_config": {
        "model_type": "gemma4_text", "hidden_size": 5376, "head_dim": 256, "global_head_dim": 512,
        "num_attention_heads": 32, "num_hidden_layers": 60, "num_key_value_heads": 16, "num_global_key_value_heads": 4,
        "attention_k_eq_v": True, "max_position_embeddings": 262144, "sliding_window": 1024, "num_kv_shared_layers": 0,
        "layer_types": [*["sliding_attention"] * 5, "full_attention"] * 10,
        "rope_parameters": {
            "full_attention": {"partial_rotary_factor": 0.25, "rope_theta": 1e6, "rope_type": "proportional"},
            "sliding_attention": {"rope_theta": 10000.0, "rope_type": "default"},
        },
    },
}  # fmt: skip
NEMOTRON3_NANO = {
    "model_type": "nemotron_h", "hidden_size": 2688, "head_dim": 128, "num_attention_heads": 32,
    "num_hidden_layers": 52, "num_key_value_heads": 2, "max_position_embeddings": 262144, "conv_kernel": 4,
    "hybrid_override_pattern": "MEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME",
    "mamba_num_heads": 64, "mamba_head_dim": 64, "n_groups": 8, "ssm_state_size": 128,
}  # fmt: skip
DEVSTRAL_SMALL_2 = {
    "model_type": "mistral3", "vision_config": {"model_type": "pixtral"},
    "text_config": {
        "model_type": "ministral3", "hidden_size": 5120, "head_dim": 128, "num_attention_heads": 32,
        "num_hidden_layers": 40, "num_key_value_heads": 8, "max_position_embeddings": 262144, "sliding_window": None,
        "rope_parameters": {"factor": 32.0, "original_max_position_embeddings": 8192, "rope_type": "yarn"},
    },
}  # fmt: skip

KNOWN: list[Any] = [
    pytest.param(SMOLLM2, families.SMOLLM2_135M, 23_040, id="smollm2"),
    pytest.param(QWEN25_CODER_7B, families.QWEN25_CODER_7B, 57_344, id="qwen2.5-coder-7b"),
    pytest.param(QWEN3_CODER_30B, families.QWEN3_CODER_30B, 98_304, id="qwen3-coder-30b"),
    pytest.param(QWEN3_NEXT, families.QWEN3_CODER_NEXT, 24_576, id="qwen3-next"),
    pytest.param(QWEN35_27B, families.QWEN3_27B, 65_536, id="qwen3.5-27b"),
    pytest.param(GPT_OSS_20B, families.GPT_OSS_20B, 24_576, id="gpt-oss-20b"),
    pytest.param(GLM_47_FLASH, families.GLM_47_FLASH, 54_144, id="glm-4.7-flash"),
    pytest.param(GLM_45_AIR, families.GLM_45_AIR, 188_416, id="glm-4.5-air"),
    pytest.param(DEVSTRAL_SMALL_2, families.DEVSTRAL_SMALL_2, 163_840, id="devstral-small-2"),
]
OTHERS: list[Any] = [
    pytest.param(GEMMA4_31B, (Full(10, 4, 512), Sliding(50, 16, 256, window=1024)), 81_920, id="gemma-4-31b"),
    pytest.param(
        NEMOTRON3_NANO, (Full(6, 2, 128), mamba2(23, heads=64, head_dim=64, groups=8)), 6_144, id="nemotron-3-nano"
    ),
]


def read(config: Mapping[str, Any], **changes: Any) -> Config:
    """A config.json with some of its fields changed."""
    return Config.from_json("hub/some/model/config.json", {**config, **changes})


def layers(config: Mapping[str, Any], **changes: Any) -> tuple[Layers, ...]:
    return attention_of(read(config, **changes))


@pytest.mark.parametrize(("config", "family", "expected"), KNOWN)
def test_what_the_hub_says_is_what_the_catalog_says(
    config: dict[str, Any], family: families.Family, expected: int
) -> None:
    assert layers(config) == family.attention
    assert bytes_per_token(layers(config), ONE_CARD) == expected
    assert window_tokens(read(config)) == family.window_tokens


@pytest.mark.parametrize(("config", "attention", "expected"), OTHERS)
def test_kinds_of_layers_that_no_catalog_row_has_are_read(
    config: dict[str, Any], attention: tuple[Layers, ...], expected: int
) -> None:
    assert layers(config) == attention
    assert bytes_per_token(attention, ONE_CARD) == expected


def test_layers_named_one_by_one_and_by_their_distance_are_the_same() -> None:
    assert layers(QWEN3_NEXT) == layers(QWEN3_NEXT, full_attention_interval=None, layer_types=HYBRID_OF_FOUR * 12)


def test_nemotron_means_the_same_by_letters_and_by_names() -> None:
    words = {"M": "mamba", "E": "moe", "*": "attention"}
    named = [words[letter] for letter in str(NEMOTRON3_NANO["hybrid_override_pattern"])]
    assert layers(NEMOTRON3_NANO, hybrid_override_pattern=None, layers_block_type=named) == layers(NEMOTRON3_NANO)


def test_granites_names_for_mamba_are_read_too() -> None:
    granite = {
        "layer_types": ["mamba"] * 36 + ["attention"] * 4, "num_attention_heads": 12, "num_key_value_heads": 4,
        "hidden_size": 1536, "mamba_n_heads": 48, "mamba_d_head": 64, "mamba_n_groups": 1, "mamba_d_state": 128,
    }  # fmt: skip
    assert layers(granite) == (Full(4, 4, 128), mamba2(36, heads=48, head_dim=64, groups=1))


def test_a_window_without_names_slides_in_every_layer() -> None:
    assert layers(SMOLLM2, sliding_window=4096) == (Sliding(30, 3, 64, window=4096),)


@pytest.mark.parametrize(
    "off", [{"sliding_window": 0}, {"sliding_window": None}, {"sliding_window": 64, "use_sliding_window": False}]
)
def test_a_window_that_is_switched_off_slides_nowhere(off: dict[str, Any]) -> None:
    assert layers(SMOLLM2, **off) == (Full(30, 3, 64),)
    assert layers(SMOLLM2, layer_types=["sliding_attention"] * 30, **off) == (Full(30, 3, 64),)


def test_qwens_window_is_off_unless_it_is_switched_on() -> None:
    silent = {key: value for key, value in QWEN25_CODER_7B.items() if key != "use_sliding_window"}
    assert layers(silent) == layers(QWEN25_CODER_7B)
    assert layers(QWEN25_CODER_7B, use_sliding_window=True, max_window_layers=20) == (
        Full(20, 4, 128),
        Sliding(8, 4, 128, window=131072),
    )


def test_gemma_3_leaves_out_what_transformers_knows() -> None:
    """As gemma-3-4b has it: neither heads nor window in its config.json."""
    text = {"model_type": "gemma3_text", "hidden_size": 2560, "num_hidden_layers": 34, "sliding_window": 1024}
    gemma = {"text_config": {**text, "rope_scaling": {"factor": 8.0, "rope_type": "linear"}}}
    assert layers(gemma) == (Full(5, 4, 256), Sliding(29, 4, 256, window=1024))
    assert window_tokens(read(gemma)) == 131_072


def test_layers_that_read_what_others_keep_keep_nothing() -> None:
    text = {**GEMMA4_31B["text_config"], "num_kv_shared_layers": 6}  # type: ignore[dict-item]
    assert layers({"text_config": text}) == (Full(9, 4, 512), Sliding(45, 16, 256, window=1024))


def test_a_head_has_its_share_of_the_width_unless_it_says_otherwise() -> None:
    assert layers(SMOLLM2, num_key_value_heads=None) == (Full(30, 9, 64),)
    assert layers(SMOLLM2, head_dim=128) == (Full(30, 3, 128),)


def test_latent_layers_keep_rank_and_rope_together() -> None:
    assert layers(GLM_47_FLASH) == (Latent(47, 576),)


# As vLLM 0.32 derives it: max_position_embeddings of YaRN is the stretched window already.
@pytest.mark.parametrize(
    ("rope", "window"),
    [
        (None, 8192),
        ({"rope_type": "default"}, 8192),
        ({"rope_type": "linear", "factor": 4.0}, 32768),
        ({"type": "dynamic", "factor": 2}, 16384),
        ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 2048}, 8192),
        ({"full_attention": {"rope_type": "linear", "factor": 8.0}, "sliding_attention": {}}, 65536),
    ],
)
def test_the_window_is_stretched_as_vllm_stretches_it(rope: object, window: int) -> None:
    assert window_tokens(read(SMOLLM2, rope_scaling=rope)) == window
    assert window_tokens(read(SMOLLM2, rope_parameters=rope)) == window


def test_the_least_of_several_windows_holds_and_model_max_length_holds_over_all() -> None:
    assert window_tokens(read(SMOLLM2, max_seq_len=4096)) == 4096
    assert window_tokens(read(SMOLLM2, model_max_length=65536)) == 65536


SIZED = "without which its cache cannot be sized"
NO_NUMBER = "is no whole number from 1 to 100000000"


@pytest.mark.parametrize(
    ("config", "changes", "fact"),
    [
        (SMOLLM2, {"num_attention_heads": None}, f"num_attention_heads is missing, {SIZED}"),
        (SMOLLM2, {"hidden_size": None}, f"hidden_size is missing, {SIZED}"),
        (SMOLLM2, {"num_hidden_layers": None}, f"num_hidden_layers is missing, {SIZED}"),
        (SMOLLM2, {"num_hidden_layers": 10**12}, "num_hidden_layers is no whole number from 1 to 1000"),
        (SMOLLM2, {"num_key_value_heads": "3"}, f"num_key_value_heads {NO_NUMBER}"),
        (SMOLLM2, {"num_key_value_heads": True}, f"num_key_value_heads {NO_NUMBER}"),
        (SMOLLM2, {"hidden_size": 8}, "hidden_size is less than num_attention_heads"),
        (SMOLLM2, {"layer_types": 7}, "layer_types is no list of the kinds of its layers"),
        (SMOLLM2, {"layer_types": ["conv"]}, "a layer is of kind 'conv', which daybox cannot size"),
        (SMOLLM2, {"layer_types": [None]}, "a layer is of kind a NoneType, which daybox cannot size"),
        (SMOLLM2, {"layer_types": ["moe"]}, "it has no layer that remembers anything"),
        (SMOLLM2, {"mamba_n_heads": 24}, f"layer_types is missing, {SIZED}"),
        (SMOLLM2, {"kv_lora_rank": 256}, "kv_lora_rank of a 'llama' means a cache that daybox cannot size"),
        (SMOLLM2, {"index_head_dim": 128}, "index_head_dim means a kind of attention that daybox cannot size"),
        (QWEN3_NEXT, {"linear_num_key_heads": None}, f"linear_num_key_heads is missing, {SIZED}"),
        (NEMOTRON3_NANO, {"ssm_state_size": None}, f"ssm_state_size is missing, {SIZED}"),
        (GLM_47_FLASH, {"qk_rope_head_dim": None}, f"qk_rope_head_dim is missing, {SIZED}"),
    ],
)  # fmt: skip
def test_what_cannot_be_sized_is_named(config: dict[str, Any], changes: dict[str, Any], fact: str) -> None:
    with pytest.raises(ModelError) as caught:
        layers(config, **changes)
    assert caught.value.line() == (
        f"hub/some/model/config.json: {fact}; choose another form of it, or a model that `fab models` lists"
    )


@pytest.mark.parametrize(
    ("changes", "fact"),
    [
        ({"max_position_embeddings": None}, f"max_position_embeddings is missing, {SIZED}"),
        (
            {"rope_scaling": {"type": "linear", "factor": "4"}},
            "the factor of its rope scaling is no number from 1 to 1000",
        ),
    ],
)
def test_a_window_that_cannot_be_derived_is_named(changes: dict[str, Any], fact: str) -> None:
    with pytest.raises(ModelError) as caught:
        window_tokens(read(SMOLLM2, **changes))
    assert caught.value.fact == f"hub/some/model/config.json: {fact}"
