"""A box that is being changed is not taken for idle, and when it was changed its idle time begins anew.

By the way of `fab extend`, so that limits hold as ever: if this laptop vanishes meanwhile, the box ends by itself.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

from playbooks.longer_lease import first_end_on_box
from playbooks.report import WatchdogReport
from playbooks.watchdog import ask, keep_until, status
from stacks.box import Box
from stacks.errors import BoxError
from stacks.ssh import Target

STEP_MINUTES = 30.0  # longer than any model of the catalog takes to load


class Keeping:
    """Keeps one box for as long as somebody calls `on`. found: what its watchdog said last.

    told: until when `fab extend` keeps it, 0 for not at all; ours: until when we had it kept last.
    """

    def __init__(self, box: Box, target: Target) -> None:
        self.box, self.target = box, target
        self.told = 0.0
        self.ours: float | None = math.nan  # nothing yet, and equal to nothing

    def on(self) -> None:
        """Have it live for a while from now, by its own clock; an end that nothing moves stays. Raises BoxError."""
        self._look()
        until = self._clock() + STEP_MINUTES * 60
        if (self.found.dies_at or math.inf) < until:
            self._keep(max(self.told, until))

    def let_go(self) -> None:
        """Keep it no longer than `fab extend` was told, or than its usual idle time from now."""
        self._look()
        self._keep(max(self.told, self._clock() + self.box.idle_minutes * 60))

    def _look(self) -> None:
        """Ask anew: `fab extend` may have been typed meanwhile."""
        self._hear(ask(self.box, self.target, status()))
        if self.found.kept_until != self.ours:
            self.told = self.found.kept_until or 0.0

    def _keep(self, until: float) -> None:
        is_armed = self.found.now is not None  # else nothing ends it
        if not is_armed or until == self.found.kept_until:
            return
        try:
            self._ask_to_keep(until)
        except BoxError:  # most likely beyond its hard end
            self._ask_to_keep((first_end_on_box(self.target)[0] - timedelta(seconds=1)).timestamp())

    def _ask_to_keep(self, until: float) -> None:
        self._hear(ask(self.box, self.target, keep_until(datetime.fromtimestamp(until, UTC))))
        self.ours = self.found.kept_until

    def _hear(self, report: WatchdogReport) -> None:
        self.found, self._heard_at = report, time.monotonic()

    def _clock(self) -> float:
        """What the box's clock shows, seconds since 1970, as far as is known without asking again."""
        return (self.found.now or 0.0) + time.monotonic() - self._heard_at


@contextmanager
def kept(box: Box, target: Target) -> Iterator[Keeping]:
    """Keep the box while the `with` block runs, and for its idle time afterwards, however the block ends."""
    keeping = Keeping(box, target)
    keeping.on()
    try:
        yield keeping
    finally:
        with suppress(BoxError):  # what went wrong before says more; and what it was told last holds
            keeping.let_go()
