"""`fab extend`: keep an idle box until a moment; with --lease move the hard end that nothing else moves."""

import json as json_text
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from subprocess import CompletedProcess
from typing import Any

from invoke.context import Context

from playbooks.boxes import STACK_HELP, find_box
from playbooks.command import command, print_json
from playbooks.longer_lease import hard_end, make_longer, usd_at_most, whole_price
from playbooks.moments import moment_in, moment_until, shown
from playbooks.report import BOX, OnBox
from playbooks.standing import iso
from playbooks.words import known, last_words
from stacks.box import Box, box_target
from stacks.errors import BoxError, UsageError
from stacks.ssh import Target, run

NO_LONGER = "0"  # minutes
HELP = STACK_HELP | {
    "minutes": "from now: 90, 90s, 2h; 0 takes it back",
    "until": "by this laptop's clock: 18:00 (today's, else tomorrow's), or 2026-11-27T09:00",
    "lease": "move the end of the lease, by `pulumi up`; keeps an idle box no longer: say that without it",
    "yes": "with --lease: do not ask",
    "json": "print JSON for programs",
}


@dataclass(frozen=True)
class Kept:
    """What keeps and what ends a box, by its own watchdog. Times: seconds since 1970; None: none, or not known."""

    armed: bool
    kept_until: float | None
    next_end: float | None
    why: str


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
    now = datetime.now(UTC)
    moment = meant(minutes, until, now)
    if lease and moment is None:
        raise UsageError("fab extend: a lease is not taken back by --minutes 0", hint="pulumi destroy ends it now")
    box = find_box(stack)
    target = box_target(box)
    if lease and moment:
        box = make_longer(box, target, moment, ask=not yes, show=not json)
        kept = ask_watchdog(box, target, status())
    else:
        kept = keep_idle(box, target, moment)
    if json:
        print_json(row(box, kept))
    else:
        print(sentence(box, kept, now))


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


def keep_idle(box: Box, target: Target, moment: datetime | None) -> Kept:
    """Have the box kept until `moment`, None for no longer, although it is idle. Raises UsageError beyond its end."""
    if moment and moment > hard_end(box):
        raise UsageError(
            f"stacks/{box.stack}: until {shown(moment)} is asked for, but its lease ends at {shown(hard_end(box))}",
            hint="ask for less, or move that end first, with the same words and --lease",
        )
    return ask_watchdog(box, target, keep_until(moment))


def keep_until(moment: datetime | None, onbox: OnBox = BOX) -> str:
    """Shell command for the box: be kept until `moment`, None for no longer; prints its status."""
    return shlex.join([str(onbox.watchdog), "--keep-until", f"{moment.timestamp():.0f}" if moment else "0"])


def status(onbox: OnBox = BOX) -> str:
    """Shell command for the box: print what keeps it and what ends it."""
    return shlex.join([str(onbox.watchdog), "--status"])


def ask_watchdog(box: Box, target: Target, words: str) -> Kept:
    """What the box's watchdog answers to `words`. Raises BoxError if it refuses, or knows no such words."""
    done = reached(box, target, words)
    said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
    if done.returncode == 1:
        raise BoxError(f"box/{target.alias}: {said}", hint="ask for less, or move its hard end first: --lease")
    try:
        report = json_text.loads(done.stdout)
        return Kept(bool(report["armed"]), report.get("kept_until"), report.get("dies_at"), str(report["why"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BoxError(
            f"box/{target.alias}: its watchdog gave no status: {said}",
            hint=f"bring it this checkout's: pulumi up -s {target.stack}",
        ) from None


def reached(box: Box, target: Target, words: str) -> CompletedProcess[str]:
    """`words` on the box. Raises BoxError, with its last words where they are known, if it is not reached."""
    try:
        return run(target, words)
    except BoxError as error:
        if not (why := last_words(known(box.stack, box.lease))):
            raise
        raise BoxError(  # whoever answers with another key may have its address by now
            f"{error.fact}; its last words: {why}",
            hint=f"`fab status` says whether it is gone; then `pulumi up -s {box.stack}` rents anew",
        ) from None


def row(box: Box, kept: Kept) -> dict[str, Any]:
    """What holds now, for programs; names as in `fab status --json`. What is not known is null."""
    return {
        "stack": box.stack,
        "lease": box.lease,
        "armed": kept.armed,
        "kept_until": iso(kept.kept_until),
        "next_end": {"at": iso(kept.next_end), "why": kept.why} if kept.next_end else None,
        "dies_at": box.dies_at,
        "usd_at_most": usd_at_most(box, hard_end(box)),
        "price": {"usd_per_hour": box.usd_per_hour, "source": box.price_source},
    }


def sentence(box: Box, kept: Kept, now: datetime) -> str:
    """What holds now, for people."""
    lease = f"its lease ends at {shown(hard_end(box))}"
    parts = [idle_words(kept, now), next_words(kept), lease, whole_price(box, hard_end(box))]
    return f"{box.stack}: {'; '.join(parts)}"


def idle_words(kept: Kept, now: datetime) -> str:
    """Whether an idle box is kept."""
    if kept.kept_until and kept.kept_until > now.timestamp():
        return f"kept until {clock(kept.kept_until)} even if idle, then the idle rule"
    return "not kept when idle"


def next_words(kept: Kept) -> str:
    """Which end comes first, as far as can be told now."""
    unless = " unless used" if kept.why.startswith("idle") else ""
    first = f"ends next at {clock(kept.next_end)}{unless}" if kept.next_end else "nothing ends it"
    return f"{'' if kept.armed else 'NOT ARMED: '}{first}: {kept.why}"


def clock(epoch: float) -> str:
    """Seconds since 1970 for people."""
    return shown(datetime.fromtimestamp(epoch, UTC))
