"""What was measured, kept for good: one line of JSON a result, in the ledger's folder, with all that it hangs on."""

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from playbooks.bench_figures import Figures, Spread
from stacks.errors import ConfigError
from stacks.places import ledger_dir, private_folder

REPLAY, VLLM = "replay", "vllm bench serve"
SPREADS = ("first_turn", "later_turns", "beside", "edits")
SHOWN = ("output_throughput", "median_ttft_ms", "median_tpot_ms")  # of what vLLM's own benchmark gave
T = TypeVar("T")


@dataclass(frozen=True)
class Line:
    """One result. kind: REPLAY or VLLM. at: when it was done, ISO, UTC. daybox: this checkout's commit.

    plan, region, model, hub_id, revision, vllm, image, flags, gpu, bundle: what answered, as the box said it.
    session: its sha256; turns: so many of it were replayed, for window_tokens leaves no room for more; exact: the
    answers were the recorded ones. figures: of a replay. raw: what `vllm bench serve` gave, and its `command`.
    """

    kind: str
    at: str
    stack: str
    lease: str
    cloud: str
    plan: str
    region: str
    usd_per_hour: float | None
    price_source: str
    model: str
    hub_id: str
    revision: str
    served_name: str
    window_tokens: int
    vllm: str
    image: str
    image_id: str
    flags: tuple[str, ...]
    gpu: str
    bundle: str
    daybox: str
    clients: int
    runs: int
    session: str = ""
    session_name: str = ""
    turns: int = 0
    exact: bool = False
    figures: Figures | None = None
    command: str = ""
    raw: Mapping[str, Any] | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Line":
        """The line in its JSON; what a later daybox wrote beside it is left out. Raises TypeError, KeyError."""
        known = {field.name: row[field.name] for field in fields(cls) if field.name in row}
        figures, flags = known.get("figures"), tuple(map(str, row["flags"]))
        line = typed(cls(**{**known, "flags": flags, "figures": figures and figures_from(figures)}))
        if not all(is_a((line.raw or {}).get(name), float | None) for name in SHOWN):
            raise TypeError("raw")
        return line

    def row(self) -> dict[str, Any]:
        """As it is kept, and as `fab bench --json` prints it."""
        return asdict(self)


def figures_from(row: Mapping[str, Any]) -> Figures:
    """The figures in their JSON."""
    spreads = {name: row[name] and typed(Spread(**row[name])) for name in SPREADS}
    known = {field.name: row[field.name] for field in fields(Figures)}
    return typed(Figures(**{**known, **spreads}))


def typed(made: T) -> T:
    """A dataclass whose values are what it says they are. Raises TypeError: of whatever else, a table dies halfway."""
    for name, hint in get_type_hints(type(made)).items():
        if not is_a(getattr(made, name), hint):
            raise TypeError(name)
    return made


def is_a(value: object, hint: Any) -> bool:
    """Whether it is of this type, or of one of these; JSON writes 1.0 as 1."""
    kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    plain = [get_origin(kind) or kind for kind in kinds]
    return isinstance(value, (*plain, int) if float in plain else tuple(plain))


def ledger_file() -> Path:
    """Where results are kept. No lease's file: those end in .json."""
    return ledger_dir() / "bench.jsonl"


def keep(line: Line) -> None:
    """Append a result, on disk when this returns: whole or not at all, whoever else appends. Raises ConfigError."""
    try:
        private_folder(ledger_dir())
        descriptor = os.open(ledger_file(), os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            size = os.fstat(descriptor).st_size
            torn = size and os.pread(descriptor, 1, size - 1) != b"\n"  # a laptop lost power
            append(descriptor, (b"\n" if torn else b"") + json.dumps(line.row()).encode() + b"\n")
        finally:
            os.close(descriptor)
    except OSError as error:
        hint = "the last result was not kept: make room there, or mend the file, and measure again"
        raise ConfigError(f"{ledger_file()}: {error.strerror}", hint=hint) from None


def append(descriptor: int, data: bytes) -> None:
    """Append data, on disk when this returns: whole or not at all. descriptor: opened to append. Raises OSError."""
    size = os.fstat(descriptor).st_size
    try:
        while data:  # a disk that fills up takes a part, and says why only when it is asked again
            data = data[os.write(descriptor, data) :]
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, size)
        raise


def kept(faults: list[str]) -> list[Line]:
    """Every result, the oldest first. faults: gets a sentence for each line that is none. Raises ConfigError."""
    try:
        texts = ledger_file().read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        hint = "make it readable for you, or move it away"
        raise ConfigError(f"{ledger_file()}: {error.strerror}", hint=hint) from None
    lines = []
    for number, text in enumerate(texts, 1):
        try:
            lines.append(Line.from_row(json.loads(text)))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            faults.append(f"{ledger_file()}: line {number} is no result: {type(error).__name__}")
    return lines


def chosen(lines: list[Line], *, model: str, plan: str) -> list[Line]:
    """Those of this model and this plan; of any where none is named."""
    return [line for line in lines if model in ("", line.model) and plan in ("", line.plan)]
