"""Show the stages while they run: a table that renews itself on a terminal, a line for each change elsewhere."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from playbooks import stage_table
from playbooks.command import console, print_line
from playbooks.follow import Seen
from playbooks.stages import Row, first_start, fold

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


class Display(Protocol):
    """Something that is told what is known, again and again."""

    def show(self, seen: Seen) -> None:
        """Show what is known now."""


class Lines:
    """A line for each row that changed since the last time."""

    def __init__(self, out: "Console") -> None:
        self._out = out
        self._shown: dict[str, str] = {}  # stage -> state
        self._printed: set[str] = set()
        self._connected = True

    def show(self, seen: Seen) -> None:
        """Print what changed."""
        if self._connected != seen.connected and seen.boot:
            self._out.print("connected again" if seen.connected else "connection lost: the box goes on, trying again")
            self._connected = seen.connected
        rows = fold(seen.events, seen.boot)
        for row in changed(rows, self._shown):
            line = stage_table.change(row, first_start(rows))
            if line not in self._printed:  # after a reboot a stage that had been done is done again
                print_line(self._out, line)
                self._printed.add(line)
        self._shown = {row.stage: row.state for row in rows}


def changed(rows: Sequence[Row], shown: dict[str, str]) -> list[Row]:
    """The rows worth a line, in the order in which they changed. shown: stage -> state."""
    fresh = [row for row in rows if row.state != "waiting" and shown.get(row.stage) != row.state]
    return sorted(fresh, key=lambda row: row.ended_at or row.started_at or 0.0)


class Live:
    """A table whose running seconds count on between two events."""

    def __init__(self) -> None:
        self._seen = Seen()

    def show(self, seen: Seen) -> None:
        """Remember it: rich asks for the table several times a second."""
        self._seen = seen

    def __rich__(self) -> "RenderableType":
        from rich.console import Group

        rows = fold(self._seen.events, self._seen.boot, self._seen.words)
        table = stage_table.table(rows, time.time() + self._seen.ahead, live=True)
        lost = "connection lost: the box goes on, trying again" if self._seen.boot else "connecting"
        return table if self._seen.connected else Group(table, f"[yellow]{lost}[/]")


@contextmanager
def display() -> Iterator[Display]:
    """A display on stderr, fit for what stderr is."""
    out = console(stderr=True)
    if not out.is_terminal:
        yield Lines(out)
        return
    from rich.live import Live as RichLive

    view = Live()
    with RichLive(view, console=out, refresh_per_second=5, transient=True):  # the final table follows on stdout
        yield view


def say(text: str) -> None:
    """A line for people, on stderr; no markup: it may come from the box."""
    print_line(console(stderr=True), text)
