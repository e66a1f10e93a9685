"""Does a model fit a plan? Arithmetic alone: weights + KV cache + overhead, in GiB on each card."""

from dataclasses import dataclass

from stacks import attention
from stacks.attention import Cache, Full, Recurrent
from stacks.catalog import DEVICES, MEMORY_SHARE, Device, Model, Plan
from stacks.models import FP8

# What a card holds beside weights and cache: activations, CUDA graphs, the CUDA context. Source: an A40 with
# Qwen3-Coder-30B (fleet-p0, vLLM 0.29): 46068 MiB x 0.92 - 17.94 GiB of weights - 21.78 GiB of cache.
OVERHEAD_GIB = 1.67
CPU_OVERHEAD_GIB = 1.0  # the local box: API and engine processes without weights and cache
KV_BYTES = {"auto": 2, "fp8": 1}  # bytes of one cached number; auto: as the model computes, 16 bits
CONCURRENT_BATCHES = 2  # vLLM schedules one batch of tokens while the other computes (config/vllm.py)


@dataclass(frozen=True)
class Fit:
    """One model on one plan: what each of `tp` cards holds, GiB, and why that does not work, if it does not.

    kv_gib: of one sequence of `context` tokens. max_context: the longest that fits and that the model was made for.
    pool_gib: what is left for the cache. concurrency: sequences of `context` tokens at once.
    """

    model: str
    plan: str
    tp: int
    context: int
    kv_dtype: str
    weights_gib: float
    kv_gib: float
    overhead_gib: float
    budget_gib: float
    pool_gib: float
    kv_bytes_per_token: int
    max_context: int
    concurrency: float
    reasons: tuple[str, ...]

    @property
    def free_gib(self) -> float:
        """What is left of the card's budget; below zero if it does not fit."""
        return self.budget_gib - self.weights_gib - self.kv_gib - self.overhead_gib

    @property
    def fits(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.reasons


def fit(
    model: Model,
    plan: Plan,
    context: int,
    *,
    tp: int | None = None,
    kv_dtype: str = "auto",
    memory_share: float = MEMORY_SHARE,
    budget_gib: float | None = None,
    sequences: int = 1,
    batched_tokens: int | None = None,
) -> Fit:
    """What `model` with `context` tokens needs on each card of `plan`.

    tp: cards that share the model; None: as many as its heads allow. kv_dtype: `auto` or `fp8`. memory_share: of a
    card's memory that vLLM takes; budget_gib: the same in GiB, where another model has a part of it (see pair.py).
    sequences: that may be served at once.
    batched_tokens: computed in one step; None: the device's own. What more of them need beside the cache is not known.
    """
    tp = tp or most_cards(model, plan)
    device, parts = device_of(plan), model.family.attention
    cache = cache_of(plan, tp, kv_dtype, batched_tokens)
    budget = whole_gib(plan, memory_share) if budget_gib is None else budget_gib
    overhead = overhead_gib(plan)
    pool = min(device.kv_pool_gib or budget, budget - model.weights_gib / tp - overhead)
    longest = longest_context(model, cache, pool)
    needed = attention.bytes_needed(parts, cache, context)
    blocks = max(0, int(pool * 2**30) // attention.block_bytes(parts, cache))
    return Fit(
        model=model.name,
        plan=plan.name,
        tp=tp,
        context=context,
        kv_dtype=kv_dtype,
        weights_gib=model.weights_gib / tp,
        kv_gib=needed / 2**30,
        overhead_gib=overhead,
        budget_gib=budget,
        pool_gib=max(pool, 0),
        kv_bytes_per_token=attention.bytes_per_token(parts, cache),
        max_context=longest,
        concurrency=blocks / attention.blocks_needed(parts, cache, context),
        reasons=(
            *misfits(model, plan, tp, kv_dtype),
            *shortages(model, plan, context, longest, tp),
            *crowds(model, sequences, blocks, longest),
        ),
    )


def cache_of(plan: Plan, tp: int, kv_dtype: str, batched_tokens: int | None) -> Cache:
    """How a card of the plan caches."""
    device = device_of(plan)
    in_flight = CONCURRENT_BATCHES * (batched_tokens or device.batched_tokens)
    return Cache(tp, KV_BYTES[kv_dtype], device.block_tokens, in_flight)


def whole_gib(plan: Plan, memory_share: float) -> float:
    """What vLLM may take of a card, GiB; of a plan without cards, its memory."""
    return plan.gpu_gib * (memory_share if plan.gpus else 1)


def overhead_gib(plan: Plan) -> float:
    """What each vLLM holds on each card beside weights and cache."""
    return OVERHEAD_GIB if plan.gpus else CPU_OVERHEAD_GIB


def longest_context(model: Model, cache: Cache, pool_gib: float) -> int:
    """The most tokens, up to the model's own window, of which one sequence fits a pool of `pool_gib`; 0 if none."""
    low, high = 0, model.family.window_tokens
    while low < high:
        middle = (low + high + 1) // 2
        if attention.bytes_needed(model.family.attention, cache, middle) <= pool_gib * 2**30:
            low = middle
        else:
            high = middle - 1
    return low


def misfits(model: Model, plan: Plan, tp: int, kv_dtype: str) -> list[str]:
    """What the cards cannot do, however much memory they had."""
    if not plan.gpus:
        return (
            [f"{plan.name} has no card: no tensor parallelism, no cache in fp8"] if tp > 1 or kv_dtype != "auto" else []
        )
    reasons = []
    needed = model.quantization.capability
    if plan.capability < needed:
        reasons.append(
            f"{model.name} is {model.quantization.name}, which needs compute capability {needed / 10:.1f}; "
            f"the {plan.card} of {plan.name} has {plan.capability / 10:.1f}"
        )
    if kv_dtype == "fp8" and plan.capability < FP8.capability:
        reasons.append(
            f"a cache in fp8 needs compute capability {FP8.capability / 10:.1f}, "
            f"the {plan.card} of {plan.name} has {plan.capability / 10:.1f}"
        )
    if tp > plan.gpus:
        reasons.append(f"tensor parallelism of {tp} needs {tp} cards, {plan.name} has {plan.gpus}")
    if not divides(model, tp):
        heads = f"{model.family.heads} attention heads{kv_heads(model)}"
        reasons.append(f"{tp} cards cannot share the {heads} of {model.name}: {choices(model, plan)}")
    return reasons


def shortages(model: Model, plan: Plan, context: int, longest: int, tp: int) -> list[str]:
    """What is too long, or too much."""
    window = model.family.window_tokens
    if context > window:
        return [f"{context} tokens are more than the {window} that {model.name} was made for"]
    if longest == 0:
        weights = f"{model.weights_gib / tp:.1f} GiB of weights on each of {tp} cards of {plan.gpu_gib:.1f} GiB"
        return [f"{model.name} has {weights}, which leaves no room for a cache on {plan.name}"]
    if context > longest:
        return [f"{context} tokens are more than the {longest} of {model.name} that fit {plan.name}"]
    return []


def crowds(model: Model, sequences: int, blocks: int, longest: int) -> list[str]:
    """More sequences than states of recurrent layers find room: vLLM refuses that at its start."""
    recurrent = any(isinstance(part, Recurrent) for part in model.family.attention)
    if recurrent and longest and sequences > blocks:
        return [f"{sequences} sequences at once are more than the {blocks} states of {model.name} that fit"]
    return []


def divides(model: Model, tp: int) -> bool:
    """Whether `tp` cards can share the model's heads, of every kind."""
    return model.family.heads % tp == 0 and all(part.divides(tp) for part in model.family.attention)


def most_cards(model: Model, plan: Plan) -> int:
    """The most cards of the plan that can share the model."""
    return max(tp for tp in range(1, max(1, plan.gpus) + 1) if divides(model, tp))


def kv_heads(model: Model) -> str:
    """` (4 of keys and values)`, for an error; empty if nothing of the kind is shared."""
    heads = {part.kv_heads for part in model.family.attention if isinstance(part, Full)}
    heads |= {part.heads for part in model.family.attention if isinstance(part, Recurrent)}
    return f" ({', '.join(map(str, sorted(heads)))} of keys and values)" if heads else ""


def choices(model: Model, plan: Plan) -> str:
    """The numbers of cards that would do, for an error."""
    return "it takes " + " or ".join(str(tp) for tp in range(1, max(1, plan.gpus) + 1) if divides(model, tp))


def device_of(plan: Plan) -> Device:
    """What vLLM computes on with this plan."""
    return next(device for device in DEVICES if device.name == plan.device)
