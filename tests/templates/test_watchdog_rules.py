"""What the watchdog decides, over whole lives of a box: every look is told to its rules as the box would."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from templates.box.watchdog_rules import (
    Decision,
    History,
    Limits,
    Look,
    Sample,
    beginning,
    clock,
    decide,
    observe,
    of_both,
    parse_metrics,
)
from tests.templates.life import END, LIMITS, LOOK, PLAIN, START, Life, billed, ended


def ends_with(limits: Limits = LIMITS, **parts: float) -> Life:
    """A box that was busy for so many minutes, then idle until its end."""
    life = Life(limits)
    life.looks(parts.get("busy", 0), busy=True)
    assert life.looks(parts.get("idle", 600)).reason == f"idle for {limits.idle_minutes:g} min"
    return life


def test_an_idle_box_lives_until_the_hour_that_is_paid_for_is_nearly_over() -> None:
    """Idle from 0:50 on, so idle long enough at 1:20; but 2:00 is paid for."""
    assert 115 <= ends_with(busy=50).minutes < 116


def test_an_idle_box_ends_at_once_where_the_paid_hour_is_nearly_over() -> None:
    assert 117 <= ends_with(busy=87).minutes < 118


def test_work_that_returns_before_the_paid_hour_is_over_keeps_the_box() -> None:
    life = Life()
    life.looks(50, busy=True)
    life.looks(60)  # long enough: it would end at 1:55
    life.look(busy=True)
    assert life.looks(30).action != "delete"


def test_a_box_that_was_idle_long_enough_ends_although_its_vllm_is_seen_no_more() -> None:
    """What is unknown extends nothing: without the hour it would have been gone."""
    life = Life()
    life.looks(50, busy=True)
    life.looks(40)
    assert ended(life.looks(60, known=False))
    assert 115 <= life.minutes < 116


@given(st.floats(1, 400), st.floats(1, 90), st.integers(0, 3), st.integers(0, 120))
@settings(max_examples=100, deadline=None)
def test_the_hour_rule_never_costs_more_than_ending_at_once(busy: float, idle: float, seen: int, gap: int) -> None:
    """Whole hours are billed. seen, gap: once it was idle for so long, so many looks see vLLM, then so many do not."""
    limits = replace(LIMITS, idle_minutes=idle, ends=[[START + 10**9, "never"]])
    life, plain = Life(limits), math.inf
    life.looks(busy, busy=True)
    last_busy, decision = life.now, Decision("keep", "", 0)
    while not ended(decision):
        enough = life.now + LOOK - last_busy >= idle * 60
        known = not enough or seen > 0 or gap <= 0
        decision = life.look(known=known)
        if enough:
            seen, gap = seen - 1, gap - (seen <= 0)
            plain = min(plain, life.now if known else math.inf)
    assert billed(life.now) <= billed(plain)


def test_fab_extend_keeps_an_idle_box_and_then_the_hour_that_it_begins() -> None:
    life = Life(kept=START + 130 * 60)
    life.looks(50, busy=True)
    assert ended(life.looks(600))
    assert 175 <= life.minutes < 176


def test_fab_extend_keeps_no_box_beyond_its_hard_end() -> None:
    life = Life(kept=START + 10**9)
    assert life.looks(11 * 60).reason == "the lease has ended"


def test_the_last_five_minutes_are_a_warning_which_work_takes_back() -> None:
    life = Life()
    life.looks(50, busy=True)
    assert [life.looks(minutes).action for minutes in (59, 2)] == ["keep", "warn"]
    assert life.look(busy=True).action == "keep"


def test_a_short_limit_warns_in_its_last_quarter_only() -> None:
    life = Life(replace(LIMITS, idle_minutes=4, hour_seconds=60))
    life.look(busy=True)
    assert [life.looks(minutes).action for minutes in (2.7, 0.7)] == ["keep", "warn"]


@pytest.mark.parametrize("number", range(3))
def test_each_hard_end_ends_a_busy_box_and_says_why(number: int) -> None:
    ends = [[START + 36_000.0, f"end {other}"] for other in range(3)]
    ends[number] = [START + 600.0, f"end {number}"]
    life = Life(replace(LIMITS, ends=ends))
    assert life.looks(60, busy=True).reason == f"end {number}"
    assert 10 <= life.minutes < 11


def test_a_busy_box_ends_with_its_lease_and_not_before() -> None:
    life = Life()
    decision = life.looks(11 * 60, busy=True)
    assert (decision.action, decision.reason) == ("delete", "the lease has ended")
    assert 600 <= life.minutes < 601


def test_a_box_that_never_becomes_ready_ends() -> None:
    life = Life(ready=False)
    decision = life.looks(120, known=False)
    assert (decision.action, decision.reason) == ("delete", "not ready within 60 min")
    assert 60 <= life.minutes < 61


def test_a_box_that_served_somebody_is_ready_whatever_its_stages_say() -> None:
    assert not ended(Life(ready=False).looks(200, busy=True))


def test_a_box_that_was_ready_once_is_not_ended_for_it_later() -> None:
    life = Life()
    life.look(busy=True)
    life.ready = False
    assert not ended(life.looks(200, known=False))


def test_the_idle_minutes_begin_with_the_first_good_look() -> None:
    life = Life(PLAIN)
    life.looks(90, known=False)
    life.looks(60)
    assert 120 < life.minutes < 121


def test_a_request_that_waits_long_for_its_first_token_keeps_the_box() -> None:
    life = Life()
    life.looks(20)
    assert not ended(life.looks(14, queue=1))


def test_a_queue_that_moves_nothing_is_stale_and_then_counts_as_idle() -> None:
    life = Life(PLAIN)
    assert ended(life.looks(120, queue=1))
    assert 44 < life.minutes < 46, "15 minutes until it is stale, then 30"


def test_a_new_process_of_vllm_starts_its_counters_anew_and_that_is_not_work() -> None:
    life = Life(PLAIN)
    life.looks(20, busy=True)
    life.began, life.work = life.now, 0
    assert ended(life.looks(31))


def test_counters_that_go_backwards_are_never_taken_for_idle() -> None:
    life = Life(PLAIN)
    life.looks(29, busy=True)
    life.work -= 50
    life.look()
    assert not ended(life.looks(29))


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
            over = life.now >= END
            assert ended(decision) or not (over and api), "an end that is reached is reached at the next look"
            if ended(decision):
                assert over or (decision.reason == "idle for 30 min" and life.now - last_busy >= 1800)
                return
    raise AssertionError("it lives for ever")


@given(st.integers(1, 200), st.integers(1, 200))
@settings(max_examples=50, deadline=None)
def test_the_unknown_neither_kills_nor_extends(idle: int, unknown: int) -> None:
    """Idle looks, then some that see nothing: it ends with the first that has seen it idle for 30 minutes."""
    life = Life(replace(PLAIN, ends=[[START + 10**9, "never"]]))
    life.look(busy=True)
    for number in range(1, 1000):
        known = not idle <= number < idle + unknown
        gone = ended(life.look(known=known))
        assert gone == (known and number * LOOK >= 1800)
        if gone:
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
    assert not ended(decide(LIMITS, observe(life.history, seen), clock(LIMITS, observe(life.history, seen))))
    assert ended(life.looks(700, busy=True)) and 600 <= life.minutes < 601


def test_a_box_that_may_not_delete_itself_does_not() -> None:
    assert Life(replace(LIMITS, self_destruct=False)).looks(700).action == "keep"


def test_what_comes_first_is_told_with_its_time() -> None:
    decision = Life().look()
    assert decision.reason == "idle for 30 min"
    assert decision.at == pytest.approx(START + 55 * 60)


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
http_requests_total{handler="/v1/chat/completions",method="POST",status="4xx"} 1000.0
http_requests_total{handler="/metrics",method="GET",status="2xx"} 1000.0
http_requests_created{handler="/v1/chat/completions",method="POST",status="2xx"} 1.79e+09
process_start_time_seconds 1.79522668e+09
"""


def test_metrics_are_summed_over_series_without_dates_lists_of_models_and_the_refused() -> None:
    assert parse_metrics(METRICS) == Sample(
        began=1_795_226_680, work=100 + 25 + 4 + 6, queue=6, generated=25, prompted=100
    )


@pytest.mark.parametrize(
    "line",
    [
        'http_requests_total{handler="/v1/models",method="GET",status="2xx"} 1000.0',  # all that Open WebUI polls
        'http_requests_total{handler="/metrics",method="GET",status="2xx"} 1000.0',
    ],
    ids=["Open WebUI", "status"],
)
def test_what_looks_again_and_again_is_no_work_however_often(line: str) -> None:
    assert METRICS.count(line) == 1
    assert parse_metrics(METRICS.replace(line, line.replace("1000", "90000"))) == parse_metrics(METRICS)


@pytest.mark.parametrize("text", ["", "<html>busy</html>", "process_start_time_seconds 1\n"])
def test_what_are_not_vllms_metrics_is_unknown(text: str) -> None:
    assert parse_metrics(text) is None


def test_tokens_are_counted_over_all_processes_of_vllm() -> None:
    history = History()
    for began, generated in [(1.0, 10.0), (1.0, 30.0), (2.0, 0.0), (2.0, 5.0)]:
        history = observe(history, Look("boot", 1.0, sample=Sample(began, generated, 0, generated, prompted=100)))
    assert history.tokens == 130 + 105


def beside(main: Life, other: Life, minutes: float, *, busy: bool = False, known: bool = True) -> Decision:
    """Both looked at for so long: the first idle, the second as it is said; what the box decides in the end."""
    for _ in range(round(minutes * 60 / LOOK)):
        main.look()
        other.look(busy=busy, known=known)
    return decide(LIMITS, of_both(main.history, other.history), main.now)


def test_work_of_the_second_model_keeps_the_box() -> None:
    assert beside(Life(), Life(), 600 - 15, busy=True).action == "keep"


def test_a_box_whose_two_models_are_idle_ends() -> None:
    assert ended(beside(Life(), Life(), 116))


@pytest.mark.parametrize("seen", [0, 1, 20], ids=["never seen", "seen once", "dead later"])
def test_a_second_model_that_is_dead_or_hangs_never_makes_the_box_look_idle(seen: float) -> None:
    main, other = Life(), Life()
    beside(main, other, seen)
    assert not ended(beside(main, other, 300, known=False))


def test_the_first_models_work_counts_although_the_second_is_dead() -> None:
    """Idle long enough, it waits for the end of its paid hour; then only the first one answers, and works."""
    main, other = Life(), Life()
    assert not ended(beside(main, other, 50))
    for _ in range(round(70 * 60 / LOOK)):
        main.look(busy=True)
        other.look(known=False)
        assert not ended(decide(LIMITS, of_both(main.history, other.history), main.now))


def test_a_box_that_works_with_one_model_is_not_ended_because_the_other_never_came() -> None:
    main, other = Life(ready=False), Life(ready=False)
    for _ in range(round(70 * 60 / LOOK)):
        main.look(busy=True)
        other.look(known=False)
        assert not ended(decide(LIMITS, of_both(main.history, other.history), main.now))


def test_a_box_of_two_models_that_never_answered_ends() -> None:
    main, other = Life(ready=False), Life(ready=False)
    assert ended(beside(main, other, 61))


def test_tokens_of_both_are_counted() -> None:
    one, two = History(tokens=30.0), History(tokens=12.0)
    assert of_both(one, two).tokens == 42.0


def test_a_second_model_that_comes_later_begins_by_the_clock_of_the_first() -> None:
    main = Life()
    main.looks(10)
    other = beginning(main.history)
    assert (other.lived, other.boot, other.seen, other.ready) == (main.history.lived, main.history.boot, None, False)
