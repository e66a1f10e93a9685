"""`fab plans`: what can be rented, for how much, and where it is said to be in stock."""

import math
from typing import TYPE_CHECKING, Any

from invoke.context import Context

from playbooks.command import command, console, print_json, print_line
from playbooks.offers import (
    MARKET_HELP,
    by_price,
    check_region,
    cloud_meant,
    marked,
    market_of,
    notes,
    number,
    plans_of,
)
from playbooks.table import Column, show_table
from stacks.errors import UsageError
from stacks.values import positive

if TYPE_CHECKING:
    from stacks.catalog import Plan
    from stacks.market import Market

BAR_GIB = 8  # of memory for each character of the bar
COLUMNS = (
    Column("plan"),
    Column("cards", spare=True),
    Column("GiB", right=True),
    Column(""),
    Column("$/h", right=True),
    Column("in stock"),
)
FEW_REGIONS = 4


@command(
    help=MARKET_HELP
    | {
        "region": "prices and stock of this region, as us-ord",
        "min-vram": "only plans with this much memory, GB as they are sold",
    }
)
def plans(
    _c: Context,
    region: str = "",
    min_vram: str = "",
    cloud: str | None = None,
    refresh: bool = False,
    json: bool = False,
) -> None:
    """Show what can be rented, cheapest first, with live prices.

    Example: fab plans --region us-ord --min-vram 40
    """
    least = number("min-vram", min_vram, positive)
    meant, url = cloud_meant(cloud)
    market = market_of(url, refresh=refresh)
    check_region(region, market)
    chosen = [plan for plan in by_price(plans_of(meant, market), market, region) if sold_gb(plan) >= least]
    if not chosen:
        most = max(sold_gb(plan) for plan in plans_of(meant, market))
        raise UsageError(f"--min-vram: no plan has {least:g} GB", hint=f"the largest has {most:g}")
    if json:
        print_json([row(plan, market, region) for plan in chosen])
    else:
        show(chosen, market, region)


def vram_gib(plan: "Plan") -> float:
    """The memory of all cards together."""
    return max(1, plan.gpus) * plan.gpu_gib


def sold_gb(plan: "Plan") -> float:
    """The memory by which a plan is sold: 24 for a card that shows 23.6 GiB."""
    return max(1, plan.gpus) * math.ceil(plan.gpu_gib)


def row(plan: "Plan", market: "Market", region: str) -> dict[str, Any]:
    """One plan for programs. regions: where it is listed as available; null if that is not known."""
    price = market.price(plan, region)
    return {
        "plan": plan.name,
        "card": plan.card,
        "gpus": plan.gpus,
        "vram_gib": round(vram_gib(plan), 2),
        "capability": plan.capability / 10,
        "usd_per_hour": price.usd_per_hour,
        "price_source": price.source,
        "regions": market.in_stock(plan),
        "on_request": plan.gated,
        "read_at": market.read_at,
    }


def show(plans: "list[Plan]", market: "Market", region: str) -> None:
    """The plans as a table, and below it where its figures are from."""
    from stacks.catalog import PLANS

    out = console()
    show_table(out, COLUMNS, [cells(plan, market, region) for plan in plans])
    for note in notes(plans, market, region):
        print_line(out, note)
    if strange := sorted(set(market.gpu_plans) - {plan.name for plan in PLANS}):
        print_line(out, f"also on the list, unknown to daybox: {', '.join(strange)}")


def cells(plan: "Plan", market: "Market", region: str) -> tuple[str, ...]:
    """One plan as texts, in the order of COLUMNS."""
    gib = vram_gib(plan)
    cards = f"{plan.gpus} × {plan.card}" if plan.gpus else "no card"
    bar = "█" * max(1, round(gib / BAR_GIB))
    return plan.name, cards, f"{gib:.0f}", bar, marked(plan, market, region), stock(plan, market, region)


def stock(plan: "Plan", market: "Market", region: str) -> str:
    """Where it is said to be had."""
    regions = market.in_stock(plan)
    if plan.gated:
        return "on request"
    if regions is None:
        return "?"
    if region:
        return "yes" if region in regions else "no"
    more = f" and {len(regions) - FEW_REGIONS} more" if len(regions) > FEW_REGIONS else ""
    return ", ".join(regions[:FEW_REGIONS]) + more if regions else "nowhere"
