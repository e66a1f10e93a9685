"""Sizing: arithmetic that two real engines have confirmed."""

import pytest

from stacks import catalog
from stacks.catalog import MODELS, PLANS, Model
from stacks.sizing import fit, kv_bytes_per_token, reasons_against


def model(name: str) -> Model:
    """The catalog's row."""
    return next(row for row in MODELS if row.name == name)


# Source: the engine's own log line on an A40 (third party) and on the CPU (measured); facts on KV cache, 2026-11-20.
@pytest.mark.parametrize(("name", "expected"), [("qwen3-coder-30b", 98_304), ("smollm2-135m", 23_040)])
def test_a_token_of_cache_weighs_what_the_engine_says(name: str, expected: int) -> None:
    assert kv_bytes_per_token(model(name), tp=1) == expected


def test_more_cards_than_kv_heads_replicate_them() -> None:
    assert kv_bytes_per_token(model("qwen3-coder-30b"), tp=8) == kv_bytes_per_token(model("qwen3-coder-30b"), tp=4)


def test_the_context_of_coder_30b_ends_where_the_cards_memory_does() -> None:
    plan = next(plan for plan in PLANS if plan.name == "g2-gpu-rtx4000a2-s")
    assert fit(model("qwen3-coder-30b"), plan, 48_000).fits
    assert not fit(model("qwen3-coder-30b"), plan, 52_000).fits


def test_heads_that_the_cards_do_not_divide_are_a_reason() -> None:
    four = next(plan for plan in PLANS if plan.gpus == 2)
    odd = catalog.Model(**model("qwen2.5-coder-7b").__dict__ | {"heads": 9})
    assert "2 cards do not divide the 9 attention heads" in " ".join(reasons_against(odd, four, 1024))


def test_a_context_beyond_what_the_model_was_made_for_is_a_reason() -> None:
    plan = next(plan for plan in PLANS if plan.name == "g2-gpu-rtx4000a4-s")
    assert "more than the 32768" in " ".join(reasons_against(model("qwen2.5-coder-32b"), plan, 65_536))


@pytest.mark.parametrize("row", MODELS, ids=lambda row: row.name)
def test_every_model_fits_some_plan_with_4096_tokens(row: Model) -> None:
    assert any(not reasons_against(row, plan, 4096) for plan in PLANS)


@pytest.mark.parametrize("row", PLANS, ids=lambda row: row.name)
def test_every_plan_has_a_price_and_a_device(row: catalog.Plan) -> None:
    assert row.usd_per_hour > 0
    assert row.device in {device.name for device in catalog.DEVICES}
