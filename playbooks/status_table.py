"""`fab status` for people: one line a box, and below it what figures cannot say. It fits 80 columns."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from playbooks.kept_volumes import volume_words
from playbooks.table import PIPE_WIDTH, WIDE, Column
from stacks.ledger import moment
from stacks.price import dollars

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from playbooks.status import Seen

STYLES = {"up": "bold green", "down": "dim", "gone": "yellow", "unknown": "bold red"}
LOUD = "bold red"
COLUMNS = (
    Column("stack"),
    Column("state"),
    Column("box"),
    Column("age", right=True),
    Column("cost", right=True),
    Column("next hour", right=True),
    Column("idle", right=True),
    Column("ends in", right=True),
    Column("armed"),
    Column("ready"),
    Column("hours", right=True, spare=True),
    Column("tokens", right=True, spare=True),
    Column("plan", spare=True),
)
UNKNOWN = "?"


def cells(row: Mapping[str, Any], now: datetime) -> tuple[str, ...]:
    """One row of `fab status --json` as texts, in the order of COLUMNS. Unknown is `?`, what there is not is empty."""
    box = row["box"]
    if not box:
        return (row["stack"], row["state"], *[""] * (len(COLUMNS) - 2))
    gone = row["state"] == "gone"
    living = [
        minutes(row["next_hour_minutes"]),
        minutes(row["idle_minutes"]),
        left(end_of(row), now),
        yes_no(row["armed"]),
        yes_no(row["ready"]),
    ]
    billed = UNKNOWN if row["billed_hours"] is None else str(row["billed_hours"])
    head = [row["stack"], row["state"], str(box["id"]), hours(row["age_hours"]), dollars(row["usd"])]
    return (*head, *([""] * len(living) if gone else living), billed, tokens(row["tokens"]), box["plan"])


def end_of(row: Mapping[str, Any]) -> str | None:
    """When it ends: by its watchdog's own reckoning, else at its lease's hard end."""
    end: str | None = (row["next_end"] or {}).get("at") or row["dies_at"]
    return end


def hours(value: float | None) -> str:
    """Hours for people: minutes below one."""
    if value is None:
        return UNKNOWN
    return f"{value * 60:.0f} min" if value < 1 else f"{value:.1f} h"


def minutes(value: float | None) -> str:
    """Minutes for people; of an hour that has begun since the account was asked there are none left."""
    return UNKNOWN if value is None else f"{max(0.0, value):.0f} min"


def left(dies_at: str | None, now: datetime) -> str:
    """How long it has until its end."""
    if dies_at is None:
        return UNKNOWN
    seconds = (moment(dies_at) - now).total_seconds()
    return hours(seconds / 3600) if seconds > 0 else "overdue"


def tokens(count: int | None) -> str:
    """Tokens served."""
    return UNKNOWN if count is None else f"{count:,}"


def yes_no(value: bool | None) -> str:
    """Yes, no or unknown."""
    return UNKNOWN if value is None else ("yes" if value else "NO")


def clock(at: str, now: datetime) -> str:
    """A moment by the clock on the wall: `14:07`, with its day if that is not today."""
    local = moment(at).astimezone()
    return f"{local:%H:%M}" if local.date() == now.astimezone().date() else f"{local:%a %H:%M}"


def details(row: Mapping[str, Any], now: datetime) -> str:
    """What stands below the table of a box that is there: until when it is paid, when and why it ends, what it did."""
    ends, why = end_of(row), (row["next_end"] or {}).get("why") or "the hard end of its lease"
    parts = [
        row["paid_until"] and f"paid until {clock(row['paid_until'], now)}",
        row["next_hour_minutes"] is not None and f"next hour in {minutes(row['next_hour_minutes'])}",
        row["action"] == "delete" and "IT IS BEING DELETED",
        ends and f"{'WOULD END' if row['armed'] is False else 'ends'} at {clock(ends, now)}: {why}",
        row["kept_until"] and f"kept until {clock(row['kept_until'], now)}",
        (row["idle_minutes"] or 0) >= 1 and f"idle since {clock(row['idle_since'], now)}",
        row["tokens"] is not None and f"served {row['tokens']:,} tokens{as_of(row, now)}",
        row["tunnel"]["alive"] and f"tunnel on port {row['tunnel']['port']}",
    ]
    return "; ".join(part for part in parts if part)


def as_of(row: Mapping[str, Any], now: datetime) -> str:
    """When the box said so, if that was not now."""
    said = row["tokens_told_at"]
    return f" by {clock(said, now)}" if said and (now - moment(said)).total_seconds() > 60 else ""


def table(seen: "Seen", width: int) -> "Table":
    """The rows. width: characters there are; where they are few, what matters less is left out."""
    from rich.table import Table
    from rich.text import Text

    shown = [index for index, column in enumerate(COLUMNS) if width >= WIDE or not column.spare]
    grid = Table(box=None, pad_edge=False, collapse_padding=width < WIDE, padding=(0, 1))
    for index in shown:
        grid.add_column(COLUMNS[index].name, justify="right" if COLUMNS[index].right else "left")
    for row in seen.rows:
        texts = [Text(text) for text in cells(row, seen.at)]
        texts[1].stylize(STYLES[row["state"]])
        if row["armed"] is False:
            texts[8].stylize(LOUD)
        grid.add_row(*(texts[index] for index in shown))
    return grid


def lines(seen: "Seen", told: Collection[int] = ()) -> Iterator["Text"]:
    """What stands below the table, each on a line of its own. told: ids of the boxes that a panel tells of."""
    from rich.text import Text

    for row in seen.rows:
        if row["box"] and row["box"]["id"] in told:
            pass
        elif row["state"] in ("up", "unknown") and row["box"] and (text := details(row, seen.at)):
            yield Text(f"{row['stack']}: {text}")
        yield from (Text(f"{row['stack']}: {volume_words(volume)}") for volume in row["volumes"])
        if row["word"]:
            yield Text(f"{row['stack']}: {row['word']}", style=LOUD if row["armed"] is False else "")
    if sources := {row["price"]["source"] for row in seen.rows} - {None}:
        yield Text(f"prices: {', '.join(sorted(sources))}", style="dim")
    for line in seen.sweeps:
        yield Text(line.text, style=LOUD if line.loud else "dim")


def show(seen: "Seen", out: "Console") -> None:
    """Print the rows as a table, and below it the words of those that need some."""
    if not seen.rows:
        out.print("no stack yet: source scripts/env")
        return
    if not out.file.isatty():
        out.width = PIPE_WIDTH
    out.print(table(seen, out.width))
    for text in lines(seen):
        out.print(text, soft_wrap=True)
