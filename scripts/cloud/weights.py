"""Weights from GGUF's quantized blocks to bfloat16, by numpy: of the vLLM packages, for our own Python has none."""

import json
import math
import mmap
import struct
from pathlib import Path
from typing import Any

import numpy  # type: ignore[import-not-found, unused-ignore]

from scripts.cloud.gguf import Reader, Tensor

F32, Q4_1, Q8_0 = 0, 3, 8
BLOCK = 32  # values that share one scale, in both quantized types
Array = Any  # numpy.ndarray
NAMES = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def weights(model: Reader) -> dict[str, Array]:
    """Name as in transformers -> bfloat16 values, held as uint16."""
    heads = {"attn_q": "llama.attention.head_count", "attn_k": "llama.attention.head_count_kv"}
    result = {}
    for tensor in model.tensors:
        values = read(model.data, tensor)
        part = tensor.name.split(".")[-2]
        if part in heads:
            values = rope_halves(values, model.facts[heads[part]])
        result[llama_name(tensor.name)] = bfloat16(values)
    return result


def llama_name(name: str) -> str:
    """`blk.3.attn_q.weight` -> `model.layers.3.self_attn.q_proj.weight`."""
    *block, part, kind = name.split(".")
    layer = f"model.layers.{block[1]}." if block else ""
    return f"{layer}{NAMES[part]}.{kind}"


def read(data: mmap.mmap, tensor: Tensor) -> Array:
    """The tensor as a float32 array of its shape."""
    plain = {F32: _plain, Q4_1: _four_bits, Q8_0: _eight_bits}[tensor.kind]
    return plain(data, tensor.start, math.prod(tensor.shape)).reshape(tensor.shape)


def _plain(data: mmap.mmap, start: int, count: int) -> Array:
    return numpy.frombuffer(data, "<f4", count, start)


def _four_bits(data: mmap.mmap, start: int, count: int) -> Array:
    """scale * q + minimum; the low halves of the 16 bytes are the first 16 values."""
    block = numpy.dtype([("scale", "<f2"), ("minimum", "<f2"), ("q", "u1", BLOCK // 2)])
    blocks = numpy.frombuffer(data, block, count // BLOCK, start)
    q = numpy.concatenate([blocks["q"] & 15, blocks["q"] >> 4], axis=1).astype("f4")
    return q * blocks["scale"].astype("f4")[:, None] + blocks["minimum"].astype("f4")[:, None]


def _eight_bits(data: mmap.mmap, start: int, count: int) -> Array:
    """scale * q, q signed."""
    block = numpy.dtype([("scale", "<f2"), ("q", "i1", BLOCK)])
    blocks = numpy.frombuffer(data, block, count // BLOCK, start)
    return blocks["q"].astype("f4") * blocks["scale"].astype("f4")[:, None]


def rope_halves(values: Array, heads: int) -> Array:
    """Undo GGUF's order of rows: it interleaves the two halves that rotate together, transformers keeps them apart."""
    rows, columns = values.shape
    return values.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def bfloat16(values: Array) -> Array:
    """The upper half of each float32, rounded to nearest, ties to even."""
    bits = numpy.ascontiguousarray(values, "<f4").view("<u4")
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")


def write_safetensors(path: Path, tensors: dict[str, Array]) -> None:
    """Source of the format: https://github.com/huggingface/safetensors#format."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, values in tensors.items():
        begin, end = end, end + values.nbytes
        header[name] = {"dtype": "BF16", "shape": values.shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # aligned, so that a reader can map it
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for values in tensors.values():
            file.write(values.data)
