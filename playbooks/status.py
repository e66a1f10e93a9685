"""`fab status`: every stack and every box: what is up, what it costs, when it ends. Reads only."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from invoke.context import Context

from playbooks.box_standing import Reports, asked
from playbooks.command import command, console, print_json
from playbooks.questions import given
from playbooks.standing import Standing
from playbooks.standings import standings
from stacks.errors import UsageError
from stacks.values import positive

EVERY_SECONDS = "5"
HELP = {
    "stack": "only this stack; else all",
    "json": "print JSON for programs",
    "watch": "a live screen, with GPU, tokens/s and cache of each box that is up, until Ctrl-C",
    "every": f"with --watch: seconds between two questions to the accounts; else {EVERY_SECONDS}",
}


@dataclass(frozen=True)
class Seen:
    """One look. rows: as --json prints them; sweeps: what looks after the accounts that have a box."""

    at: datetime
    rows: Sequence[Mapping[str, Any]]
    sweeps: Sequence["SweepLine"]


@dataclass(frozen=True)
class SweepLine:
    """How long ago the second killer looked into an account. loud: it does not, or no more."""

    text: str
    loud: bool = False


@command(help=HELP)
def status(
    _c: Context, stack: str | None = None, json: bool = False, watch: bool = False, every: str = EVERY_SECONDS
) -> None:
    """Show every box: its state, its cost, its end; with --watch, live.

    Example: fab status --watch --stack coder-30b
    """
    seconds = pause(given("every", every, pause))
    if watch:
        check_watchable(json)
        from playbooks.pulse_feed import Feeds
        from playbooks.status_watch import watched

        feeds = Feeds(seconds)
        watched(lambda: look(stack, feeds.report_of), seconds, feeds)
        return
    if json:
        now = datetime.now(UTC)
        print_json([standing.row(now) for standing in standings(stack)])
        return
    from playbooks.status_table import show

    show(look(stack), console())


def pause(text: str) -> float:
    """Seconds from one look to the next."""
    seconds = positive(text)
    if seconds < 1:
        raise ValueError(f"{text!r} is no pause", "write 1 or more, in seconds")
    return seconds


def check_watchable(json: bool) -> None:
    """Raises UsageError unless a screen can be shown."""
    if json or not console().file.isatty():
        raise UsageError("fab status: --watch needs a terminal", hint="programs ask again and again: fab status --json")


def look(stack: str | None, report_of: Reports = asked) -> Seen:
    """How all is now, or `stack` alone. Raises DayboxError as `standings` does."""
    found, now = standings(stack, report_of), datetime.now(UTC)
    return Seen(now, [standing.row(now) for standing in found], sweep_lines(found, now))


def sweep_lines(found: Iterable[Standing], now: datetime) -> list[SweepLine]:
    """What looks after the accounts that have a box; where none has, when any was last looked into."""
    from stacks.sweeps import last_good, no_second_killer

    urls = sorted({one.api_url for one in found if one.api_url and one.state != "gone"})
    loud = [SweepLine(word, loud=True) for url in urls if (word := no_second_killer(url, now))]
    last = max((at for at in (map(last_good, urls) if urls else [last_good()]) if at), default=None)
    if not urls and last is None:
        return [SweepLine("last good sweep: none yet; `fab sweep --install-timer` makes the second killer")]
    return loud or [SweepLine(f"last good sweep: {ago(now, last)}")]


def ago(now: datetime, last: datetime | None) -> str:
    """How long ago, for people."""
    from stacks.market import spelled

    return "unknown" if last is None else f"{spelled(max(0.0, (now - last).total_seconds() / 60))} ago"
