"""SmolLM2 from its GGUF file to what vLLM reads: safetensors in bfloat16, configuration, tokenizer.

Run on the box's Python: `python3 -m scripts.cloud.convert FILE.gguf FOLDER`. By hand and not by transformers, which
takes 15 seconds, most of them its imports; this takes two.
"""

import json
import struct
import sys
from pathlib import Path
from typing import Any

import numpy  # type: ignore[import-not-found, unused-ignore]

from scripts.cloud.gguf import Reader

CONTROL_TOKEN = 3  # the token type of <|im_start|> and its like
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


def convert(source: Path, target: Path) -> None:
    """Write the folder `target` as Hugging Face's libraries expect a Llama model to lie."""
    model = Reader(source)
    target.mkdir(parents=True, exist_ok=True)
    write_safetensors(target / "model.safetensors", weights(model))
    for name, content in {
        "config.json": llama_config(model.facts),
        "generation_config.json": {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2},
        "tokenizer.json": tokenizer(model.facts),
        "tokenizer_config.json": tokenizer_config(model.facts),
    }.items():
        (target / name).write_text(json.dumps(content, ensure_ascii=False, indent=1))


def weights(model: Reader) -> dict[str, Any]:
    """Name as in transformers -> bfloat16 values, held as uint16."""
    heads = {"attn_q": "llama.attention.head_count", "attn_k": "llama.attention.head_count_kv"}
    result = {}
    for tensor in model.tensors.values():
        values = model.values(tensor)
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


def rope_halves(values: Any, heads: int) -> Any:
    """Undo GGUF's order of rows: it interleaves the two halves that rotate together, transformers keeps them apart."""
    rows, columns = values.shape
    return values.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def bfloat16(values: Any) -> Any:
    """The upper half of each float32, rounded to nearest, ties to even."""
    bits = numpy.ascontiguousarray(values, "<f4").view("<u4")
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")


def write_safetensors(path: Path, tensors: dict[str, Any]) -> None:
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


def llama_config(facts: dict[str, Any]) -> dict[str, Any]:
    """config.json; the embedding is the output layer, too, for the file holds no other."""
    llama = {key.removeprefix("llama."): value for key, value in facts.items() if key.startswith("llama.")}
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "dtype": "bfloat16",
        "hidden_act": "silu",
        "tie_word_embeddings": True,
        "vocab_size": llama["vocab_size"],
        "hidden_size": llama["embedding_length"],
        "intermediate_size": llama["feed_forward_length"],
        "num_hidden_layers": llama["block_count"],
        "num_attention_heads": llama["attention.head_count"],
        "num_key_value_heads": llama["attention.head_count_kv"],
        "rms_norm_eps": llama["attention.layer_norm_rms_epsilon"],
        "rope_theta": llama["rope.freq_base"],
        "max_position_embeddings": llama["context_length"],
        "bos_token_id": facts["tokenizer.ggml.bos_token_id"],
        "eos_token_id": facts["tokenizer.ggml.eos_token_id"],
        "pad_token_id": facts["tokenizer.ggml.padding_token_id"],
    }


def tokenizer(facts: dict[str, Any]) -> dict[str, Any]:
    """tokenizer.json: byte-level pairs, digits one by one (what GGUF calls the pre-tokenizer `smollm`)."""
    tokens, kinds = facts["tokenizer.ggml.tokens"], facts["tokenizer.ggml.token_type"]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    special = [number for number, kind in enumerate(kinds) if kind == CONTROL_TOKEN]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "added_tokens": [{"id": number, "content": tokens[number], **flags} for number in special],
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [{"type": "Digits", "individual_digits": True}, byte_level],
        },
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "vocab": {token: number for number, token in enumerate(tokens)},
            "merges": [pair.split(" ") for pair in facts["tokenizer.ggml.merges"]],
        },
    }


def tokenizer_config(facts: dict[str, Any]) -> dict[str, Any]:
    """tokenizer_config.json, with the chat template that came with the weights."""
    tokens = facts["tokenizer.ggml.tokens"]
    ids = {"bos": "bos_token_id", "eos": "eos_token_id", "unk": "unknown_token_id", "pad": "padding_token_id"}
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "model_max_length": facts["llama.context_length"],
        "chat_template": facts["tokenizer.chat_template"],
        **{f"{name}_token": tokens[facts[f"tokenizer.ggml.{key}"]] for name, key in ids.items()},
    }


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
