"""SmolLM2 from its GGUF file to what vLLM reads: safetensors in bfloat16, configuration, tokenizer.

Runs on the box's Python: `python3 -m scripts.cloud.convert FILE.gguf FOLDER`. By hand and not by transformers, which
takes 15 seconds, most of them its imports; this takes two.
"""

import json
import sys
from pathlib import Path
from typing import Any

from scripts.cloud.gguf import Reader

CONTROL_TOKEN = 3  # the token type of <|im_start|> and its like


def convert(source: Path, target: Path) -> None:
    """Write the folder `target` as Hugging Face's libraries expect a Llama model to lie."""
    from scripts.cloud.weights import weights, write_safetensors  # numpy, which only the box has

    model = Reader(source)
    write_safetensors(target / "model.safetensors", weights(model))
    for name, content in texts(model.facts).items():
        (target / name).write_text(json.dumps(content, ensure_ascii=False, indent=1))


def texts(facts: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The JSON files beside the weights, by name."""
    return {
        "config.json": llama_config(facts),
        "generation_config.json": token_ids(facts),
        "tokenizer.json": tokenizer(facts),
        "tokenizer_config.json": tokenizer_config(facts),
    }


def token_ids(facts: dict[str, Any]) -> dict[str, int]:
    """What begins a text, ends it, fills it up."""
    names = {"bos_token_id": "bos_token_id", "eos_token_id": "eos_token_id", "pad_token_id": "padding_token_id"}
    return {name: facts[f"tokenizer.ggml.{key}"] for name, key in names.items()}


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
        **token_ids(facts),
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
