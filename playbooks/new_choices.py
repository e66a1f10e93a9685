"""What `fab new` offers: purposes, models, plans with price and stock, regions by their measured distance."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from playbooks.command import busy
from playbooks.offers import dollars
from playbooks.questions import Choice

if TYPE_CHECKING:
    from stacks.catalog import Cloud, Plan
    from stacks.market import Market


@dataclass(frozen=True)
class Purpose:
    """What somebody wants to do, and the model and context for it."""

    model: str
    context: int
    why: str


# Source: the picks for each size of memory in the facts on vLLM, 2026-11-20, and what fits one or two Ada cards.
PURPOSES = {
    "edit": Purpose("qwen3-coder-30b", 32_768, "everyday edits: quick, safe drafts, two cards"),
    "careful": Purpose("qwen3.8-27b", 32_768, "hard edits: the best of two cards, slower"),
    "long": Purpose("gpt-oss-20b", 131_072, "long context on one card"),
    "cheap": Purpose("qwen2.5-coder-14b", 32_768, "small edits on one card, half the price"),
}


def purpose_choices() -> list[Choice]:
    """The purposes, and the way to name a model oneself."""
    named = [Choice(name, f"{name:<8} {one.why} ({one.model})") for name, one in PURPOSES.items()]
    return [*named, Choice("", "a model of my own choice")]


def model_choices() -> list[Choice]:
    """Every model of the catalog."""
    from stacks.catalog import MODELS

    return [Choice(row.name, f"{row.name:<26} {row.weights_gib:>6.1f} GiB {row.quantization.name}") for row in MODELS]


def plan_choices(plans: "list[Plan]", market: "Market") -> list[Choice]:
    """Plans that fit, cheapest first, with price and stock."""
    return [Choice(plan.name, plan_title(plan, market, first=index == 0)) for index, plan in enumerate(plans)]


def plan_title(plan: "Plan", market: "Market", *, first: bool) -> str:
    """One plan with its price, its source and where it is listed."""
    price, regions = market.price(plan), market.in_stock(plan)
    stock = "on request" if plan.gated else ("stock unknown" if regions is None else f"{len(regions)} regions")
    mark = "  <- cheapest" if first else ""
    return f"{plan.name:<30} {dollars(price)} ({price.source}), {stock}{mark}"


def region_choices(cloud: "Cloud", plan: "Plan", market: "Market") -> list[Choice]:
    """Regions that list the plan, the nearest first, each with its distance if that could be measured."""
    from stacks.latency import latencies

    regions = market.in_stock(plan) or []
    with busy(f"measuring the way to {len(regions)} regions"):
        measured = latencies(regions) if cloud.far else {}
    ordered = [*measured, *(region for region in regions if region not in measured)]
    return [Choice(region, region_title(region, market, measured.get(region))) for region in ordered]


def region_title(region: str, market: "Market", took: float | None) -> str:
    """One region with its name and distance."""
    distance = "distance not measured" if took is None else f"{took:.0f} ms"
    return f"{region:<14} {market.regions.get(region, ''):<24} {distance}"
