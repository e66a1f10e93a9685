"""`fab extend`: keep an idle box until a moment; with --lease move the hard end that nothing else moves."""

from datetime import UTC, datetime
from typing import Any

from invoke.context import Context

from playbooks.boxes import STACK_HELP, find_box
from playbooks.command import command, print_json
from playbooks.longer_lease import hard_end, make_longer, usd_at_most, whole_price
from playbooks.moments import iso, moment_in, moment_until, shown
from playbooks.progress import say
from playbooks.report import WatchdogReport
from playbooks.watchdog import ask, clock, keep_until, status
from stacks.box import Box, box_target
from stacks.errors import UsageError
from stacks.ssh import Target

NO_LONGER = "0"  # minutes
CLOCK_SECONDS = 60.0  # a laptop whose clock differs by more means other moments than the box
HELP = STACK_HELP | {
    "minutes": "from now, by the box's clock: 90, 90s, 2h; 0 takes it back",
    "until": "by this laptop's clock: 18:00 (today's, else tomorrow's), or 2026-11-27T09:00",
    "lease": "move the end of the lease, by `pulumi up`; keeps an idle box no longer: say that without it",
    "yes": "with --lease: do not ask",
    "json": "print JSON for programs",
}


@command(help=HELP)
def extend(
    _c: Context,
    minutes: str = "",
    until: str = "",
    lease: bool = False,
    stack: str | None = None,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Keep an idle box until then; with --lease move the hard end.

    Example: fab extend --until 18:00, or fab extend --minutes 2h --lease
    """
    moment = meant(minutes, until, datetime.now(UTC))
    if lease and moment is None:
        raise UsageError("fab extend: a lease is not taken back by --minutes 0", hint="pulumi destroy ends it now")
    box = find_box(stack)
    target = box_target(box)
    if moment:
        moment = by_its_clock(moment, minutes, clock(ask(box, target, status()), target), datetime.now(UTC))
    if lease and moment:
        box = make_longer(box, target, moment, consent=not yes, show=not json)
        kept = ask(box, target, status())
    else:
        kept = keep_idle(box, target, moment)
    if json:
        print_json(row(box, kept))
    else:
        print(sentence(box, kept))


def meant(minutes: str, until: str, now: datetime) -> datetime | None:
    """The moment that the flags mean, UTC; None to take it back. Raises UsageError."""
    if bool(minutes) == bool(until):
        raise UsageError("fab extend: needs one of --minutes and --until", hint="say --minutes 90, or --until 18:00")
    if minutes == NO_LONGER:
        return None
    try:
        return moment_in(minutes, now) if minutes else moment_until(until, now)
    except ValueError as error:
        fact, *hint = map(str, error.args)
        flag = "minutes" if minutes else "until"
        raise UsageError(f"--{flag}: {fact}", hint=hint[0] if hint else "say --minutes 90, or 2h") from None


def by_its_clock(moment: datetime, minutes: str, there: datetime, here: datetime) -> datetime:
    """The moment that is meant, UTC: `minutes` from now on the box; without them `moment`, which somebody named.

    there, here: what the clocks of the box and of this laptop show. Raises UsageError for what has passed on the box.
    """
    if minutes:
        return moment_in(minutes, there)
    clocks = f"this laptop's clock shows {here:%H:%M:%S} UTC, the box's {there:%H:%M:%S} UTC"
    if moment <= there:
        raise UsageError(f"--until: {shown(moment)} has passed: {clocks}", hint="set it right, or say --minutes 90")
    if abs((there - here).total_seconds()) > CLOCK_SECONDS:
        say(f"--until means {shown(moment)}, but {clocks}")
    return moment


def keep_idle(box: Box, target: Target, moment: datetime | None) -> WatchdogReport:
    """Have the box kept until `moment`, None for no longer, although it is idle. Raises UsageError beyond its end."""
    if moment and moment > hard_end(box):
        raise UsageError(
            f"stacks/{box.stack}: until {shown(moment)} is asked for, but its lease ends at {shown(hard_end(box))}",
            hint="ask for less, or move that end first, with the same words and --lease",
        )
    return ask(box, target, keep_until(moment))


def row(box: Box, kept: WatchdogReport) -> dict[str, Any]:
    """What holds now, for programs; names as in `fab status --json`. What is not known is null."""
    return {
        "stack": box.stack,
        "lease": box.lease,
        "armed": kept.armed,
        "kept_until": iso(kept.kept_until),
        "next_end": {"at": iso(kept.dies_at), "why": kept.why} if kept.dies_at else None,
        "dies_at": box.dies_at,
        "usd_at_most": usd_at_most(box, hard_end(box)),
        "price": {"usd_per_hour": box.usd_per_hour, "source": box.price_source},
    }


def sentence(box: Box, kept: WatchdogReport) -> str:
    """What holds now, for people."""
    lease = f"its lease ends at {shown(hard_end(box))}"
    parts = [idle_words(kept), next_words(kept), lease, whole_price(box, hard_end(box))]
    return f"{box.stack}: {'; '.join(parts)}"


def idle_words(kept: WatchdogReport) -> str:
    """Whether an idle box is kept, by its own clock."""
    if kept.kept_until and kept.kept_until > (kept.now or 0.0):
        return f"kept until {shown(kept.kept_until)} even if idle, then the idle rule"
    return "not kept when idle"


def next_words(kept: WatchdogReport) -> str:
    """Which end comes first, as far as can be told now."""
    unless = " unless used" if kept.why.startswith("idle") else ""
    first = f"ends next at {shown(kept.dies_at)}{unless}" if kept.dies_at else "nothing ends it"
    return f"{'' if kept.armed else 'NOT ARMED: '}{first}: {kept.why}"
