"""`fab fit MODEL`: does it fit, on what, and by what arithmetic; of a stack, everything that is wrong with it."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from invoke.context import Context

from playbooks import stack_check
from playbooks.command import busy, command, print_json
from playbooks.models import USUAL_CONTEXT, usual_context
from playbooks.offers import MARKET_HELP, by_price, cloud_meant, market_of, number, plan_named, plans_of
from stacks import stack_file
from stacks.errors import ModelError, UsageError
from stacks.values import nearest, positive_whole

if TYPE_CHECKING:
    from stacks.catalog import Cloud, Model, Plan
    from stacks.market import Market
    from stacks.sizing import Fit


@dataclass(frozen=True)
class Asked:
    """What is asked of a model. None: as is usual, or as fits best."""

    plan: "Plan | None"
    context: int
    tp: int | None
    kv_dtype: str


@dataclass(frozen=True)
class Answer:
    """The model on the plan asked for, or on the cheapest that holds it; and the plans that do, cheapest first."""

    model: "Model"
    plan: "Plan"
    fit: "Fit"
    fitting: "tuple[Plan, ...]"
    market: "Market"
    region: str = ""

    def row(self) -> dict[str, Any]:
        """The answer for programs: GiB are of each card."""
        fit, price = self.fit, self.market.price(self.plan, self.region)
        return {
            "model": self.model.name,
            "hub_id": self.model.hub_id,
            "plan": self.plan.name,
            "tp": fit.tp,
            "context": fit.context,
            "kv_dtype": fit.kv_dtype,
            "weights_gib": round(fit.weights_gib, 3),
            "kv_gib": round(fit.kv_gib, 3),
            "overhead_gib": fit.overhead_gib,
            "free_gib": round(fit.free_gib, 3),
            "kv_bytes_per_token": fit.kv_bytes_per_token,
            "max_context": fit.max_context,
            "fits": fit.fits,
            "reasons": list(fit.reasons),
            "usd_per_hour": price.usd_per_hour,
            "price_source": price.source,
            "plans_that_fit": [plan.name for plan in self.fitting],
        }


HELP = MARKET_HELP | {
    "model": "a model of `fab models`, org/name of the Hub, or a stack",
    "plan": "this plan; else the cheapest that holds it",
    "context": f"tokens of context; else {USUAL_CONTEXT}, or the model's own if that is less",
    "kv": "of the cache: auto, or fp8, which is half as large",
    "tp": "cards that share the model; else as many as its heads allow",
}


@command(positional=["model"], help=HELP)
def fit(
    _c: Context,
    model: str,
    plan: str | None = None,
    context: str = "",
    kv: str = "auto",
    tp: str = "",
    cloud: str | None = None,
    refresh: bool = False,
    json: bool = False,
) -> None:
    """Show whether a model fits, on what, and what a stack lacks.

    Example: fab fit qwen3-coder-30b --context 65536 --kv fp8
    """
    from playbooks import fit_view

    if is_stack(model, alone=not (plan or context or tp or kv != "auto")):
        stack_check.check(model, refresh=refresh, json=json)
        return
    meant, url = cloud_meant(cloud)
    asked = checked(meant, plan, context, tp, kv)
    found = answer(model_meant(model, refresh=refresh), asked, meant, market_of(url, refresh=refresh, ask=False))
    if json:
        print_json(found.row())
    else:
        fit_view.show(found)
    if not found.fit.fits:
        raise ModelError("\n".join(f"fab fit: {reason}" for reason in found.fit.reasons), hint=way_out(found))


def is_stack(word: str, *, alone: bool) -> bool:
    """Whether a stack is meant: of a word that is a model, too, unless more is asked. Raises UsageError for both."""
    from stacks.catalog import MODELS

    if word not in stack_file.stack_names() or (not alone and word in {row.name for row in MODELS}):
        return False
    if not alone:
        raise UsageError(
            f"fab fit: stacks/{word} says itself what it asks for", hint=f"name a model, or fab fit {word} alone"
        )
    return True


def checked(cloud: "Cloud", plan: str | None, context: str, tp: str, kv: str) -> Asked:
    """What was asked for, as values. Raises UsageError."""
    from stacks.sizing import KV_BYTES

    if kv not in KV_BYTES:
        raise UsageError(f"--kv: {kv!r} is unknown", hint=f"choose from: {', '.join(KV_BYTES)}")
    tokens, cards = (int(number(flag, text, positive_whole)) for flag, text in (("context", context), ("tp", tp)))
    return Asked(plan_named(plan, cloud) if plan else None, tokens, cards or None, kv)


def model_meant(word: str, *, refresh: bool) -> "Model":
    """The catalog's row of that name or Hub id, else what the Hub says of it. Raises UsageError naming the nearest.

    refresh: ask the Hub of a Hub id that the catalog has, too.
    """
    from stacks.catalog import MODELS

    for row in MODELS:
        if word == row.name or (word == row.hub_id and not refresh):
            return row
    if re.fullmatch(r"[\w.-]+/[\w.-]+", word):
        from stacks.hub import read_model

        with busy(f"asking the Hub for {word}"):
            return read_model(word)
    names = list(dict.fromkeys([*(row.name for row in MODELS), *stack_file.stack_names()]))
    raise UsageError(f"fab fit: {word!r} is neither a model nor a stack", hint=f"{nearest(word, names)}, or org/name")


def answer(model: "Model", asked: Asked, cloud: "Cloud", market: "Market") -> Answer:
    """The arithmetic for what was asked."""
    from stacks.sizing import fit as fit_of

    context = asked.context or usual_context(model)
    plans = by_price(plans_of(cloud, market), market)

    def on(plan: "Plan") -> "Fit":
        return fit_of(model, plan, context, tp=asked.tp, kv_dtype=asked.kv_dtype)

    fitting = tuple(plan for plan in plans if on(plan).fits)
    plan = asked.plan or (fitting[0] if fitting else max(plans, key=lambda one: one.gpus * one.gpu_gib))
    return Answer(model, plan, on(plan), fitting, market)


def way_out(found: Answer) -> str:
    """What to do about a model that does not fit."""
    from stacks.sizing import most_cards

    fit, words = found.fit, []
    if fit.tp != most_cards(found.model, found.plan):
        words.append("leave --tp out")
    elif len(fit.reasons) == 1 and fit.context > fit.max_context > 0:
        words.append(f"take --context {fit.max_context}")
    if found.fitting:
        words.append(f"take --plan {found.fitting[0].name}")
    return " or ".join(words) or "take a smaller model, or one of fewer bits: fab models"
