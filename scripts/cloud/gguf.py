"""A reader of GGUF files: their facts, and where their tensors lie, as far as SmolLM2 needs it.

Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (version 3, little-endian).
"""

import math
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
TEXT, ARRAY = 8, 9
Fact = Any  # a number, a text, or a list of them


@dataclass(frozen=True)
class Tensor:
    """One tensor as it lies in the file. shape: as numpy counts, the outermost first; start: bytes from the front."""

    name: str
    shape: tuple[int, ...]
    kind: int
    start: int


class Reader:
    """The file, read from front to back once: `facts` by key, `tensors` in their order."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._place = 0
        magic, version, tensors, facts = self._take("<4sIQQ")
        if (magic, version) != (b"GGUF", 3):
            raise ValueError(f"{path}: not a GGUF file of version 3")
        self.facts: dict[str, Fact] = {}
        for _ in range(facts):
            key = self._text()
            self.facts[key] = self._fact(self._take("<I")[0])
        described = [self._tensor() for _ in range(tensors)]
        alignment = self.facts.get("general.alignment", 32)
        first = math.ceil(self._place / alignment) * alignment
        self.tensors = [Tensor(name, shape, kind, first + offset) for name, shape, kind, offset in described]

    def _take(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from(form, self.data, self._place)
        self._place += struct.calcsize(form)
        return values

    def _text(self) -> str:
        (length,) = self._take("<Q")
        self._place += length
        return self.data[self._place - length : self._place].decode()

    def _fact(self, kind: int) -> Fact:
        if kind == TEXT:
            return self._text()
        if kind == ARRAY:
            inner, count = self._take("<IQ")
            return [self._fact(inner) for _ in range(count)]
        return self._take(SCALARS[kind])[0]

    def _tensor(self) -> tuple[str, tuple[int, ...], int, int]:
        name = self._text()
        (dimensions,) = self._take("<I")
        shape = self._take(f"<{dimensions}Q")
        kind, offset = self._take("<IQ")
        return name, shape[::-1], kind, offset
