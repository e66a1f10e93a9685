"""`fab status` for people: one line a box, and below it what figures cannot say."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from playbooks.command import print_line
from playbooks.table import PIPE_WIDTH
from stacks.lease import ISO_TIME

if TYPE_CHECKING:
    from rich.console import Console

STYLES = {"up": "bold green", "down": "dim", "gone": "yellow", "unknown": "bold red"}
COLUMNS = ("stack", "state", "box", "plan", "age", "cost", "idle", "ends in", "armed", "ready", "tunnel")
UNKNOWN = "?"


def cells(row: Mapping[str, Any], now: datetime) -> tuple[str, ...]:
    """One row of `fab status --json` as texts, in the order of COLUMNS. Unknown is `?`, what there is not is empty."""
    box = row["box"]
    if not box:
        return (row["stack"], row["state"], *[""] * (len(COLUMNS) - 2))
    if row["state"] == "gone":
        living = [""] * 4
    else:
        ends = (row["next_end"] or {}).get("at") or row["dies_at"]
        living = [minutes(row["idle_minutes"]), left(ends, now), yes_no(row["armed"]), yes_no(row["ready"])]
    tunnel = str(row["tunnel"]["port"]) if row["tunnel"]["alive"] else ""
    return row["stack"], row["state"], str(box["id"]), box["plan"], hours(row["age_hours"]), cost(row), *living, tunnel


def hours(value: float | None) -> str:
    """Hours for people: minutes below one."""
    if value is None:
        return UNKNOWN
    return f"{value * 60:.0f} min" if value < 1 else f"{value:.1f} h"


def minutes(value: float | None) -> str:
    """Minutes for people."""
    return UNKNOWN if value is None else f"{value:.0f} min"


def left(dies_at: str | None, now: datetime) -> str:
    """How long it has until its end."""
    if dies_at is None:
        return UNKNOWN
    seconds = (datetime.strptime(dies_at, ISO_TIME).replace(tzinfo=UTC) - now).total_seconds()
    return hours(seconds / 3600) if seconds > 0 else "overdue"


def cost(row: Mapping[str, Any]) -> str:
    """What it has cost so far, by the whole hours that are billed."""
    usd = UNKNOWN if row["usd"] is None else f"${row['usd']:.2f}"
    return f"{usd} ({UNKNOWN if row['billed_hours'] is None else row['billed_hours']} h)"


def yes_no(value: bool | None) -> str:
    """Yes, no or unknown."""
    return UNKNOWN if value is None else ("yes" if value else "NO")


def show(rows: Sequence[Mapping[str, Any]], now: datetime, out: "Console") -> None:
    """Print the rows as a table, and below it the words of those that need some."""
    from rich.table import Table
    from rich.text import Text

    if not rows:
        out.print("no stack yet: source scripts/env")
        return
    if not out.is_terminal:
        out.width = PIPE_WIDTH
    table = Table(box=None, pad_edge=False)
    for column in COLUMNS:
        table.add_column(column)
    for row in rows:
        texts = [Text(text) for text in cells(row, now)]
        texts[1].stylize(STYLES[row["state"]])
        table.add_row(*texts)
    out.print(table)
    if sources := {row["price"]["source"] for row in rows} - {None}:
        print_line(out, f"prices: {', '.join(sorted(sources))}")
    for row in rows:
        if row["word"]:
            print_line(out, f"{row['stack']}: {row['word']}")
