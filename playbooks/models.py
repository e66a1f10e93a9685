"""`fab models`: the models daybox knows, and on what each fits."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from invoke.context import Context

from playbooks.command import command, console, print_json, print_line
from playbooks.offers import (
    MARKET_HELP,
    by_price,
    cloud_meant,
    marked,
    market_of,
    notes,
    number,
    plan_named,
    plans_of,
)
from playbooks.table import Column, show_table
from stacks.values import positive_whole

if TYPE_CHECKING:
    from stacks.catalog import Model, Plan
    from stacks.market import Market
    from stacks.sizing import Fit

USUAL_CONTEXT = 32_768  # the default of Pulumi.yaml
COLUMNS = (
    Column("model"),
    Column("GiB", right=True),
    Column("as"),
    Column("fits on"),
    Column("$/h", right=True),
    Column("context there", right=True),
    Column("made for", right=True, spare=True),
    Column("edits", spare=True),
    Column("licence", spare=True),
)


@dataclass(frozen=True)
class Offer:
    """A model, and how it fits the plan asked for, or the cheapest that holds it; on none, the last one tried."""

    model: "Model"
    plan: "Plan"
    fit: "Fit"


@command(
    help=MARKET_HELP
    | {"plan": "only what fits this plan, as g2-gpu-rtx4000a2-s", "context": "tokens of context wanted, 32768"}
)
def models(
    _c: Context,
    plan: str | None = None,
    context: str = "",
    cloud: str | None = None,
    refresh: bool = False,
    json: bool = False,
) -> None:
    """Show the models daybox knows, and the cheapest plan each fits.

    Example: fab models --plan g2-gpu-rtx4000a2-s --context 65536
    """
    from stacks.catalog import MODELS

    tokens = int(number("context", context, positive_whole))
    meant, url = cloud_meant(cloud)
    market = market_of(url, refresh=refresh, ask=False)
    candidates = [plan_named(plan, meant)] if plan else by_price(plans_of(meant, market), market)
    offers = [offer(model, candidates, tokens or usual_context(model)) for model in MODELS]
    if json:
        print_json([row(one, market) for one in offers])
    else:
        show([one for one in offers if one.fit.fits], offers, market)


def usual_context(model: "Model") -> int:
    """Tokens of context where nobody says how many: no more than the model was made for."""
    return min(USUAL_CONTEXT, model.family.window_tokens)


def offer(model: "Model", plans: "list[Plan]", context: int) -> Offer:
    """The first of the plans that holds the model, cheapest first."""
    from stacks.sizing import fit

    for plan in plans:
        found = Offer(model, plan, fit(model, plan, context))
        if found.fit.fits:
            break
    return found


def row(one: Offer, market: "Market") -> dict[str, Any]:
    """One model for programs."""
    model, price = one.model, market.price(one.plan)
    return {
        "model": model.name,
        "hub_id": model.hub_id,
        "revision": model.revision,
        "billions": model.billions,
        "weights_gib": round(model.weights_gib, 2),
        "weights_source": model.source,
        "quantization": model.quantization.name,
        "window_tokens": model.family.window_tokens,
        "edit_format": model.family.aider.edit_format,
        "licence": model.family.licence,
        "fits": one.fit.fits,
        "reasons": list(one.fit.reasons),
        "plan": one.plan.name,
        "max_context": one.fit.max_context,
        "usd_per_hour": price.usd_per_hour,
        "price_source": price.source,
    }


def show(fitting: list[Offer], all_offers: list[Offer], market: "Market") -> None:
    """Those that fit as a table, and how many do not."""
    out = console()
    if fitting:
        show_table(out, COLUMNS, [cells(one, market) for one in fitting])
    if others := len(all_offers) - len(fitting):
        out.print(f"{others} more do not fit: --json says why")
    for note in notes([one.plan for one in fitting], market):
        print_line(out, note)


def cells(one: Offer, market: "Market") -> tuple[str, ...]:
    """One model as texts, in the order of COLUMNS."""
    model, family = one.model, one.model.family
    plan = f"{one.plan.name}{' (on request)' if one.plan.gated else ''}"
    served = (plan, marked(one.plan, market), str(one.fit.max_context))
    made = (str(family.window_tokens), family.aider.edit_format, family.licence)
    return model.name, f"{model.weights_gib:.1f}", model.quantization.name, *served, *made
