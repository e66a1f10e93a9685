"""`fab status --watch`: the table and a panel of each box that is up, on a screen of its own, until Ctrl-C."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from threading import Thread
from typing import TYPE_CHECKING

from playbooks import live_screen, status_table
from playbooks.command import console
from playbooks.pulse import Pulse
from playbooks.pulse_feed import Feeds
from stacks.errors import DayboxError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

    from playbooks.status import Seen

FRAMES_PER_SECOND = 2  # Ctrl-C is heard between two


class Screen:
    """What was seen last, and what is wrong since. It looks in a thread of its own: a slow answer holds nothing up.

    Boxes are listened to beside that, see Feeds: what changes by the second waits for no account.
    """

    def __init__(self, look: Callable[[], "Seen"], every: float, feeds: Feeds, out: "Console") -> None:
        self._look, self._every, self._feeds, self._out = look, every, feeds, out
        self._seen: Seen | None = None
        self._trouble = ""
        self._thread: Thread | None = None
        self._due = 0.0

    def look(self) -> None:
        """Begin the next look, if it is time and none is under way."""
        if not self.is_looking and time.monotonic() >= self._due:
            self._thread = Thread(target=self._look_once, daemon=True)
            self._thread.start()

    @property
    def is_looking(self) -> bool:
        """Whether somebody is being asked just now."""
        return self._thread is not None and self._thread.is_alive()

    def _look_once(self) -> None:
        try:
            self._seen, self._trouble = self._look(), ""
            self._feeds.keep([row["box"]["id"] for row in self._seen.rows if row["box"] and row["state"] != "gone"])
        except DayboxError as error:  # it may pass; what was seen before stays, with its time
            self._trouble = error.line()
        except Exception as error:  # a thread's traceback would tear the screen
            self._trouble = f"fab status: {type(error).__name__}: {error}"
        self._due = time.monotonic() + self._every

    def __rich__(self) -> "RenderableType":
        from rich.console import Group
        from rich.text import Text

        trouble = [Text(self._trouble, style=status_table.LOUD)] if self._trouble else []
        seen = self._seen
        if seen is None:
            return Group(Text("asking Pulumi, the accounts and the boxes …"), *trouble)
        if not seen.rows:
            return Group(self._head(seen), Text("no stack yet: source scripts/env"), *trouble)
        pulses = self._feeds.pulses()
        lines = [*trouble, *status_table.lines(seen, pulses)]
        loud = [text for text in lines if text.style == status_table.LOUD]  # first: a small screen lacks its bottom
        quiet = [line for text in lines if text.style != status_table.LOUD for line in (Text(), text)]
        table = status_table.table(seen, self._out.width)
        return Group(self._head(seen), *loud, Text(), table, *panels(seen, pulses), *quiet)

    def _head(self, seen: "Seen") -> "RenderableType":
        from rich.text import Text

        old = (datetime.now(UTC) - seen.at).total_seconds()
        age = f", {old:.0f} s ago" if old > 2 * self._every else ""
        return Text(f"as of {seen.at.astimezone():%H:%M:%S}{age}; every {self._every:g} s; Ctrl-C ends", style="dim")


def panels(seen: "Seen", pulses: Mapping[int, Pulse]) -> Iterator["Text"]:
    """The panels of all boxes that are listened to, each below an empty line. No line is ever broken."""
    from rich.text import Text

    for row in seen.rows:
        if row["box"] and (pulse := pulses.get(row["box"]["id"])):
            yield Text()
            for line in live_screen.panel(row, pulse, seen.at, live_screen.cards_of(row["box"]["plan"])):
                yield Text(line.text, style=line.style, no_wrap=True, overflow="ellipsis")


def watched(look: Callable[[], "Seen"], every: float, feeds: Feeds) -> None:
    """Show what `look` sees every so many seconds; returns at Ctrl-C, and leaves the terminal as it was."""
    from rich.live import Live

    out = console()
    screen = Screen(look, every, feeds, out)
    try:
        with Live(screen, console=out, screen=True, refresh_per_second=FRAMES_PER_SECOND):
            while True:
                screen.look()
                time.sleep(1 / FRAMES_PER_SECOND)
    except KeyboardInterrupt:
        pass
    finally:
        feeds.end()
    leave(screen)


def leave(screen: Screen) -> None:
    """End at once, although somebody is still being asked: Python would wait for threads that wait for a network."""
    if screen.is_looking:
        sys.stdout.flush()
        os._exit(0)
