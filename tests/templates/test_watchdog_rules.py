"""What the watchdog decides, over whole lives of a box: every look is told to its rules as the box would."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from templates.box.watchdog import Decision, History, Limits, Look, Sample, clock, decide, observe, parse_metrics

START = 1_800_000_000.0
LOOK = 20.0
LIMITS = Limits(
    instance_id=7,
    api_url="https://api.invalid",
    lease="l",
    created_at=START,
    ends_at=START + 10 * 3600,
    idle_minutes=30,
    ready_minutes=60,
    self_destruct=True,
)


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

    def look(self, *, busy: bool = False, queue: float = 0, known: bool = True, api: bool = True) -> Decision:
        """One look, 20 s after the last."""
        self.now += LOOK
        self.work += 10 * busy
        sample = Sample(self.began, self.work, queue, self.work) if known else None
        seen = Look(self.boot, self.now - self.booted, self.now if api else None, sample, self.ready)
        self.history = observe(self.history, seen)
        return decide(self.limits, self.history, clock(self.limits, self.history))

    def looks(self, minutes: float, **how: bool | float) -> Decision:
        """Looks for so long, or until the box ends."""
        decision = Decision(False, "", 0)
        until = self.now + minutes * 60
        while self.now < until and not decision.delete:
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


def test_an_idle_box_ends_after_its_idle_minutes() -> None:
    life = Life()
    life.looks(50, busy=True)
    decision = life.looks(60)
    assert (decision.delete, decision.reason) == (True, "idle for 30 min")
    assert 79 < life.minutes < 81


def test_a_busy_box_ends_with_its_lease_and_not_before() -> None:
    life = Life()
    decision = life.looks(11 * 60, busy=True)
    assert (decision.delete, decision.reason) == (True, "the lease has ended")
    assert 600 <= life.minutes < 601


def test_a_box_that_never_becomes_ready_ends() -> None:
    life = Life(ready=False)
    decision = life.looks(120, known=False)
    assert (decision.delete, decision.reason) == (True, "not ready within 60 min")
    assert 60 <= life.minutes < 61


def test_a_box_that_served_somebody_is_ready_whatever_its_stages_say() -> None:
    assert not Life(ready=False).looks(200, busy=True).delete


def test_a_box_that_was_ready_once_is_not_ended_for_it_later() -> None:
    life = Life()
    life.look(busy=True)
    life.ready = False
    assert not life.looks(200, known=False).delete


def test_the_idle_minutes_begin_with_the_first_good_look() -> None:
    life = Life()
    life.looks(50, known=False)
    life.looks(40)
    assert 79 < life.minutes < 81


def test_a_request_that_waits_long_for_its_first_token_keeps_the_box() -> None:
    life = Life()
    life.looks(20)
    assert not life.looks(14, queue=1).delete


def test_a_queue_that_moves_nothing_is_stale_and_then_counts_as_idle() -> None:
    life = Life()
    decision = life.looks(120, queue=1)
    assert decision.delete
    assert 44 < life.minutes < 46, "15 minutes until it is stale, then 30"


def test_a_new_process_of_vllm_starts_its_counters_anew_and_that_is_not_work() -> None:
    life = Life()
    life.looks(20, busy=True)
    life.began, life.work = life.now, 0
    decision = life.looks(31)
    assert decision.delete


def test_counters_that_go_backwards_are_never_taken_for_idle() -> None:
    life = Life()
    life.looks(29, busy=True)
    life.work -= 50
    life.look()
    assert not life.looks(29).delete


PARTS = ["busy", "idle", "unknown", "API silent", "reboot"]


@given(st.lists(st.tuples(st.sampled_from(PARTS), st.integers(1, 120)), max_size=12))
@settings(max_examples=60, deadline=None)
def test_no_box_outlives_its_hard_end_and_none_dies_of_idleness_that_is_not_true(story: list[tuple[str, int]]) -> None:
    """Parts of a life, each so many looks long; after a reboot nobody but the API knows how long the box was off."""
    life, last_busy = Life(), START
    for part, looks in [*story, ("busy", 3000)]:
        if part == "reboot":
            life.reboot(1800)
        for _ in range(looks):
            busy, api = part in ("busy", "API silent"), part != "API silent"
            decision = life.look(busy=busy, known=part != "unknown", api=api)
            last_busy = life.now if busy else last_busy
            over = life.now >= LIMITS.ends_at
            assert decision.delete or not (over and api), "an end that is reached is reached at the next look"
            if decision.delete:
                assert over or (decision.reason == "idle for 30 min" and life.now - last_busy >= 1800)
                return
    raise AssertionError("it lives for ever")


@given(st.integers(1, 200), st.integers(1, 200))
@settings(max_examples=50, deadline=None)
def test_the_unknown_neither_kills_nor_extends(idle: int, unknown: int) -> None:
    """Idle looks, then some that see nothing: it ends with the first that sees vLLM, idle for 30 minutes."""
    life = Life(replace(LIMITS, ends_at=START + 10**9))
    life.look(busy=True)
    for number in range(1, 1000):
        known = not idle <= number < idle + unknown
        ended = life.look(known=known).delete
        assert ended == (known and number * LOOK >= 1800)
        if ended:
            return
    raise AssertionError("it lives for ever")


@given(st.floats(-1e7, 1e7), st.integers(0, 3))
@settings(max_examples=50, deadline=None)
def test_no_clock_that_can_be_set_shortens_or_lengthens_a_life(jump: float, reboots: int) -> None:
    """The wall clock is not even asked: before the API has told the time, only what was lived counts."""
    life = Life()
    for _ in range(reboots):
        life.looks(30, busy=True, api=False)
        life.reboot(60)
    seen = Look(life.boot, abs(jump), None, None, True)  # an uptime of any size, as in a container
    assert not decide(LIMITS, observe(life.history, seen), clock(LIMITS, observe(life.history, seen))).delete
    decision = life.looks(700, busy=True)
    assert decision.delete and 600 <= life.minutes < 601


def test_a_box_that_may_not_delete_itself_does_not() -> None:
    assert not Life(replace(LIMITS, self_destruct=False)).looks(700).delete


def test_what_comes_first_is_told_with_its_time() -> None:
    decision = Life().look()
    assert decision.reason == "idle for 30 min"
    assert decision.at == pytest.approx(START + LOOK + 1800)


METRICS = """# HELP vllm:num_requests_running Number
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 1.0
vllm:num_requests_running{engine="1",model_name="m"} 2.0
vllm:num_requests_waiting{engine="0",model_name="m"} 3.0
vllm:prompt_tokens_total{engine="0",model_name="m"} 100.0
vllm:generation_tokens_total{engine="0",model_name="m"} 20.0
vllm:generation_tokens_total{engine="1",model_name="m"} 5.0
vllm:request_success_total{engine="0",finished_reason="stop",model_name="m"} 4.0
vllm:request_success_created{engine="0",finished_reason="stop",model_name="m"} 1.79e+09
vllm:generation_tokens_created{engine="0",model_name="m"} 1.79e+09
vllm:kv_cache_usage_perc{engine="0",model_name="m"} NaN
http_requests_total{handler="/v1/chat/completions",method="POST",status="2xx"} 6.0
http_requests_total{handler="/v1/models",method="GET",status="2xx"} 1000.0
http_requests_total{handler="/metrics",method="GET",status="2xx"} 1000.0
http_requests_created{handler="/v1/chat/completions",method="POST",status="2xx"} 1.79e+09
process_start_time_seconds 1.79522668e+09
"""


def test_metrics_are_summed_over_series_and_dates_and_lists_of_models_left_out() -> None:
    assert parse_metrics(METRICS) == Sample(began=1_795_226_680, work=100 + 25 + 4 + 6, queue=6, generated=25)


@pytest.mark.parametrize("text", ["", "<html>busy</html>", "process_start_time_seconds 1\n"])
def test_what_are_not_vllms_metrics_is_unknown(text: str) -> None:
    assert parse_metrics(text) is None
