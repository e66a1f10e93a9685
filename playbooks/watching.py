"""Watch a box that makes itself ready: until the last stage has succeeded, one has failed, or time is up."""

import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from playbooks import converge
from playbooks.follow import Seen, follow
from playbooks.progress import display
from playbooks.report import is_silence
from playbooks.stage_errors import raise_if_given_up, stage_error
from playbooks.stages import first_failure, fold, is_ready
from stacks.box import Box
from stacks.errors import BoxError, DayboxError, NotReadyError
from stacks.ssh import Target

if TYPE_CHECKING:
    from stacks.settings import Settings

QUIET_SECONDS = 20.0  # without an event: time to ask whether systemd gave up a stage that could not say so itself
LOST_SECONDS = 5.0  # between two questions to the account whether a box that does not answer is there


def watch(target: Target, *, begun: int, minutes: float, on_loss: Callable[[], None] = lambda: None) -> Seen:
    """Show the stages until the last has succeeded; returns what was seen.

    begun: the number of events from before: what failed then was given another chance. on_loss: called now and then
    while the connection is lost; it may raise. Raises BoxError for a stage that fails, NotReadyError after `minutes`.
    """
    deadline = time.monotonic() + minutes * 60
    quiet, lost = Quiet(), Lost()
    with display() as view, contextlib.closing(follow(target)) as following:
        for seen in following:
            view.show(seen)
            fresh = seen.events[begun:]
            if is_ready(fresh, seen.boot):
                return seen
            if failure := first_failure(fresh, seen.boot):
                raise stage_error(target, failure.stage, failure.word)
            if lost.asks(seen):
                on_loss()
            if quiet.too_long(seen):
                nudge(target)
            if time.monotonic() > deadline:
                raise NotReadyError(
                    f"box/{target.alias}: not ready after {minutes:.0f} minutes: {state_of(seen)}",
                    hint="`fab logs --of bootstrap` says why; `fab bootstrap` goes on waiting",
                )
    raise AssertionError("follow never ends by itself")


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


class Lost:
    """Notices that a box which was connected is not: it may be gone, and then waiting is in vain."""

    def __init__(self) -> None:
        self._asked = -LOST_SECONDS

    def asks(self, seen: Seen) -> bool:
        """Whether it is time to ask for it; then not again for a while."""
        now = time.monotonic()
        if seen.connected or not seen.boot or now - self._asked < LOST_SECONDS:
            return False
        self._asked = now
        return True


def state_of(seen: Seen) -> str:
    """Which stages run or wait, for people."""
    rows = fold(seen.events, seen.boot)
    return ", ".join(f"{row.stage} is {row.state}" for row in rows if row.state in ("running", "waiting"))
