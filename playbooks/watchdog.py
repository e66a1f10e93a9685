"""The box's own watchdog, asked over ssh: what keeps the box, what ends it, what its clock shows."""

import json
import shlex
from datetime import UTC, datetime
from subprocess import CompletedProcess

from playbooks.report import BOX, OnBox, WatchdogReport, last_line
from playbooks.words import known, last_words
from stacks.box import Box
from stacks.errors import BoxError
from stacks.ssh import Target, run

BEYOND_ITS_END = "in any case"  # how the watchdog refuses a moment that no `--keep-until` can reach


def status(onbox: OnBox = BOX) -> str:
    """Shell command for the box: print what keeps it and what ends it."""
    return shlex.join([str(onbox.watchdog), "--status"])


def keep_until(moment: datetime | None, onbox: OnBox = BOX) -> str:
    """Shell command for the box: be kept until `moment`, None for no longer; prints its status."""
    return shlex.join([str(onbox.watchdog), "--keep-until", f"{moment.timestamp():.0f}" if moment else "0"])


def ask(box: Box, target: Target, words: str) -> WatchdogReport:
    """What the box's watchdog answers to `words`. Raises BoxError if it refuses, or knows no such words."""
    done = reached(box, target, words)
    if done.returncode == 1:
        said = last_line(done)
        raise BoxError(f"box/{target.alias}: {said}", hint=way_out(said, target.stack))
    try:
        report = WatchdogReport.from_row(json.loads(done.stdout))
    except (ValueError, AttributeError, RecursionError):
        raise no_status(target, last_line(done)) from None
    if not report.why:  # ours always gives a reason
        raise no_status(target, last_line(done))
    return report


def way_out(said: str, stack: str) -> str:
    """What to do about a watchdog that refused, and said so."""
    if BEYOND_ITS_END in said:
        return "ask for less, or move its hard end first: --lease"
    return f"nothing is changed; is its disk full? look: fab ssh --stack {stack}"


def no_status(target: Target, said: str) -> BoxError:
    """A watchdog of another daybox, or none."""
    return BoxError(
        f"box/{target.alias}: its watchdog gave no status: {said}",
        hint=f"bring it this checkout's: pulumi up -s {target.stack}",
    )


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


def clock(report: WatchdogReport, target: Target) -> datetime:
    """What the box's clock shows, UTC: the API's time, by which it ends. Raises BoxError if it does not say."""
    if report.now is None:
        raise BoxError(
            f"box/{target.alias}: its watchdog does not say what time it is: {report.why}",
            hint=f"arm it with this checkout's: pulumi up -s {target.stack}",
        )
    return datetime.fromtimestamp(report.now, UTC)
