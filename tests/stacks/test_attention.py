"""What a model's cache needs: against facts, against the logs of real engines, and what must hold whatever the numbers.

vLLM's own arithmetic is asked in tests/e2e/test_sizing.py.
"""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stacks import families
from stacks.attention import (
    Cache,
    Full,
    Layers,
    Recurrent,
    Sliding,
    block_bytes,
    blocks_needed,
    bytes_needed,
    bytes_per_token,
    delta_net,
    mamba2,
    with_states,
)
from stacks.catalog import MODELS, Plan
from stacks.families import Family
from stacks.sizing import fit
from stacks.values import named

GPU = Cache(tp=1, value_bytes=2, block_tokens=16, in_flight_tokens=4096)
CODER_NEXT_16_BIT = (Full(12, 2, 256), delta_net(36, key_heads=16, value_heads=32, number_bytes=2))

every_family = st.sampled_from([one.attention for one in vars(families).values() if isinstance(one, Family)])
kinds = every_family | st.sampled_from(
    (
        CODER_NEXT_16_BIT,
        (Full(4, 8, 128), mamba2(36, heads=128, head_dim=64, groups=1)),
        (Full(10, 4, 512), Sliding(50, 16, 256, window=1024)),
    )
)
contexts = st.integers(1, 300_000)
caches = st.builds(
    Cache,
    tp=st.sampled_from((1, 2, 4)),
    value_bytes=st.sampled_from((1, 2)),
    block_tokens=st.sampled_from((16, 32, 64, 128)),
    in_flight_tokens=st.sampled_from((512, 4096, 16_384)),
)


# Source: the facts' table of each model's config.json, 16 bits, 2026-11-20.
@pytest.mark.parametrize(
    ("family", "expected"),
    [
        (families.SMOLLM2_135M, 23_040),
        (families.QWEN25_CODER_7B, 57_344),
        (families.QWEN25_CODER_14B, 196_608),
        (families.QWEN25_CODER_32B, 262_144),
        (families.QWEN3_CODER_30B, 98_304),
        (families.QWEN3_CODER_480B, 253_952),
        (families.QWEN3_CODER_NEXT, 24_576),
        (families.QWEN3_27B, 65_536),
        (families.QWEN3_35B, 20_480),
        (families.GPT_OSS_20B, 24_576),
        (families.GPT_OSS_120B, 36_864),
        (families.DEVSTRAL_SMALL_2, 163_840),
        (families.DEVSTRAL_2, 360_448),
        (families.GLM_47_FLASH, 54_144),
        (families.GLM_45_AIR, 188_416),
    ],
)
def test_one_more_token_adds_what_its_config_says(family: Family, expected: int) -> None:
    assert bytes_per_token(family.attention, GPU) == expected


def cache(tp: int, value_bytes: int, block_tokens: int = 16) -> Cache:
    """A cache as the engines below have it."""
    return Cache(tp, value_bytes, block_tokens, in_flight_tokens=4096)


# Source: `GPU KV cache size` of real engines. The first measured with vLLM 0.32; the others, third party, 2026:
# club-3090's issues 612 and 652 (0.24, Qwen3.6-35B in NVFP4), mitchross/talos-argocd-proxmox 1995 (Qwen3.8-27B in FP8),
# b2renger/LlmOnLan (0.30, pools of 58 GiB), a public log (Qwen3.5-9B, 2026-09), vLLM's issue 33263 (Qwen3-1.7B).
# They print pools with two decimals, finer than a block only where blocks are large.
@pytest.mark.parametrize(
    ("attention", "cache", "context", "pool_gib", "engine_tokens", "tolerance"),
    [
        (families.SMOLLM2_135M.attention, cache(1, 2, 128), 8192, 1.0, 46_592, 0),
        (families.QWEN3_35B.attention, cache(1, 1), 131_072, 5.98, 567_978, 0),
        (families.QWEN3_35B.attention, cache(1, 1), 131_072, 6.01, 569_878, 0),
        (families.QWEN3_35B.attention, cache(1, 1), 131_072, 58, 5_510_722, 0),
        (families.QWEN3_27B.attention, cache(2, 1), 131_072, 4.99, 302_921, 0),
        (families.QWEN3_27B.attention, cache(1, 1), 131_072, 58, 1_765_102, 0),
        (families.QWEN35_9B.attention, cache(1, 2), 65_536, 6.75, 209_615, 0.0024),  # a block is so much of it
        ((Full(28, 8, 128),), cache(1, 2), 1024, 18.78, 175_856, 0.0003),
    ],
)
def test_a_pool_holds_the_tokens_that_a_real_engine_reported(
    attention: tuple[Layers, ...], cache: Cache, context: int, pool_gib: float, engine_tokens: int, tolerance: float
) -> None:
    blocks = int(pool_gib * 2**30) // block_bytes(attention, cache)
    tokens = int(blocks / blocks_needed(attention, cache, context) * context)
    assert tokens == pytest.approx(engine_tokens, rel=tolerance, abs=0)


def test_an_a40_holds_the_tokens_of_coder_30b_that_its_engine_reported() -> None:
    """Source: fleet-p0, third party, vLLM 0.29: 46068 MiB, 237,904 tokens. Its overhead is sizing's."""
    a40 = Plan("a40", "cuda", "A40", gpus=1, gpu_gib=46_068 / 1024, capability=86, usd_per_hour=0.5)
    found = fit(named(MODELS, "qwen3-coder-30b-awq"), a40, 131_072, memory_share=0.92)
    assert found.fits
    assert found.pool_gib * 2**30 / found.kv_bytes_per_token == pytest.approx(237_904, rel=0.001)


# Source: `Setting attention block size to N tokens` of real engines, third party, 2025 and 2026: Qwen3.5-27B (0.19),
# Qwen3.6-35B (0.17), Qwen3.5-9B with its cache in fp8 (0.16), Qwen3.8-27B on two cards in fp8, Qwen3-Next-80B (0.10).
@pytest.mark.parametrize(
    ("attention", "cache", "expected"),
    [
        (families.QWEN3_27B.attention, cache(1, 2), 784),
        (families.QWEN3_35B.attention, cache(1, 2), 1056),
        (families.QWEN35_9B.attention, cache(1, 1), 1056),
        (families.QWEN3_27B.attention, cache(2, 1), 1568),
        (CODER_NEXT_16_BIT, cache(2, 2), 544),
    ],
)
def test_a_hybrids_blocks_are_raised_as_a_real_engine_raised_them(
    attention: tuple[Layers, ...], cache: Cache, expected: int
) -> None:
    assert with_states(attention, cache).block_tokens == expected


def test_the_longest_context_of_coder_30b_needs_24_gib_and_a_block() -> None:
    """vLLM's issue 34076 has the 24 GiB; the block is the one held back."""
    needed = bytes_needed(families.QWEN3_CODER_30B.attention, GPU, 262_144)
    assert needed == 24 * 2**30 + 16 * 98_304


def test_a_window_of_128_tokens_holds_what_is_in_flight_and_no_more() -> None:
    """Whatever the context: (127 + 4096) / 16 in whole blocks, and one as the window may begin in the middle of one."""
    window = Sliding(12, 8, 64, window=128)
    assert {window.blocks(context, GPU) for context in (8192, 32_768, 131_072)} == {265}


def test_more_cards_than_heads_replicate_them_and_still_share_the_states() -> None:
    full, states = families.QWEN3_CODER_NEXT.attention
    two, four = replace(GPU, tp=2), replace(GPU, tp=4)
    assert full.page_bytes(two) == full.page_bytes(four)
    assert states.page_bytes(two) == 2 * states.page_bytes(four)


def test_groups_of_mamba2_that_the_cards_cannot_share_are_on_each_of_them() -> None:
    one_group = mamba2(36, heads=128, head_dim=64, groups=1)
    assert 2 * one_group.page_bytes(replace(GPU, tp=2)) - one_group.page_bytes(GPU) == 2 * 128 * 3 * 2


@given(kinds, caches, contexts, st.integers(0, 10_000))
def test_more_context_never_needs_less(attention: tuple[Layers, ...], cache: Cache, context: int, more: int) -> None:
    assert bytes_needed(attention, cache, context + more) >= bytes_needed(attention, cache, context)


@given(caches, contexts, st.integers(1, 100_000), st.integers(0, 10_000))
def test_a_longer_window_never_needs_less(cache: Cache, context: int, window: int, more: int) -> None:
    shorter, longer = (
        bytes_needed((Full(12, 8, 64), Sliding(12, 8, 64, window=size)), cache, context)
        for size in (window, window + more)
    )
    assert longer >= shorter


@given(kinds, caches, contexts)
def test_twice_the_cards_never_need_more_on_each(attention: tuple[Layers, ...], cache: Cache, context: int) -> None:
    twice = replace(cache, tp=2 * cache.tp)
    if all(part.divides(twice.tp) and part.divides(cache.tp) for part in attention):
        assert bytes_needed(attention, twice, context) <= bytes_needed(attention, cache, context)


@given(kinds, caches, contexts)
def test_fp8_never_needs_more_than_16_bits(attention: tuple[Layers, ...], cache: Cache, context: int) -> None:
    fp8, bits16 = (bytes_needed(attention, replace(cache, value_bytes=value_bytes), context) for value_bytes in (1, 2))
    assert fp8 <= bits16


@given(kinds, caches, contexts)
def test_a_sequence_needs_no_less_than_its_tokens_and_states(
    attention: tuple[Layers, ...], cache: Cache, context: int
) -> None:
    states = sum(
        part.layers * part.page_bytes(cache) * part.states for part in attention if isinstance(part, Recurrent)
    )
    assert bytes_needed(attention, cache, context) >= bytes_per_token(attention, cache) * context + states
