"""What the box's watchdog said, as this laptop knows it: a warning, trouble, last words.

A box that deleted itself can be asked nothing any more; what it said last is kept here. Words come from a box, so they
are text and no more: cut, and without anything that a terminal would obey.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from playbooks.moments import iso
from stacks import ledger
from stacks.places import stack_dir
from stacks.printable import clean

WORDS_ON_BOX = "/var/lib/daybox/words.jsonl"
MOST = 1e11  # the year 5138, or more tokens than a box can serve
DELETE, WARN = "delete", "warn"


@dataclass(frozen=True)
class Word:
    """One thing said. event: warn, delete (its last words) or trouble; reason: as `idle for 30 min`.

    at, ends_at: seconds since 1970 by the box. tokens: served so far, in and out; None if it does not know.
    """

    at: float
    event: str
    text: str
    reason: str = ""
    ends_at: float | None = None
    tokens: int | None = None

    def line(self) -> str:
        """For people, on one line."""
        return f"{iso(self.at)} {self.event}: {self.text}"


def parse(line: str) -> Word | None:
    """The word in one line of the box's file, or of ours; None for half a line, and for what is none."""
    try:
        row: dict[str, Any] = json.loads(line)
        at, event, text = number(row["at"]), clean(row["event"]), clean(row["text"])
        if at is None or not event:
            return None
        tokens = number(row.get("tokens"))
        return Word(
            at=at,
            event=event,
            text=text,
            reason=clean(row.get("reason")),
            ends_at=number(row.get("ends_at")),
            tokens=None if tokens is None else int(tokens),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def number(value: object) -> float | None:
    """A number that a clock or a counter can show; None for anything else."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value < MOST else None  # type: ignore[operator, arg-type]


def words_file(stack: str) -> Path:
    """The file with all that this stack's boxes said, as far as this laptop heard it, 0600."""
    return stack_dir(stack) / "words.jsonl"


def known(stack: str, lease: str | None = None) -> list[Word]:
    """What was heard of `lease`, or of every lease of the stack; the oldest first."""
    if not words_file(stack).is_file():
        return []
    lines = words_file(stack).read_text(errors="replace").splitlines()
    found = [parse(line) for line in lines if lease is None or lease_of(line) == lease]
    return [word for word in found if word]


def lease_of(line: str) -> str:
    """The lease that a line of our own file is about; empty for half a line."""
    try:
        return str(json.loads(line)["lease"])
    except (ValueError, KeyError, TypeError):
        return ""


def keep(stack: str, lease: str, word: Word) -> None:
    """Keep the word, and what it tells of the lease in the ledger, safely on disk when this returns.

    Raises OSError, and ConfigError for a damaged ledger. That first: a word that we have is told no second time.
    """
    served = {} if word.tokens is None else {"tokens": word.tokens, "told": word.at}
    why = {"reason": word.reason} if word.event == DELETE else {}
    if served or why:
        ledger.note(lease, **served, **why)
    line = json.dumps({"lease": lease, **asdict(word)}) + "\n"
    descriptor = os.open(words_file(stack), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with open(descriptor, "a") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def last_words(words: list[Word]) -> str:
    """Why the box ended, as it said itself; empty if it has not, or if it said anything since: then it lives on."""
    return (words[-1].reason or words[-1].text) if words and words[-1].event == DELETE else ""
