"""Does a model fit a plan? Arithmetic alone: weights + KV cache + overhead, in GiB per card."""

from dataclasses import dataclass

from stacks.catalog import MEMORY_SHARE, Model, Plan

OVERHEAD_GIB = (
    1.67  # activations, CUDA graphs, non-torch: measured on an A40 with Qwen3-Coder-30B (fleet-p0, vLLM 0.29)
)
CPU_OVERHEAD_GIB = 1.0  # the local box: API and engine processes without weights and cache
BYTES_PER_VALUE = 2  # bf16


@dataclass(frozen=True)
class Fit:
    """What one card holds, GiB; `free_gib` below zero means that it does not fit."""

    weights_gib: float
    kv_gib: float
    overhead_gib: float
    budget_gib: float

    @property
    def free_gib(self) -> float:
        """What is left of the card's budget."""
        return self.budget_gib - self.weights_gib - self.kv_gib - self.overhead_gib

    @property
    def fits(self) -> bool:
        """Whether the card holds all of it."""
        return self.free_gib >= 0


def kv_bytes_per_token(model: Model, tp: int) -> int:
    """Bytes that one token of full attention occupies on each card.

    Keys and values (2) of 2 bytes each; heads are replicated when there are more cards than kv heads.
    Source: vLLM 0.33, v1/kv_cache_interface.py; two real engines agree within 0.03 %.
    """
    heads_per_card = max(1, model.kv_heads // tp)
    return 2 * BYTES_PER_VALUE * model.layers * heads_per_card * model.head_dim


def fit(model: Model, plan: Plan, context: int) -> Fit:
    """What `model` with `context` tokens needs on each card of `plan`, GiB."""
    tp = max(1, plan.gpus)
    return Fit(
        weights_gib=model.weights_gib / tp,
        kv_gib=kv_bytes_per_token(model, tp) * context / 2**30,
        overhead_gib=OVERHEAD_GIB if plan.gpus else CPU_OVERHEAD_GIB,
        budget_gib=plan.gpu_gib * (MEMORY_SHARE if plan.gpus else 1),
    )


def reasons_against(model: Model, plan: Plan, context: int) -> list[str]:
    """Why `model` cannot be served on `plan` with `context` tokens; empty if it can."""
    reasons = []
    if context > model.window_tokens:
        reasons.append(f"{context} tokens are more than the {model.window_tokens} {model.name} was made for")
    if plan.gpus and plan.capability < model.minimum_capability:
        reasons.append(
            f"{plan.name} has compute capability {plan.capability}, {model.name} needs {model.minimum_capability}"
        )
    if plan.gpus and model.heads % plan.gpus:
        reasons.append(f"{plan.gpus} cards do not divide the {model.heads} attention heads of {model.name}")
    needed = fit(model, plan, context)
    if not needed.fits:
        reasons.append(
            f"{model.name} with {context} tokens needs {needed.budget_gib - needed.free_gib:.1f} GiB a card, "
            f"{plan.name} gives {needed.budget_gib:.1f}"
        )
    return reasons
