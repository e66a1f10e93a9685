"""Make a box ready, or follow it while it makes itself ready; twice in a row, the second time changes nothing.

The box works by itself from its first boot on: what happens here is to bring it this checkout's bundle if it has
another, to let go on what stopped, and to watch.
"""

import contextlib
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from invoke.context import Context

from playbooks import converge, stage_table
from playbooks.boxes import STACK_HELP, find_box, find_settings
from playbooks.command import command, console, print_line
from playbooks.follow import Seen, follow
from playbooks.progress import display, say
from playbooks.report import Report, is_silence, patiently, read_report
from playbooks.stage_errors import raise_if_given_up, stage_error
from playbooks.stages import Row, first_failure, fold, is_ready
from stacks.box import Box, box_target
from stacks.errors import BoxError, ConfigError, DayboxError, NotReadyError
from stacks.ssh import Target

if TYPE_CHECKING:
    from stacks.bundle import Bundle
    from stacks.settings import Settings

QUIET_SECONDS = 20.0  # without an event: time to ask whether systemd gave up a stage that could not say so itself
PIPE_WIDTH = 200  # characters: whoever reads a pipe wants each stage on one line


@command(help=STACK_HELP)
def bootstrap(_c: Context, stack: str | None = None) -> None:
    """Make the box ready, and show how far it is."""
    make_ready(find_box(stack))


def make_ready(box: Box) -> None:
    """Make `box` ready: bundle brought, graph run, first completion made on the box. Says how far it is, on stderr.

    Raises BoxError if the box is not reached or a stage fails, NotReadyError if it takes longer than readyMinutes.
    """
    settings = find_settings(box.stack)
    target = box_target(box)
    bundle = this_checkouts_bundle(box, settings)
    report = reached(box, settings, target)
    if report and not report.watchdog.armed:
        converge.wake_watchdog(target)
    begun = None
    if report is None or report.bundle != bundle.sha256:
        begun = bring_bundle(target, bundle)
    if report and report.ready and begun is None:
        finish(box, fold(report.events, report.boot), repeated=True)
        return
    if begun is None:
        begun = converge.let_go_on(target)
    try:
        seen = watch(target, begun=begun, minutes=settings.ready_minutes)
    except KeyboardInterrupt:
        say("the box goes on by itself; follow it again: fab bootstrap")
        raise
    finish(box, fold(seen.events, seen.boot))


def bring_bundle(target: Target, bundle: "Bundle") -> int | None:
    """Bring what differs. The number of events before stages began again; None if it concerns no stage."""
    fresh = converge.differences(target, bundle.files)
    paths = tuple(file.path for file in fresh)
    changes = converge.Changes(paths, converge.concerned(paths))
    say(brought(changes))
    begun = converge.bring(target, fresh, changes) if fresh else None
    return begun if changes.stages else None


def this_checkouts_bundle(box: Box, settings: "Settings") -> "Bundle":
    """The bundle that the stack's settings ask for. Raises ConfigError if they are not the ones `up` was run with."""
    if settings.served_name != box.served_name:
        raise ConfigError(
            f"stacks/{box.stack}/model: says {settings.model.name}, but `up` was run with {box.model}",
            hint=f"pulumi up -s {box.stack}",
        )
    from stacks.bundle import bundle_for  # jinja: only what renders pays for it

    return bundle_for(settings)


def reached(box: Box, settings: "Settings", target: Target) -> Report | None:
    """The box's report, waited for if the box is silent. Raises BoxError at once if the account has no such box."""
    told: list[str] = []

    def on_silence(reason: str) -> None:
        if not told:
            must_exist(box, settings)
            say(f"waiting for ssh: {reason}")
        told.append(reason)

    return patiently(lambda: read_report(target), on_silence=on_silence)


def must_exist(box: Box, settings: "Settings") -> None:
    """Raises BoxError if the account is certain that the box is gone; one that does not answer proves nothing."""
    from playbooks.presence import is_gone
    from stacks.account import Account, deploy_token

    try:
        gone = is_gone(Account(box.api_url, deploy_token(settings.cloud.token)), box.instance_id)
    except DayboxError:
        return
    if gone:
        raise BoxError(
            f"box/{box.alias}: the account has no such box any more", hint=f"`pulumi up -s {box.stack}` rents anew"
        )


def brought(changes: converge.Changes) -> str:
    """What is brought, for people."""
    again = ", ".join(changes.stages)
    return f"bundle: {len(changes.paths)} files differ; " + (
        f"beginning again: {again}" if again else "no stage reads them"
    )


def watch(target: Target, *, begun: int, minutes: float) -> Seen:
    """Show the stages until the last has succeeded; returns what was seen.

    begun: the number of events from before: what failed then was given another chance.
    Raises BoxError for a stage that fails, NotReadyError after `minutes`.
    """
    deadline = time.monotonic() + minutes * 60
    quiet = Quiet()
    with display() as view, contextlib.closing(follow(target)) as following:
        for seen in following:
            view.show(seen)
            fresh = seen.events[begun:]
            if is_ready(fresh, seen.boot):
                return seen
            if failure := first_failure(fresh, seen.boot):
                raise stage_error(target, failure.stage, failure.word)
            if quiet.too_long(seen):
                nudge(target)
            if time.monotonic() > deadline:
                raise NotReadyError(
                    f"box/{target.alias}: not ready after {minutes:.0f} minutes: {state_of(seen)}",
                    hint="`fab logs --of bootstrap` says why; `fab bootstrap` goes on waiting",
                )
    raise AssertionError("follow never ends by itself")


def nudge(target: Target) -> None:
    """Ask a box that says nothing: raises BoxError for a stage that systemd gave up, and lets go on what stopped.

    A stage may have written its end, and not yet ended, when it was looked at: then nothing was started, and what is
    waited for was not counted.
    """
    try:
        raise_if_given_up(target)
        converge.let_go_on(target)
    except BoxError as error:
        if not is_silence(error):
            raise


class Quiet:
    """Notices when a connected box has written no event for a while."""

    def __init__(self) -> None:
        self._since, self._events = time.monotonic(), 0

    def too_long(self, seen: Seen) -> bool:
        """Whether it is time to ask systemd; then not again for as long."""
        now = time.monotonic()
        if len(seen.events) != self._events or not seen.connected:
            self._since, self._events = now, len(seen.events)
        if now - self._since < QUIET_SECONDS:
            return False
        self._since = now
        return True


def state_of(seen: Seen) -> str:
    """Which stages run or wait, for people."""
    rows = fold(seen.events, seen.boot)
    return ", ".join(f"{row.stage} is {row.state}" for row in rows if row.state in ("running", "waiting"))


def finish(box: Box, rows: Sequence[Row], *, repeated: bool = False) -> None:
    """Print the table and keep it; for a box whose table was kept before, only say that there was nothing to do."""
    if repeated and stage_table.record_file(box).is_file():
        print(f"{box.stack}: ready; nothing to do")
        return
    out = console()
    if not out.is_terminal:
        out.width = PIPE_WIDTH
    out.print(stage_table.table(rows))
    print_line(out, stage_table.summary(rows))
    stage_table.keep(box, rows)
