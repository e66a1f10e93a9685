"""Figures: percentiles, and what of vLLM's counters is told."""

from dataclasses import replace

import pytest

from playbooks.bench_figures import Answer, Level, Spread, figures_of, percentile
from playbooks.metrics import STARTED, Metrics

FIRST = Answer(turn=1, beside=False, edits=True, first_s=2.0, writing_s=4.0, tokens=41, finish="stop")
LATER = replace(FIRST, turn=2, first_s=0.5, writing_s=2.0)
COMMIT = replace(FIRST, beside=True, edits=False, first_s=0.25, tokens=5)
BEFORE = {
    STARTED: 1000.0,
    "vllm:prefix_cache_hits_total": 50.0,
    "vllm:prefix_cache_queries_total": 100.0,
    "vllm:spec_decode_num_draft_tokens_total": 10.0,
    "vllm:spec_decode_num_accepted_tokens_total": 10.0,
    "vllm:request_success_total": 7.0,
}
AFTER = {
    STARTED: 1000.0,
    "vllm:prefix_cache_hits_total": 350.0,
    "vllm:prefix_cache_queries_total": 500.0,
    "vllm:spec_decode_num_draft_tokens_total": 90.0,
    "vllm:spec_decode_num_accepted_tokens_total": 50.0,
    "vllm:request_success_total": 10.0,
}
LEVEL = Level(1, 1, (FIRST, LATER, COMMIT), 10.0, Metrics(BEFORE), Metrics(AFTER))


@pytest.mark.parametrize(
    ("values", "share", "value"),
    [([3.0], 0.95, 3.0), ([1.0, 2.0], 0.5, 1.5), ([4.0, 1.0, 3.0, 2.0, 5.0], 0.5, 3.0), ([0.0, 100.0], 0.95, 95.0)],
)
def test_a_percentile_lies_between_the_two_nearest_values(values: list[float], share: float, value: float) -> None:
    assert percentile(values, share) == pytest.approx(value)


def test_the_p95_of_a_speed_is_its_slow_end() -> None:
    speeds = [float(number) for number in range(101)]
    assert Spread.of(speeds, more_is_better=True) == Spread(50.0, 5.0)
    assert Spread.of(speeds) == Spread(50.0, 95.0)


def test_of_no_value_there_is_no_spread() -> None:
    assert Spread.of([]) is None


def test_turns_and_what_is_beside_them_are_told_apart() -> None:
    figures = figures_of(LEVEL, None)
    assert (figures.first_turn, figures.later_turns, figures.beside) == (
        Spread(2.0, 2.0),
        Spread(0.5, 0.5),
        Spread(0.25, 0.25),
    )


def test_the_speed_of_edits_leaves_out_the_first_token_and_other_answers() -> None:
    edits = figures_of(LEVEL, None).edits  # 40 tokens in 4 s, and in 2 s
    assert edits is not None
    assert (edits.p50, edits.p95) == pytest.approx((15.0, 10.5))


def test_an_answer_of_one_token_has_no_speed() -> None:
    assert replace(FIRST, tokens=1).tokens_per_s is None


def test_hits_and_drafts_are_what_was_counted_meanwhile() -> None:
    figures = figures_of(LEVEL, None)
    assert (figures.prefix_hits, figures.drafts_accepted) == (0.75, 0.5)


def test_without_drafts_there_is_no_share_of_them() -> None:
    quiet = replace(LEVEL, after=Metrics(AFTER | {"vllm:spec_decode_num_draft_tokens_total": 10.0}))
    assert figures_of(quiet, None).drafts_accepted is None
    assert figures_of(replace(LEVEL, before=Metrics({}), after=Metrics({})), None).prefix_hits is None


def test_tokens_for_a_dollar_are_those_of_the_whole_time() -> None:
    figures = figures_of(LEVEL, 0.5)
    assert figures.tokens_per_s == 8.7
    assert figures.tokens_per_usd == pytest.approx(8.7 * 3600 / 0.5)
    assert figures_of(LEVEL, None).tokens_per_usd is None


def test_empty_answers_and_those_cut_off_are_counted() -> None:
    answers = (FIRST, replace(LATER, finish="length"), replace(COMMIT, first_s=None, tokens=0))
    figures = figures_of(replace(LEVEL, answers=answers), None)
    assert (figures.empty, figures.cut_off, figures.beside) == (1, 1, None)


def test_requests_of_others_are_noticed() -> None:
    assert figures_of(LEVEL, None).foreign == 0
    assert figures_of(replace(LEVEL, answers=(FIRST,)), None).foreign == 2
