"""Sizing: does it fit, and why not. vLLM itself is asked in tests/e2e/test_sizing.py."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stacks.catalog import MODELS, PLANS, Model, Plan
from stacks.sizing import Fit, fit, most_cards
from stacks.values import named

ADA, TWO_ADAS, FOUR_ADAS = (named(PLANS, f"g2-gpu-rtx4000a{count}-s") for count in (1, 2, 4))
THREE_QUADROS = named(PLANS, "g1-gpu-rtx6000-3")
CARDS = sorted({plan.card for plan in PLANS if plan.gpus})
models, plans = st.sampled_from(MODELS), st.sampled_from(PLANS)
contexts = st.integers(1, 300_000)


def of(model: str, plan: Plan, context: int = 32_768, **more: object) -> Fit:
    """The fit of a model of the catalog."""
    return fit(named(MODELS, model), plan, context, **more)  # type: ignore[arg-type]


def reason(found: Fit) -> str:
    """All that speaks against it."""
    return "; ".join(found.reasons)


@given(models, plans, contexts, st.integers(0, 10_000))
def test_more_context_never_needs_less_memory(model: Model, plan: Plan, context: int, more: int) -> None:
    assert fit(model, plan, context + more).kv_gib >= fit(model, plan, context).kv_gib


@given(models, contexts, st.sampled_from(CARDS))
def test_what_fits_a_plan_fits_every_larger_one_of_its_family(model: Model, context: int, card: str) -> None:
    own = sorted((plan for plan in PLANS if plan.card == card), key=lambda plan: plan.gpus)
    fits = [fit(model, plan, context).fits for plan in own]
    assert fits == sorted(fits)


@given(models, plans, contexts)
def test_the_longest_context_fits_and_one_token_more_does_not(model: Model, plan: Plan, context: int) -> None:
    longest = fit(model, plan, context).max_context
    if longest:
        assert not [why for why in fit(model, plan, longest).reasons if "tokens are more" in why]
    if longest < model.family.window_tokens:
        assert fit(model, plan, longest + 1).reasons


@given(models, plans, contexts)
def test_fp8_never_needs_more_cache_than_16_bits(model: Model, plan: Plan, context: int) -> None:
    assert fit(model, plan, context, kv_dtype="fp8").kv_gib <= fit(model, plan, context).kv_gib


@given(models, plans, contexts)
def test_what_fits_leaves_no_less_than_nothing_free(model: Model, plan: Plan, context: int) -> None:
    found = fit(model, plan, context)
    assert found.free_gib >= -1e-9 or not found.fits
    parts = found.weights_gib + found.kv_gib + found.overhead_gib + found.free_gib
    assert parts == pytest.approx(found.budget_gib)


def test_coder_30b_on_two_cards_of_20_gb_holds_48_272_tokens() -> None:
    """One fact says 40k, another 68k: it takes both cards for one of 40 GiB, with one overhead instead of two."""
    found = of("qwen3-coder-30b", TWO_ADAS)
    assert (found.tp, found.max_context) == (2, 48_272)
    pooled = dataclasses.replace(ADA, gpu_gib=2 * ADA.gpu_gib)
    assert 66_000 < of("qwen3-coder-30b", pooled).max_context < 69_000


def test_weights_and_cache_are_shared_by_the_cards_the_overhead_is_not() -> None:
    one, two = of("qwen2.5-coder-14b", ADA), of("qwen2.5-coder-14b", TWO_ADAS)
    assert two.weights_gib == pytest.approx(one.weights_gib / 2)
    assert two.kv_gib == pytest.approx(one.kv_gib / 2)
    assert two.overhead_gib == one.overhead_gib


def test_a_model_that_fits_exactly_still_leaves_room_for_kv_cache() -> None:
    found = of("qwen2.5-coder-32b", ADA, 1024)
    assert found.max_context == 0
    assert "18.0 GiB of weights on each of 1 cards of 20.0 GiB, which leaves no room for a cache" in reason(found)


def test_a_context_above_what_fits_names_both_numbers() -> None:
    assert reason(of("qwen3-coder-30b", TWO_ADAS, 65_536)) == (
        "65536 tokens are more than the 48272 of qwen3-coder-30b that fit g2-gpu-rtx4000a2-s"
    )


def test_a_context_above_the_models_own_names_both_numbers() -> None:
    assert "65536 tokens are more than the 32768 that qwen2.5-coder-32b was made for" in reason(
        of("qwen2.5-coder-32b", FOUR_ADAS, 65_536)
    )


@pytest.mark.parametrize(
    ("model", "bits"), [("qwen3-coder-30b", "fp8"), ("qwen2.5-coder-7b", "bf16"), ("gpt-oss-20b", "mxfp4")]
)
def test_what_turing_cannot_compute_is_a_reason(model: str, bits: str) -> None:
    quadro = named(PLANS, "g1-gpu-rtx6000-2")
    said = reason(of(model, quadro, 1024))
    assert f"{model} is {bits}, which needs compute capability" in said
    assert "the Quadro RTX 6000 of g1-gpu-rtx6000-2 has 7.5" in said


def test_awq_runs_on_turing() -> None:
    assert of("qwen2.5-coder-14b", named(PLANS, "g1-gpu-rtx6000-1")).fits


def test_an_fp8_cache_needs_an_ada() -> None:
    assert "a cache in fp8 needs compute capability 8.9" in reason(
        of("qwen2.5-coder-14b", THREE_QUADROS, kv_dtype="fp8")
    )


def test_three_cards_share_a_model_only_if_its_heads_allow() -> None:
    assert most_cards(named(MODELS, "qwen2.5-coder-32b"), THREE_QUADROS) == 2
    said = reason(of("qwen2.5-coder-32b", THREE_QUADROS, tp=3))
    assert said == (
        "3 cards cannot share the 40 attention heads (8 of keys and values) of qwen2.5-coder-32b: it takes 1 or 2"
    )


def test_more_cards_than_the_plan_has_are_a_reason() -> None:
    assert "tensor parallelism of 4 needs 4 cards, g2-gpu-rtx4000a2-s has 2" in reason(
        of("qwen3-coder-30b", TWO_ADAS, tp=4)
    )


def test_without_a_card_there_is_nothing_to_share_and_no_fp8() -> None:
    for more in ({"tp": 3}, {"kv_dtype": "fp8"}):
        said = reason(of("smollm2-135m", named(PLANS, "local-cpu"), 1024, **more))
        assert said == "local-cpu has no card: no tensor parallelism, no cache in fp8"


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_model_that_no_plan_holds_is_only_one_that_is_larger_than_all(model: Model) -> None:
    if not any(fit(model, plan, 4096).fits for plan in PLANS):
        assert model.weights_gib > 96


def test_a_hybrid_serves_no_more_sequences_than_states_find_room() -> None:
    said = reason(of("qwen3.8-27b", TWO_ADAS, sequences=500))
    assert said.startswith("500 sequences at once are more than the ") and said.endswith(
        " states of qwen3.8-27b that fit"
    )
    assert not of("qwen3-coder-30b", TWO_ADAS, sequences=500).reasons


def test_concurrency_is_what_vllm_logs() -> None:
    """Qwen3.6-35B NVFP4 with a cache in fp8 of 5.98 GiB: `Maximum concurrency … 4.33x` (club-3090, issue 612)."""
    model = named(MODELS, "qwen3.6-35b-nvfp4")
    card = dataclasses.replace(
        named(PLANS, "g3-gpu-rtxpro6000-blackwell-1"), gpu_gib=(5.98 + 1.67 + model.weights_gib) / 0.92
    )
    assert round(fit(model, card, 131_072, kv_dtype="fp8").concurrency, 2) == 4.33
