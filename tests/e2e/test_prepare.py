"""The conversion of weights where it really runs: in the boxes' root file system, with the numpy of vLLM's packages."""

import json
import os
import struct
from pathlib import Path

import pytest

from scripts.cloud.inside import CODE, run_inside
from scripts.cloud.prepare import parts
from stacks.places import cache_dir
from tests.scripts.cloud.tiny_gguf import write_gguf

PARTS = parts(cache_dir())
pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not (PARTS["rootfs"].is_there and PARTS["site"].is_there),
    reason="needs root and: python -m scripts.cloud prepare rootfs site",
)
HALF, ONE = struct.pack("<e", 0.5), struct.pack("<e", 1.0)
NIBBLES = bytes(low | (15 - low) << 4 for low in range(16))  # low halves count up, high halves down
SIGNED = struct.pack("<32b", *range(-16, 16))
ROWS = b"".join(struct.pack("<32f", *[row] * 32) for row in range(4))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model of three tensors, converted."""
    folder = tmp_path_factory.mktemp("model")
    tensors = {
        "token_embd.weight": ((32, 1), 8, HALF + SIGNED),
        "blk.0.ffn_up.weight": ((32, 1), 3, HALF + ONE + NIBBLES),
        "blk.0.attn_q.weight": ((32, 4), 0, ROWS),
    }
    write_gguf(folder / "tiny.gguf", tensors)
    words = ["python3", "-m", "scripts.cloud.convert", "/mnt/model/tiny.gguf", "/mnt/model"]
    folders = {"/mnt/site": PARTS["site"].target, "/mnt/model": folder}
    environment = {"PYTHONPATH": f"/mnt/site:{CODE}", "PYTHONDONTWRITEBYTECODE": "1"}
    run_inside(PARTS["rootfs"].target, folders, environment, words, part="test")
    return folder


def values(folder: Path, name: str) -> list[float]:
    """One tensor of the safetensors file, by hand: bfloat16 is the upper half of a float32."""
    content = (folder / "model.safetensors").read_bytes()
    (length,) = struct.unpack_from("<Q", content)
    begin, end = json.loads(content[8 : 8 + length])[name]["data_offsets"]
    halves = struct.unpack(f"<{(end - begin) // 2}H", content[8 + length + begin : 8 + length + end])
    return [struct.unpack("<f", struct.pack("<I", half << 16))[0] for half in halves]


def test_eight_bits_are_signed_and_scaled(folder: Path) -> None:
    assert values(folder, "model.embed_tokens.weight") == [number / 2 for number in range(-16, 16)]


def test_four_bits_have_a_scale_and_a_minimum_and_the_low_halves_come_first(folder: Path) -> None:
    up = [number / 2 + 1 for number in range(16)]
    assert values(folder, "model.layers.0.mlp.up_proj.weight") == up + up[::-1]


def test_rows_that_rotate_together_are_put_apart_again(folder: Path) -> None:
    rows = values(folder, "model.layers.0.self_attn.q_proj.weight")[::32]
    assert rows == [0, 2, 1, 3]


def test_the_folder_has_all_that_vllm_reads(folder: Path) -> None:
    written = {path.name for path in folder.glob("*.json")}
    assert written == {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"}
