"""Two models on the same cards: does the architect fit beside the main model, and how much of a card has each?

The architect gets what one request of full length needs, and the main model all the rest: so another main model leaves
the architect's share, and with it its container, as it is. Each is a vLLM of its own, with an overhead of its own.
"""

import math
from dataclasses import dataclass, replace

from stacks import attention, sizing
from stacks.attention import Recurrent
from stacks.catalog import Model, Plan
from stacks.sizing import Fit

STEP_GIB = 1 / 16  # an architect's part is a round number: a hair more or less of a need does not restart it


@dataclass(frozen=True)
class Terms:
    """What both models are served with. whole_gib: what all of vLLM may take of a card."""

    plan: Plan
    kv_dtype: str
    whole_gib: float
    sequences: int
    batched_tokens: int


@dataclass(frozen=True)
class Pair:
    """How each of the two fits beside the other: `main` in what `architect` leaves."""

    main: Fit
    architect: Fit


def pair(main: Model, tp: int, architect: Model, context: int, terms: Terms) -> Pair:
    """How both fit with `context` tokens; the architect with no more than it was made for, on as many cards as it can.

    What does not fit stands in the architect's reasons: alone, then beside the main model.
    """
    cards = sizing.most_cards(architect, terms.plan)
    window = min(context, architect.family.window_tokens)
    alone = Pair(
        fit_in(main, tp, context, terms, terms.whole_gib), fit_in(architect, cards, window, terms, terms.whole_gib)
    )
    if alone.main.reasons or alone.architect.reasons:
        return alone
    part = math.ceil(least_gib(architect, cards, window, terms) / STEP_GIB) * STEP_GIB
    both = Pair(fit_in(main, tp, context, terms, terms.whole_gib - part), fit_in(architect, cards, window, terms, part))
    if both.main.reasons:
        left = terms.whole_gib - least_gib(main, tp, context, terms)
        beside = fit_in(architect, cards, window, terms, max(left, 0.0))
        reason = too_much(alone, terms, together(main, tp, architect, terms))
        return Pair(alone.main, replace(beside, reasons=(reason,)))
    return both


def fit_in(model: Model, tp: int, context: int, terms: Terms, budget_gib: float) -> Fit:
    """How the model fits that much of each card."""
    return sizing.fit(
        model,
        terms.plan,
        context,
        tp=tp,
        kv_dtype=terms.kv_dtype,
        budget_gib=budget_gib,
        sequences=terms.sequences,
        batched_tokens=terms.batched_tokens,
    )


def least_gib(model: Model, tp: int, context: int, terms: Terms) -> float:
    """The least of each card with which the model serves one request of `context` tokens, GiB."""
    parts = model.family.attention
    cache = sizing.cache_of(terms.plan, tp, terms.kv_dtype, terms.batched_tokens)
    states = terms.sequences if any(isinstance(part, Recurrent) for part in parts) else 0
    bytes_ = max(attention.bytes_needed(parts, cache, context), states * attention.block_bytes(parts, cache))
    return model.weights_gib / tp + bytes_ / 2**30 + sizing.overhead_gib(terms.plan)


def together(main: Model, tp: int, architect: Model, terms: Terms) -> int:
    """The longest context with which both fit; 0 if there is none."""
    cards, low, high = sizing.most_cards(architect, terms.plan), 0, main.family.window_tokens
    while low < high:
        middle = (low + high + 1) // 2
        needs = (
            least_gib(main, tp, middle, terms),
            least_gib(architect, cards, min(middle, architect.family.window_tokens), terms),
        )
        low, high = (middle, high) if needs[0] + needs[1] + STEP_GIB <= terms.whole_gib else (low, middle - 1)
    return low


def too_much(alone: Pair, terms: Terms, longest: int) -> str:
    """Why two that fit alone do not fit together."""
    needs = [one.weights_gib + one.kv_gib + one.overhead_gib for one in (alone.main, alone.architect)]
    way_out = f"both fit with {longest} tokens" if longest else "no context is short enough"
    return (
        f"{alone.architect.model} does not fit beside {alone.main.model} on {terms.plan.name}: {needs[1]:.1f} + "
        f"{needs[0]:.1f} GiB of weights, cache and overhead on a card, of {terms.whole_gib:.1f} GiB; {way_out}"
    )
