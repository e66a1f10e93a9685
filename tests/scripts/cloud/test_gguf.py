"""The reader of GGUF files, on one that we wrote ourselves."""

import struct
from pathlib import Path

import pytest

from scripts.cloud.gguf import Reader, Tensor
from tests.scripts.cloud.tiny_gguf import FACTS, write_gguf

NORM = struct.pack("<32f", *range(32))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_gguf(tmp_path / "tiny.gguf", {"a.weight": ((32, 1), 0, NORM), "b.weight": ((16, 2), 0, NORM)})


def test_facts_are_read_as_what_they_are(file: Path) -> None:
    assert Reader(file).facts == FACTS


def test_a_shape_is_told_outermost_first(file: Path) -> None:
    assert [tensor.shape for tensor in Reader(file).tensors] == [(1, 32), (2, 16)]


def test_a_tensor_starts_where_its_bytes_are(file: Path) -> None:
    reader = Reader(file)
    for tensor in reader.tensors:
        assert reader.data[tensor.start : tensor.start + len(NORM)] == NORM


def test_a_tensor_keeps_its_name_and_type(file: Path) -> None:
    first = Reader(file).tensors[0]
    assert first == Tensor("a.weight", (1, 32), 0, first.start)


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"PK\3\4" + b"\0" * 60)
    with pytest.raises(ValueError, match="not a GGUF file"):
        Reader(tmp_path / "other")
