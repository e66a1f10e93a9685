"""How a model fits, as a picture: the memory of one card as a bar, and the arithmetic under it."""

from typing import TYPE_CHECKING

from playbooks.command import console, print_line
from playbooks.offers import dollars, footer

if TYPE_CHECKING:
    from rich.console import Console

    from playbooks.fit import Answer
    from stacks.catalog import Plan
    from stacks.price import Price
    from stacks.sizing import Fit

WIDTH = 60  # characters of the bar
PARTS = (("weights", "█", "cyan"), ("cache", "▓", "green"), ("overhead", "▒", "yellow"), ("free", "░", "dim"))


def show(found: "Answer") -> None:
    """Print the answer for people."""
    from stacks.catalog import MODELS

    out, model = console(), found.model
    size = f", {model.billions:g} billion parameters" if model.billions else ""
    print_line(out, f"{model.name}: {model.hub_id}, {model.quantization.name}{size}, {model.family.licence}")
    show_plan(out, found.plan, found.fit)
    if model not in MODELS:
        print_line(out, "not in the catalog: to rent a box for it, add a row to stacks/models.py")
    for line in money(found):
        print_line(out, line)
    print_line(out, footer(found.market))


def show_plan(out: "Console", plan: "Plan", fit: "Fit") -> None:
    """The card and the arithmetic."""
    from rich.text import Text

    print_line(out, f"{plan.name}: {cards(plan, fit)}")
    out.print(Text.assemble("  ", *bar(fit, plan)))
    for line in arithmetic(plan, fit):
        print_line(out, f"  {line}")
    out.print(Text(f"  {verdict(fit)}", style="bold green" if fit.fits else "bold red"), soft_wrap=True)


def cards(plan: "Plan", fit: "Fit") -> str:
    """What the plan has, and how much of it takes part."""
    if not plan.gpus:
        return f"no card, {plan.gpu_gib:.1f} GiB of memory"
    unused = f"; {fit.tp} of them share the model" if fit.tp != plan.gpus else ""
    return f"{plan.gpus} × {plan.card} of {plan.gpu_gib:.1f} GiB{unused}"


def sizes(fit: "Fit") -> tuple[float, ...]:
    """GiB of weights, cache, overhead and what is free, in the order of PARTS."""
    return fit.weights_gib, fit.kv_gib, fit.overhead_gib, max(0.0, fit.free_gib)


def bar(fit: "Fit", plan: "Plan") -> list[tuple[str, str]]:
    """The memory of one card: characters and their style. What is too much stands beyond the bar's end."""
    whole = max(plan.gpu_gib, 0.1)
    pieces = [
        (sign * min(WIDTH, round(gib / whole * WIDTH)), style)
        for (_, sign, style), gib in zip(PARTS, sizes(fit), strict=True)
    ]
    drawn = sum(len(text) for text, _ in pieces)
    rest = [("·" * (WIDTH - drawn), "dim")] if drawn < WIDTH else []
    return [*pieces, *rest, (f"  {plan.gpu_gib:.1f} GiB", "")]


def arithmetic(plan: "Plan", fit: "Fit") -> list[str]:
    """How each figure comes about, one a line."""
    shared = f" ÷ {fit.tp} cards" if fit.tp > 1 else ""
    share = f" of {plan.gpu_gib:.1f} GiB that vLLM may take" if plan.gpus else ""
    kept = "fp8" if fit.kv_dtype == "fp8" else "16 bits"
    notes = (
        f"{fit.weights_gib * fit.tp:.2f} GiB{shared}",
        f"{fit.context} tokens, {fit.kv_bytes_per_token} bytes each ({kept}), in whole blocks",
        "activations, CUDA graphs, CUDA itself: measured on an A40" if plan.gpus else "vLLM's own processes",
        f"of {fit.budget_gib:.2f} GiB{share}",
    )
    figures = (*sizes(fit)[:3], fit.free_gib)
    return [
        f"{sign} {name:<9}{gib:>7.2f} GiB  {note}"
        for (name, sign, _), gib, note in zip(PARTS, figures, notes, strict=True)
    ]


def verdict(fit: "Fit") -> str:
    """Whether it fits, how long a context could be, and how many at once."""
    if not fit.fits:
        return f"does not fit; the longest context here is {fit.max_context}"
    return f"fits; the longest context here is {fit.max_context}, or {fit.concurrency:.1f} of {fit.context} at once"


def money(found: "Answer") -> list[str]:
    """The price of this plan, the cheapest plan that fits, and the next one up."""
    words = [
        f"{kind}: {priced(found, plan)}"
        for kind, plan in zip(("cheapest that fits", "next"), found.fitting, strict=False)
    ]
    return [price_line(found.plan, found.market.price(found.plan)), *(["; ".join(words)] if words else [])]


def price_line(plan: "Plan", price: "Price") -> str:
    """What a plan costs, and who says so."""
    return f"{plan.name}: {dollars(price)} ({price.source})"


def priced(found: "Answer", plan: "Plan") -> str:
    """A plan with its price."""
    return f"{plan.name} {dollars(found.market.price(plan))}{' on request' if plan.gated else ''}"
