"""What each client used: requests, and tokens as far as answers tell. Counted by the gateway, kept in usage.jsonl.

A line is what one client did within one second. Nothing of a prompt or an answer is in it.
"""

import json
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from playbooks.keys import locked
from playbooks.tunnel_files import tunnel_dir
from stacks.places import write_private

USAGE_FILE = "usage.jsonl"
OLD_FILE = "usage.json"  # one sum a client, as daybox 0.2 and older kept it; read, and left as it is
LOCK_FILE = ".usage.lock"
NOBODY = ""  # whoever showed no key of ours
EARLIER = 0.0  # when what the old file holds was used: nobody knows
DAY_SECONDS = 86_400
KEPT_SECONDS = 14 * DAY_SECONDS  # no lease lasts so long: what is older is compared with no box, and kept by the day
NO_DAY = 253_402_300_800  # the year 10000, which no calendar here holds
LARGE_BYTES = 1 << 20  # about 10,000 lines


@dataclass(frozen=True)
class Used:
    """What one client used. requests: what the box was asked to compute, each exactly once.

    failed: of these, got an error or broke off; overflow: of the failed, had a prompt longer than the window, of which
    vLLM computes nothing; left: the client went away before the end. refused: what the gateway did not pass on, which
    is no work; down: of the refused, would have been work, but the tunnel was down. cached_tokens: of prompt_tokens,
    found in vLLM's prefix cache; cache_known_tokens: of prompt_tokens, where the answer told that. milliseconds: from
    asking to the end, of the answers that told their tokens.
    """

    requests: int = 0
    failed: int = 0
    left: int = 0
    overflow: int = 0
    refused: int = 0
    down: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    cache_known_tokens: int = 0
    completion_tokens: int = 0
    milliseconds: int = 0

    def __add__(self, other: "Used") -> "Used":
        return Used(*(getattr(self, name) + getattr(other, name) for name in NAMES))

    @property
    def answered(self) -> int:
        """Requests that the model answered to their end."""
        return self.requests - self.failed - self.left

    @property
    def tokens_per_second(self) -> float | None:
        """Tokens out for each second of waiting for an answer, reading the prompt included; None if unknown."""
        return self.completion_tokens * 1000 / self.milliseconds if self.milliseconds else None

    @property
    def prefix_hits(self) -> float | None:
        """The share of the tokens in that vLLM had in its prefix cache; None if unknown."""
        return self.cached_tokens / self.cache_known_tokens if self.cache_known_tokens else None


NAMES = tuple(one.name for one in fields(Used))


@dataclass(frozen=True)
class Row:
    """What one client did in one second. at: UTC epoch seconds of its end. architect: asked the second model."""

    at: float
    client: str
    used: Used
    architect: bool = False

    @property
    def day(self) -> str:
        """The day in UTC, YYYY-MM-DD; `earlier` if nobody knows."""
        return time.strftime("%Y-%m-%d", time.gmtime(self.at)) if self.at else "earlier"

    def line(self) -> str:
        """As it is kept: what is 0 is left out."""
        counts = {name: value for name, value in asdict(self.used).items() if value}
        role = {"architect": True} if self.architect else {}
        return json.dumps({"at": round(self.at, 3), "client": self.client, **role, **counts}) + "\n"

    @classmethod
    def parsed(cls, line: str) -> "Row | None":
        """The row in a line; None if there is none, as in one that a full disk cut off."""
        try:
            found = dict(json.loads(line))
            used = Used(**{name: int(found[name]) for name in NAMES if name in found})
            at = float(found["at"])
            if not 0 <= at < NO_DAY:
                return None
            return cls(at, str(found["client"]), used, bool(found.get("architect")))
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            return None


def tried(before: Mapping[str, int], after: Mapping[str, int]) -> tuple[int, int]:
    """How much work was asked for between two looks at a client's usage, and how much of it was not answered."""
    grown = {name: after.get(name, 0) - before.get(name, 0) for name in ("requests", "failed", "down")}
    return grown["requests"] + grown["down"], grown["failed"] + grown["down"]


def sums(rows: Iterable[Row]) -> dict[str, Used]:
    """client -> all that it used."""
    found = dict[str, Used]()
    for row in rows:
        found[row.client] = found.get(row.client, Used()) + row.used
    return found


def read_rows(folder: Path) -> list[Row]:
    """Everything that was counted in this tunnel's folder, the oldest first."""
    with suppress(FileNotFoundError):
        lines = (folder / USAGE_FILE).read_text(errors="replace").splitlines()
        return [*old_rows(folder / OLD_FILE), *(row for row in map(Row.parsed, lines) if row)]
    return old_rows(folder / OLD_FILE)


def old_rows(path: Path) -> list[Row]:
    """What the file of an older daybox holds; nothing if there is none, or it is damaged."""
    try:
        found: dict[str, dict[str, Any]] = json.loads(path.read_text())
        return [Row(EARLIER, client, Used(**row)) for client, row in found.items()]
    except (OSError, ValueError, TypeError, AttributeError):
        return []


def append(folder: Path, rows: Iterable[Row], *, wait: bool = True) -> None:
    """Add rows to the file, 0600: all of them, or none. Raises OSError if the disk is full.

    wait: until nobody else writes; else it raises BlockingIOError, which is one.
    """
    text = "".join(row.line() for row in rows)
    with locked(folder / LOCK_FILE, wait=wait), open(folder / USAGE_FILE, "a+b", opener=private) as file:
        size = file.seek(0, os.SEEK_END)
        whole = not size or os.pread(file.fileno(), 1, size - 1) == b"\n"  # else a power cut took the end of a line
        try:
            file.write(("" if whole else "\n").encode() + text.encode())
            file.flush()
        except OSError:
            with suppress(OSError):
                file.close()  # what it still holds is not to be written
            os.truncate(folder / USAGE_FILE, size)
            raise


def private(path: str, flags: int) -> int:
    """Opens a file that is only for its owner, as `open` wants it."""
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def note(stack: str, client: str, used: Used) -> None:
    """Count what was asked past the gateway, as `fab verify` does on the box itself. Not counting it is no fault."""
    with suppress(OSError):
        append(tunnel_dir(stack), [Row(time.time(), client, used)])


def shorten(folder: Path, now: float) -> None:
    """Keep what is older than any lease by the day only, once the file is large."""
    file = folder / USAGE_FILE
    if not file.is_file() or file.stat().st_size < LARGE_BYTES:
        return
    with suppress(BlockingIOError), locked(folder / LOCK_FILE, wait=False):  # the next start does it
        rows = [row for row in map(Row.parsed, file.read_text(errors="replace").splitlines()) if row]
        write_private(file, "".join(row.line() for row in by_the_day(rows, now - KEPT_SECONDS)))


def by_the_day(rows: Iterable[Row], before: float) -> list[Row]:
    """The same sums with one row a client and day for what is older than `before`."""
    days, rest = dict[tuple[float, str, bool], Used](), list[Row]()
    for row in rows:
        if row.at >= before:
            rest.append(row)
            continue
        key = (row.at // DAY_SECONDS * DAY_SECONDS, row.client, row.architect)
        days[key] = days.get(key, Used()) + row.used
    return [*(Row(at, client, used, architect) for (at, client, architect), used in days.items()), *rest]


@dataclass
class UsageFile:
    """Usage as the gateway counts it, kept in its folder's file over restarts."""

    folder: Path
    by_client: dict[str, Used] = field(init=False)
    _pending: dict[tuple[str, bool], Used] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        shorten(self.folder, time.time())
        self.by_client = sums(read_rows(self.folder))

    def add(self, client: str, used: Used, *, architect: bool = False) -> None:
        """Count `used` for `client`."""
        self.by_client[client] = self.by_client.get(client, Used()) + used
        self._pending[client, architect] = self._pending.get((client, architect), Used()) + used

    def save(self, *, wait: bool = False) -> None:
        """Write what was counted since; on a full disk, or while somebody else writes, the next try does it.

        wait: for who else writes. Nobody who answers requests may.
        """
        rows = [Row(time.time(), client, used, architect) for (client, architect), used in self._pending.items()]
        if rows:
            with suppress(OSError):
                append(self.folder, rows, wait=wait)
                self._pending.clear()
