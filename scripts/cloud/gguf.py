"""A reader of GGUF files: their facts and their tensors, as far as SmolLM2 needs it.

Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (version 3, little-endian).
Runs on the box's Python, with the numpy of the vLLM packages; this repository's own environment has none.
"""

import math
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy  # type: ignore[import-not-found, unused-ignore]

SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
TEXT, ARRAY = 8, 9
F32, Q4_1, Q8_0 = 0, 3, 8
BLOCK = 32  # values that share one scale, in both quantized types


@dataclass(frozen=True)
class Tensor:
    """One tensor as it lies in the file. shape: as numpy counts, the outermost first."""

    name: str
    shape: tuple[int, ...]
    kind: int
    offset: int


class Reader:
    """The file, read from front to back once: `facts` by key, `tensors` by name."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.place = 0
        magic, version, tensor_count, fact_count = self._take("<4sIQQ")
        if (magic, version) != (b"GGUF", 3):
            raise ValueError(f"{path}: not a GGUF file of version 3")
        self.facts: dict[str, Any] = {}
        for _ in range(fact_count):
            key = self._text()
            self.facts[key] = self._value(self._take("<I")[0])
        self.tensors = {tensor.name: tensor for tensor in [self._tensor() for _ in range(tensor_count)]}
        alignment = self.facts.get("general.alignment", 32)
        self.start = math.ceil(self.place / alignment) * alignment

    def values(self, tensor: Tensor) -> Any:
        """The tensor as a float32 array of its shape."""
        count = math.prod(tensor.shape)
        read = {F32: _plain, Q4_1: _four_bits, Q8_0: _eight_bits}[tensor.kind]
        return read(self.data, self.start + tensor.offset, count).reshape(tensor.shape)

    def _take(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from(form, self.data, self.place)
        self.place += struct.calcsize(form)
        return values

    def _text(self) -> str:
        (length,) = self._take("<Q")
        self.place += length
        return self.data[self.place - length : self.place].decode()

    def _value(self, kind: int) -> Any:
        if kind == TEXT:
            return self._text()
        if kind == ARRAY:
            inner, count = self._take("<IQ")
            return [self._value(inner) for _ in range(count)]
        return self._take(SCALARS[kind])[0]

    def _tensor(self) -> Tensor:
        name = self._text()
        (dimensions,) = self._take("<I")
        shape = self._take(f"<{dimensions}Q")
        kind, offset = self._take("<IQ")
        return Tensor(name, shape[::-1], kind, offset)


def _plain(data: mmap.mmap, start: int, count: int) -> Any:
    return numpy.frombuffer(data, "<f4", count, start)


def _four_bits(data: mmap.mmap, start: int, count: int) -> Any:
    """scale * q + minimum; the low halves of the 16 bytes are the first 16 values."""
    block = numpy.dtype([("scale", "<f2"), ("minimum", "<f2"), ("q", "u1", BLOCK // 2)])
    blocks = numpy.frombuffer(data, block, count // BLOCK, start)
    q = numpy.concatenate([blocks["q"] & 15, blocks["q"] >> 4], axis=1).astype("f4")
    return q * blocks["scale"].astype("f4")[:, None] + blocks["minimum"].astype("f4")[:, None]


def _eight_bits(data: mmap.mmap, start: int, count: int) -> Any:
    """scale * q, q signed."""
    block = numpy.dtype([("scale", "<f2"), ("q", "i1", BLOCK)])
    blocks = numpy.frombuffer(data, block, count // BLOCK, start)
    return blocks["q"].astype("f4") * blocks["scale"].astype("f4")[:, None]
