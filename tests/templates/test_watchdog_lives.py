"""The watchdog's rules over any life that can happen to a box: invariants 2, 5, 10, and the hour that is paid for."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from templates.box.watchdog_rules import Decision, History
from tests.templates.life import LIMITS, LOOK, Life, billed, ended

IDLE_S = LIMITS.idle_minutes * 60


class Lives(RuleBasedStateMachine):
    """What may happen to a box, in any order. Nothing happens to one that is deleted."""

    def __init__(self) -> None:
        super().__init__()
        self.life = Life()
        self.decision = Decision("keep", "", 0)
        self.last_seen_busy: float | None = None
        self.condemned: float | None = None  # since when it was seen, by a clock that is right, to be idle long enough
        self.unseen_work = False
        self.kept = 0.0
        self.told_time = False  # whether the API told the time in this boot, to the memory that is kept

    def look(self, **how: bool) -> None:
        self.decision = self.life.look(**how)
        known = how.get("known", True)
        self.unseen_work |= how.get("busy", False)
        busy = known and self.unseen_work  # what was done unseen is seen at the next look that sees anything
        self.unseen_work &= not known
        self.told_time |= how.get("api", True)
        if known and (busy or self.last_seen_busy is None):
            self.last_seen_busy, self.condemned = self.life.now, None
        elif (
            known and self.told_time and self.condemned is None and self.life.now - (self.last_seen_busy or 0) >= IDLE_S
        ):
            self.condemned = self.life.now

    @precondition(lambda self: not ended(self.decision))
    @rule(looks=st.integers(1, 200), api=st.booleans(), known=st.booleans(), busy=st.booleans())
    def time_passes(self, looks: int, api: bool, known: bool, busy: bool) -> None:
        for _ in range(looks):
            if not ended(self.decision):
                self.look(api=api, known=known, busy=busy)

    @precondition(lambda self: not ended(self.decision))
    @rule(seconds=st.floats(0, 7200))
    def it_is_powered_off_for_a_while(self, seconds: float) -> None:
        self.life.reboot(seconds)
        self.unseen_work = False
        self.told_time = False
        self.condemned = None  # what a box that was off costs is nobody's rule

    @precondition(lambda self: not ended(self.decision))
    @rule()
    def vllm_crashes_and_starts_again(self) -> None:
        self.life.began, self.life.work, self.unseen_work = self.life.now, 0.0, False

    @precondition(lambda self: not ended(self.decision))
    @rule()
    def its_memory_is_lost(self) -> None:
        self.life.history = History()
        self.told_time = False
        self.condemned, self.last_seen_busy = None, None

    @precondition(lambda self: not ended(self.decision))
    @rule(minutes=st.floats(0, 300))
    def somebody_extends_it(self, minutes: float) -> None:
        self.kept = self.life.kept = self.life.now + minutes * 60

    @precondition(lambda self: ended(self.decision))
    @rule()
    def it_is_gone(self) -> None:
        """Nothing more happens to it."""

    @invariant()
    def no_hard_end_is_outlived(self) -> None:
        """Invariant 2: reached at the first look that knows the time."""
        over = self.life.now >= min(float(at) for at, _ in LIMITS.ends)
        assert ended(self.decision) or not (over and self.told_time)

    @invariant()
    def a_busy_box_dies_only_by_a_hard_limit(self) -> None:
        """Invariant 5; and what is unknown does not kill: it was seen to be idle for so long."""
        if ended(self.decision) and self.decision.reason.startswith("idle"):
            assert self.last_seen_busy is not None and self.life.now - self.last_seen_busy >= IDLE_S
            assert self.life.now >= self.kept

    @invariant()
    def the_paid_hour_costs_nothing(self) -> None:
        if ended(self.decision) and self.decision.reason.startswith("idle") and self.condemned is not None:
            assert billed(self.life.now) <= billed(max(self.condemned, self.kept + LOOK))

    @invariant()
    def unknown_stays_unknown(self) -> None:
        """Invariant 10: before vLLM was ever seen there is no idleness and no count of tokens."""
        if self.last_seen_busy is None:
            assert self.life.history.seen is None or self.life.history.active is not None


Lives.TestCase.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
test_every_life_ends_as_it_should = Lives.TestCase
