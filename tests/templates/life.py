"""A whole life of a box, told to the watchdog's rules look by look, by a clock that the test moves."""

import math
from dataclasses import dataclass, field, replace

from templates.box.watchdog_rules import Decision, History, Limits, Look, Sample, clock, decide, observe

START = 1_800_000_000.0
LOOK = 20.0
LIMITS = Limits(
    instance_id=7,
    api_url="https://api.invalid",
    stack="s",
    lease="l",
    created_at=START,
    ends=[[START + 10 * 3600, "the lease has ended"]],
    idle_minutes=30,
    ready_minutes=60,
    self_destruct=True,
    hour_seconds=3600,
)
END = START + 10 * 3600
PLAIN = replace(LIMITS, hour_seconds=1)  # every second is billed: an idle box ends at once


@dataclass
class Life:
    """A box whose true time is `now`; the watchdog sees only what a look shows."""

    limits: Limits = LIMITS
    now: float = START
    boot: str = "boot 0"
    booted: float = START
    history: History = field(default_factory=History)
    work: float = 0.0
    began: float = START
    ready: bool = True
    kept: float = 0.0

    def look(self, *, busy: bool = False, queue: float = 0, known: bool = True, api: bool = True) -> Decision:
        """One look, 20 s after the last."""
        self.now += LOOK
        self.work += 10 * busy
        sample = Sample(self.began, self.work, queue, self.work) if known else None
        seen = Look(self.boot, self.now - self.booted, self.now if api else None, sample, self.ready, self.kept)
        self.history = observe(self.history, seen)
        return decide(self.limits, self.history, clock(self.limits, self.history))

    def looks(self, minutes: float, **how: bool | float) -> Decision:
        """Looks for so long, or until the box ends."""
        decision = Decision("keep", "", 0)
        until = self.now + minutes * 60
        while self.now < until and not ended(decision):
            decision = self.look(**how)  # type: ignore[arg-type]
        return decision

    def reboot(self, seconds: float) -> None:
        self.now += seconds
        self.boot, self.booted, self.began = self.boot + "'", self.now, self.now
        self.work = 0

    @property
    def minutes(self) -> float:
        """How old the box is."""
        return (self.now - START) / 60


def ended(decision: Decision) -> bool:
    """Whether the box is deleted now."""
    return decision.action == "delete"


def billed(moment: float) -> int:
    """Whole hours of a box that is deleted then."""
    return math.ceil((moment - START) / 3600)
