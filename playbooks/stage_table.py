"""The stages as a reader sees them: live while they run, as a table and a stored file when they are over."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playbooks.stages import LAST, SUCCEEDED, Row, first_start, longest_chain, total_seconds
from stacks.box import Box
from stacks.places import stack_dir, write_private
from stacks.stages import stage_named

if TYPE_CHECKING:
    from rich.table import Table

STYLES = {
    "running": "cyan",
    "failed": "bold red",
    "done": "green",
    "already": "dim",
    "passed": "yellow",
    "waiting": "dim",
}


def cells(row: Row, start: float, now: float) -> tuple[str, str, str, str, str]:
    """One line for people: stage, started (seconds after `start`), took, outcome, word. Times: the box's clock."""
    if row.started_at is None:
        return row.stage, "", "", row.state, row.word
    started, took = f"{row.started_at - start:+.1f} s", f"{row.seconds(now):.1f} s"
    return row.stage, started, took, row.state, ", ".join(part for part in (size(row.bytes), row.word) if part)


def size(count: int | None) -> str:
    """A number of bytes for people, in units of 1000; empty for none."""
    if not count:
        return ""
    number, unit = float(count), "B"
    for larger in ("kB", "MB", "GB"):
        if number >= 1000:
            number, unit = number / 1000, larger
    return f"{number:.0f} {unit}" if number >= 100 or unit == "B" else f"{number:.1f} {unit}"


def table(rows: Sequence[Row], now: float = 0.0, *, live: bool = False) -> "Table":
    """The rows as a rich table; `now` (the box's clock) counts for what still runs.

    live: every row keeps to one line, so that the table does not jump.
    """
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False)
    for name in ("stage", "started", "took", "outcome", ""):
        grid.add_column(name, justify="right" if name in ("started", "took") else "left", no_wrap=bool(name) or live)
    for row in rows:
        texts = cells(row, first_start(rows), now)
        style = STYLES.get(row.state, "")
        grid.add_row(*texts[:3], Text(texts[3], style=style), Text(texts[4]))  # Text: what a box says is no markup
    return grid


def change(row: Row, start: float) -> str:
    """One plain line for a row that changed: what a log file, or a reader without a terminal, gets."""
    stage, started, took, state, word = cells(row, start, row.started_at or start)
    when = f"{(row.ended_at or row.started_at or start) - start:+7.1f} s"
    if state == "running":
        return f"{when}  {stage}: {stage_named(stage).title} …"
    return f"{when}  {stage}: {state}" + (f" in {took}" if started else "") + (f" ({word})" if word else "")


def summary(rows: Sequence[Row]) -> str:
    """The last line below the table: what it took altogether, and which stages no other order could have hurried."""
    names, seconds = longest_chain(rows)
    ready = any(row.stage == LAST and row.state in SUCCEEDED for row in rows)
    return (
        f"{'ready' if ready else 'not ready'} after {total_seconds(rows):.1f} s; "
        f"longest chain {' > '.join(names)}: {seconds:.1f} s"
    )


def record(box: Box, rows: Sequence[Row]) -> dict[str, Any]:
    """What is kept of one lease's way to ready. Times in seconds, from the first stage's start."""
    names, chain_seconds = longest_chain(rows)
    start = first_start(rows)
    return {
        "stack": box.stack,
        "lease": box.lease,
        "instance_id": box.instance_id,
        "began_at": start,
        "total_seconds": round(total_seconds(rows), 3),
        "longest_chain": {"stages": list(names), "seconds": round(chain_seconds, 3)},
        "stages": [
            {
                "stage": row.stage,
                "started_seconds": None if row.started_at is None else round(row.started_at - start, 3),
                "took_seconds": None if row.started_at is None else round(row.seconds(), 3),
                "outcome": row.state,
                "word": row.word,
                "bytes": row.bytes,
            }
            for row in rows
        ],
    }


def record_file(box: Box) -> Path:
    """Where this lease's stage table is kept."""
    return stack_dir(box.stack) / "stages" / f"{box.lease}.json"


def keep(box: Box, rows: Sequence[Row]) -> Path:
    """Write the table where `scripts/try` and you can find it."""
    return write_private(record_file(box), json.dumps(record(box, rows), indent=2) + "\n")
