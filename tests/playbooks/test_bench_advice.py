"""Recommendations: the best of what was measured alike, and what they rest on."""

from dataclasses import replace

import pytest

from playbooks.bench_advice import advise, differing
from playbooks.bench_ledger import VLLM
from stacks.errors import UsageError
from tests.playbooks.bench_lines import FIGURES, LINE, faster

DEARER = "g3-gpu-rtxpro6000-blackwell-1"
FAST = faster(LINE, 90.0, 50_000.0, plan=DEARER)


@pytest.mark.parametrize(
    "line",
    [
        replace(LINE, clients=4),
        replace(LINE, kind=VLLM, figures=None),
        replace(LINE, figures=replace(FIGURES, edits=None)),
        replace(LINE, figures=replace(FIGURES, empty=1)),
    ],
    ids=["several at once", "vLLM's own", "no edits", "empty answers"],
)
def test_nothing_is_recommended_from_nothing(line: object) -> None:
    with pytest.raises(UsageError, match="nothing is kept"):
        advise([line])  # type: ignore[list-item]
    with pytest.raises(UsageError, match="nothing is kept"):
        advise([])


def test_the_fastest_and_the_cheapest_may_be_two() -> None:
    advice = advise([LINE, FAST])
    assert advice.speed.plan == DEARER
    assert advice.usd is not None
    assert advice.usd.plan == LINE.plan


def test_a_choice_is_judged_by_its_median_and_says_how_many_runs_that_is() -> None:
    lucky = [faster(LINE, speed) for speed in (10.0, 20.0, 500.0)]
    advice = advise([*lucky, faster(FAST, 30.0)])
    assert advice.speed.plan == DEARER
    assert [choice.runs for choice in advice.choices] == [9, 3]


def test_without_a_price_only_speed_is_recommended() -> None:
    assert advise([faster(LINE, 60.0, None)]).usd is None


def test_one_choice_alone_is_said_to_be_alone() -> None:
    assert advise([LINE]).words == ("only this was measured: there is nothing to compare it with",)


def test_another_session_is_not_compared() -> None:
    other = faster(FAST, 900.0, session="6" * 64)
    advice = advise([LINE, faster(LINE, 50.0, plan="g2-gpu-rtx4000a1-s"), other])
    assert advice.speed.tokens_per_s == 60.0
    assert "left out: 1 results of another session, or of another part of it" in advice.words


def test_pretended_prices_are_never_compared_with_real_ones() -> None:
    local = faster(LINE, 900.0, 9e9, cloud="local", plan="local-cpu")
    advice = advise([LINE, local])
    assert advice.speed.plan == LINE.plan
    assert "left out: 1 results of the local cloud, whose prices are pretended" in advice.words
    assert "all on the local cloud: its prices are pretended" in advise([local]).words


def test_few_runs_are_said() -> None:
    assert any("few runs (1)" in word for word in advise([replace(LINE, runs=1), FAST]).words)


def test_flags_tell_two_choices_of_one_plan_and_model_apart() -> None:
    advice = advise([LINE, faster(LINE, 70.0, flags=(*LINE.flags, "--enforce-eager"))])
    assert differing(advice.speed, advice.choices) == ("--enforce-eager",)
    assert [differing(choice, advice.choices) for choice in advice.choices] == [(), ("--enforce-eager",)]


def test_two_vllms_on_one_plan_are_told_apart() -> None:
    advice = advise([LINE, faster(LINE, 90.0, vllm="0.34.0")])
    assert [differing(choice, advice.choices) for choice in advice.choices] == [("vLLM 0.33.0",), ("vLLM 0.34.0",)]


def test_a_result_of_a_box_that_others_used_meanwhile_is_called_so() -> None:
    busy = replace(FAST, figures=replace(FIGURES, foreign=7))
    assert "others used the box during 1 of these results, so its choice can do better" in advise([LINE, busy]).words
    assert not [word for word in advise([LINE, FAST]).words if "others" in word]
