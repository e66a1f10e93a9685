"""How weights are kept: every way in which the Hub says it, and what asks most of a card where ways are mixed."""

from typing import Any

import pytest

from stacks.errors import ModelError
from stacks.hub_quantization import quantization_of
from stacks.models import AWQ, BF16, FP8, GPTQ, INT4, MXFP4, NVFP4, Quantization

PACKED = {
    "quant_method": "compressed-tensors", "format": "pack-quantized",
    "config_groups": {"group_0": {"targets": ["Linear"], "weights": {"num_bits": 4, "group_size": 32}}},
}  # fmt: skip
MIXED_TENSORS = {
    "quant_method": "compressed-tensors", "format": "mixed-precision",
    "config_groups": {"group_0": {"format": "nvfp4-pack-quantized"}, "group_1": {"format": "float-quantized"}},
}  # fmt: skip
MIXED_MODELOPT = {
    "quant_method": "modelopt", "quant_algo": "MIXED_PRECISION",
    "quantized_layers": {"layers.0.mlp": {"quant_algo": "NVFP4"}, "layers.0.attn": {"quant_algo": "FP8"}},
}  # fmt: skip
# As nvidia/Qwen3-32B-NVFP4 has it in hf_quant_config.json.
BESIDE = {"producer": {"name": "modelopt", "version": "0.33.0"}, "quantization": {"quant_algo": "NVFP4"}}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, FP8),
        ({"quant_method": "awq", "bits": 4, "group_size": 128, "version": "gemm"}, AWQ),
        ({"quant_method": "gptq", "bits": 4}, GPTQ),
        ({"quant_method": "gptq", "bits": 8}, GPTQ),
        ({"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]}, MXFP4),
        (PACKED, INT4),
        ({"quant_method": "compressed_tensors", "format": "float-quantized"}, FP8),
        ({"quant_method": "compressed-tensors", "format": "nvfp4-pack-quantized"}, NVFP4),
        ({"quant_method": "compressed-tensors", "format": "mxfp4-pack-quantized"}, MXFP4),
        (MIXED_TENSORS, NVFP4),
        ({"quant_method": "modelopt", "quant_algo": "FP8"}, FP8),
        ({"quant_method": "modelopt_fp4", "quant_algo": "NVFP4"}, NVFP4),
        (MIXED_MODELOPT, NVFP4),
        (BESIDE, NVFP4),
    ],
    ids=str,
)
def test_every_way_of_saying_it_is_understood(told: dict[str, Any], expected: Quantization) -> None:
    assert quantization_of("config.json", {"quantization_config": told}, {}) == expected


def test_nothing_said_is_16_bits() -> None:
    assert quantization_of("config.json", {"quantization_config": None}, {}) == BF16


@pytest.mark.parametrize("name", ["quantization_config", "compression_config"])
def test_models_that_see_say_it_in_the_part_about_language(name: str) -> None:
    assert quantization_of("config.json", {"text_config": {name: PACKED}}, {}) == INT4


def test_the_file_beside_counts_where_config_json_says_nothing() -> None:
    assert quantization_of("config.json", {}, BESIDE) == NVFP4
    assert quantization_of("config.json", {"quantization_config": PACKED}, BESIDE) == INT4


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "'bitsandbytes'"),
        ({"quant_method": "awq", "bits": 8}, "'awq of 8 bits'"),
        ({"quant_method": "gptq", "bits": "four"}, "'gptq of unclear bits'"),
        ({"bits": 4}, "''"),
        ({"quant_method": ["fp8"]}, "''"),
        ({"quant_method": "compressed-tensors", "format": "int-quantized"}, "'int-quantized'"),
        ({"quant_method": "compressed-tensors"}, "a NoneType"),
        (
            {**PACKED, "config_groups": {"group_0": {"weights": {"num_bits": 8}}}},
            "'pack-quantized of 8 bits'",
        ),
        ({"quant_method": "modelopt", "quant_algo": "W4A8_AWQ"}, "'W4A8_AWQ'"),
    ],
    ids=str,
)
def test_a_way_that_daybox_does_not_know_is_named(told: dict[str, Any], name: str) -> None:
    with pytest.raises(ModelError) as caught:
        quantization_of("hub/some/model/config.json", {"quantization_config": told}, {})
    assert caught.value.line() == (
        f"hub/some/model/config.json: its weights are quantized as {name}, which daybox does not know; "
        "choose a form of it in one of these: bf16, int4, mxfp4, awq, gptq, fp8, nvfp4"
    )
