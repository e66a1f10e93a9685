"""How a model's weights are kept, from its quantization_config or hf_quant_config.json. Pure.

Source of the names: vLLM 0.32 (model_executor/layers/quantization, transformers_utils/config.py) and
compressed-tensors 0.17 (config/base.py), read 2026-11-25.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from stacks.errors import ModelError
from stacks.hub_layers import name_in, shown
from stacks.models import AWQ, BF16, FP8, GPTQ, INT4, MXFP4, NVFP4, QUANTIZATIONS, Quantization

METHODS = {"fp8": FP8, "awq": AWQ, "gptq": GPTQ, "gptq of 8 bits": GPTQ, "mxfp4": MXFP4}
FORMATS = {
    "dense": BF16, "pack-quantized": INT4, "float-quantized": FP8,
    "nvfp4-pack-quantized": NVFP4, "mxfp4-pack-quantized": MXFP4,
}  # fmt: skip
ALGORITHMS = {"FP8": FP8, "FP8_PER_CHANNEL_PER_TOKEN": FP8, "FP8_PB_WO": FP8, "NVFP4": NVFP4}


def quantization_of(path: str, config: Mapping[str, Any], beside: Mapping[str, Any]) -> Quantization:
    """How the weights are kept; 16 bits where nothing is said. Raises ModelError naming a way daybox does not know.

    path: of config.json, for errors. beside: hf_quant_config.json, parsed, which older ModelOpt wrote; empty if none.
    """
    told = said(config, beside)
    if not told:
        return BF16
    method = name_in(told, "quant_method").lower().replace("_", "-")
    if method.startswith("modelopt") or isinstance(told.get("producer"), Mapping):
        return hardest(path, algorithms(told), ALGORITHMS)
    if method == "compressed-tensors":
        return hardest(path, formats(told), FORMATS)
    return hardest(path, [method + unusual_bits(told.get("bits"))], METHODS)


def said(config: Mapping[str, Any], beside: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is said first of all: at the top, in the language model's part, in the file beside; empty if nothing is."""
    text = config.get("text_config")
    parts = (config, text if isinstance(text, Mapping) else {})
    given = [part.get(name) for part in parts for name in ("quantization_config", "compression_config")]
    return next((one for one in (*given, beside) if isinstance(one, Mapping) and one), {})


def hardest(path: str, ways: Iterable[object], known: Mapping[str, Quantization]) -> Quantization:
    """Of all ways in which parts of a model are kept the one that asks most of a card."""
    found = [BF16]
    for way in ways:
        if not isinstance(way, str) or way not in known:
            forms = ", ".join(one.name for one in QUANTIZATIONS)
            raise ModelError(
                f"{path}: its weights are quantized as {shown(way)}, which daybox does not know",
                hint=f"choose a form of it in one of these: {forms}",
            )
        found.append(known[way])
    return max(found[1:] or found, key=lambda one: one.capability)


def algorithms(told: Mapping[str, Any]) -> list[object]:
    """ModelOpt's algorithms: one, or where they are mixed one for each part."""
    inner = told.get("quantization")
    inner = inner if isinstance(inner, Mapping) else told
    layers = inner.get("quantized_layers")
    if inner.get("quant_algo") == "MIXED_PRECISION" and isinstance(layers, Mapping):
        return [part.get("quant_algo") for part in layers.values() if isinstance(part, Mapping)]
    return [inner.get("quant_algo")]


def formats(told: Mapping[str, Any]) -> list[object]:
    """compressed-tensors' formats: one for each group of layers, or one for all."""
    groups = told.get("config_groups")
    parts = [part for part in groups.values() if isinstance(part, Mapping)] if isinstance(groups, Mapping) else []
    return [format_of(told, part) for part in parts] or [told.get("format")]


def format_of(told: Mapping[str, Any], part: Mapping[str, Any]) -> object:
    """The format of one group, else that of all; packed integers of other than 4 bits say so."""
    name, weights = part.get("format") or told.get("format"), part.get("weights")
    bits = weights.get("num_bits") if isinstance(weights, Mapping) else None
    return f"{name}{unusual_bits(bits)}" if name == "pack-quantized" else name


def unusual_bits(bits: object) -> str:
    """` of 8 bits`, for a name; empty for 4, and where nothing is said."""
    if bits is None or bits == 4:
        return ""
    return f" of {bits} bits" if type(bits) is int and 0 < bits < 64 else " of unclear bits"
