"""A GGUF file small enough to be read by eye: what tests of the reader and of the conversion are made of."""

import struct
from collections.abc import Mapping
from pathlib import Path

U32, F32, TEXT, ARRAY = 4, 6, 8, 9
TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "a", "b", "ab"]
FACTS: dict[str, object] = {
    "llama.block_count": 1,
    "llama.context_length": 64,
    "llama.embedding_length": 32,
    "llama.feed_forward_length": 32,
    "llama.attention.head_count": 1,
    "llama.attention.head_count_kv": 1,
    "llama.attention.layer_norm_rms_epsilon": 0.5,
    "llama.rope.freq_base": 1000.0,
    "llama.vocab_size": len(TOKENS),
    "tokenizer.ggml.tokens": TOKENS,
    "tokenizer.ggml.token_type": [3, 3, 3, 1, 1, 1],
    "tokenizer.ggml.merges": ["a b"],
    "tokenizer.ggml.bos_token_id": 1,
    "tokenizer.ggml.eos_token_id": 2,
    "tokenizer.ggml.unknown_token_id": 0,
    "tokenizer.ggml.padding_token_id": 2,
    "tokenizer.chat_template": "{{ messages }}",
}


def text(value: str) -> bytes:
    """A text as GGUF has it: its length, its bytes."""
    return struct.pack("<Q", len(value.encode())) + value.encode()


def fact(value: object) -> bytes:
    """A fact with its type before it."""
    if isinstance(value, str):
        return struct.pack("<I", TEXT) + text(value)
    if isinstance(value, list):
        kind = TEXT if isinstance(value[0], str) else U32
        items = [text(item) if kind == TEXT else struct.pack("<I", item) for item in value]
        return struct.pack("<IIQ", ARRAY, kind, len(value)) + b"".join(items)
    kind = F32 if isinstance(value, float) else U32
    return struct.pack("<I", kind) + struct.pack("<f" if kind == F32 else "<I", value)


def write_gguf(path: Path, tensors: Mapping[str, tuple[tuple[int, ...], int, bytes]]) -> Path:
    """Write FACTS and the tensors: name -> shape (innermost first, as GGUF counts), type, bytes."""
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(FACTS))
    head += b"".join(text(key) + fact(value) for key, value in FACTS.items())
    offset, data = 0, b""
    for name, (shape, kind, content) in tensors.items():
        head += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)
        data += content + b"\0" * (-len(content) % 32)
        offset = len(data)
    path.write_bytes(head + b"\0" * (-len(head) % 32) + data)
    return path
