"""`fab models`: the models daybox knows, and on what each fits."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from invoke.context import Context

from playbooks.command import command, console, print_json
from playbooks.offers import MARKET_HELP, by_price, cloud_meant, footer, market_of, plans_of, row_named
from playbooks.table import Column, show_table
from stacks.errors import UsageError

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
    context: int = USUAL_CONTEXT,
    cloud: str | None = None,
    refresh: bool = False,
    json: bool = False,
) -> None:
    """Show the models daybox knows, and the cheapest plan each fits.

    Example: fab models --plan g2-gpu-rtx4000a2-s --context 65536
    """
    from stacks.catalog import MODELS, PLANS

    if context < 1:
        raise UsageError(f"--context: {context} is no number of tokens", hint="write a whole number above zero")
    wanted = [row_named("--plan", PLANS, plan)] if plan else None
    meant, url = cloud_meant(cloud)
    market = market_of(url, refresh=refresh, ask=False)
    candidates = wanted or by_price(plans_of(meant, market), market)
    offers = [offer(model, candidates, context) for model in MODELS]
    if json:
        print_json([row(one, market) for one in offers])
    else:
        show([one for one in offers if one.fit.fits], offers, market)


def offer(model: "Model", plans: "list[Plan]", context: int) -> Offer:
    """The first of the plans that holds the model, cheapest first."""
    from stacks.sizing import fit

    tried = [Offer(model, plan, fit(model, plan, context)) for plan in plans]
    return next((one for one in tried if one.fit.fits), tried[-1])


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
    out.print(footer(market), markup=False, soft_wrap=True)


def cells(one: Offer, market: "Market") -> tuple[str, ...]:
    """One model as texts, in the order of COLUMNS."""
    model, family = one.model, one.model.family
    usd = f"{market.price(one.plan).usd_per_hour:.2f}"
    served = (one.plan.name, usd, str(one.fit.max_context))
    made = (str(family.window_tokens), family.aider.edit_format, family.licence)
    return model.name, f"{model.weights_gib:.1f}", model.quantization.name, *served, *made
