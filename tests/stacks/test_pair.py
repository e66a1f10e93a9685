"""Two models on the same cards: both fit or the reason says by how much not; nothing is given twice."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stacks.catalog import MODELS, PLANS, Model, Plan
from stacks.pair import Pair, Terms, pair, together
from stacks.sizing import most_cards, whole_gib
from stacks.values import named

TWO_ADAS, BLACKWELL, CPU = (
    named(PLANS, name) for name in ("g2-gpu-rtx4000a2-s", "g3-gpu-rtxpro6000-blackwell-1", "local-cpu")
)


def terms(plan: Plan, **changes: object) -> Terms:
    """As a stack of this plan serves two models."""
    given = Terms(plan, "auto", whole_gib(plan, 0.92), sequences=2, batched_tokens=2048)
    return replace(given, **changes)  # type: ignore[arg-type]


def of(main: str, architect: str, plan: Plan, context: int = 8192, **changes: object) -> Pair:
    """The pair of two models of the catalog."""
    first, second = named(MODELS, main), named(MODELS, architect)
    return pair(first, most_cards(first, plan), second, context, terms(plan, **changes))


@pytest.mark.parametrize(
    ("main", "architect", "plan", "fits"),
    [
        ("qwen2.5-coder-14b", "qwen2.5-coder-7b-awq", TWO_ADAS, True),
        ("qwen2.5-coder-14b", "qwen3-coder-30b-awq", TWO_ADAS, True),
        ("qwen3-coder-30b", "qwen2.5-coder-7b-awq", TWO_ADAS, False),
        ("qwen3-coder-30b-awq", "qwen3.8-27b-int4", TWO_ADAS, False),
        ("qwen3-coder-30b", "qwen3.8-27b", BLACKWELL, True),
        ("qwen3-coder-next-nvfp4", "qwen3.8-27b", BLACKWELL, True),
        ("gpt-oss-120b", "qwen3.8-27b", BLACKWELL, False),
        ("smollm2-135m", "smollm2-135m-twin", CPU, True),
        ("smollm2-135m", "qwen2.5-coder-0.5b", CPU, False),
    ],
)
def test_what_fits_together(main: str, architect: str, plan: Plan, fits: bool) -> None:
    found = of(main, architect, plan)
    assert (found.main.fits and found.architect.fits) == fits


def test_by_one_gib_too_little_they_do_not_fit_and_the_arithmetic_is_said() -> None:
    enough = of("qwen2.5-coder-14b", "qwen3-coder-30b-awq", TWO_ADAS)
    spare = enough.main.free_gib
    less = of("qwen2.5-coder-14b", "qwen3-coder-30b-awq", TWO_ADAS, whole_gib=whole_gib(TWO_ADAS, 0.92) - spare - 1)
    assert less.architect.reasons == (
        "qwen3-coder-30b-awq does not fit beside qwen2.5-coder-14b on g2-gpu-rtx4000a2-s: 11.0 + 7.1 GiB of weights, "
        f"cache and overhead on a card, of {whole_gib(TWO_ADAS, 0.92) - spare - 1:.1f} GiB; both fit with 800 tokens",
    )
    exact = of("qwen2.5-coder-14b", "qwen3-coder-30b-awq", TWO_ADAS, whole_gib=whole_gib(TWO_ADAS, 0.92) - spare + 0.01)
    assert exact.main.fits and exact.architect.fits


def test_a_shorter_context_with_which_they_fit_is_named() -> None:
    [reason] = of("qwen2.5-coder-14b", "qwen3-coder-30b-awq", TWO_ADAS, 32_768).architect.reasons
    tokens = int(reason.split("both fit with ")[1].split()[0])
    assert of("qwen2.5-coder-14b", "qwen3-coder-30b-awq", TWO_ADAS, tokens).architect.fits


def test_what_speaks_against_one_of_them_alone_is_said_of_it_alone() -> None:
    found = of("smollm2-135m", "qwen3-coder-480b", TWO_ADAS)
    assert found.main.fits or "smollm2" in found.main.reasons[0]
    assert [reason for reason in found.architect.reasons if "beside" in reason] == []
    assert "leaves no room" in found.architect.reasons[0]


def test_the_architects_context_ends_where_its_own_window_does() -> None:
    found = of("qwen3-coder-30b", "qwen2.5-coder-7b-awq", BLACKWELL, 65_536)
    assert (found.main.context, found.architect.context) == (65_536, 32_768)


def test_another_main_model_leaves_the_architects_share_as_it_is() -> None:
    """So that `fab switch` does not restart it."""
    shares = {of(main, "qwen2.5-coder-7b-awq", TWO_ADAS).architect for main in ("qwen2.5-coder-14b", "gpt-oss-20b")}
    assert len(shares) == 1


@given(
    st.sampled_from(MODELS),
    st.sampled_from(MODELS),
    st.sampled_from(PLANS),
    st.integers(512, 65_536),
    st.integers(1, 8),
)
@settings(max_examples=200, deadline=None)
def test_both_parts_are_no_more_than_the_whole_and_each_holds_its_model(
    main: Model, architect: Model, plan: Plan, context: int, sequences: int
) -> None:
    found = pair(main, most_cards(main, plan), architect, context, terms(plan, sequences=sequences))
    if found.main.fits and found.architect.fits:
        assert found.main.budget_gib + found.architect.budget_gib <= whole_gib(plan, 0.92) + 1e-9
        assert found.main.free_gib >= -1e-9 and found.architect.free_gib >= 0


@given(st.sampled_from(MODELS), st.sampled_from(MODELS), st.sampled_from(PLANS))
@settings(max_examples=100, deadline=None)
def test_the_longest_context_that_is_named_fits(main: Model, architect: Model, plan: Plan) -> None:
    cards = most_cards(main, plan)
    if longest := together(main, cards, architect, terms(plan)):
        found = pair(main, cards, architect, longest, terms(plan))
        assert not [reason for reason in found.architect.reasons if "beside" in reason]
