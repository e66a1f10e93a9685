"""What can be rented, for the commands that choose: which cloud is meant, its market, its plans by price."""

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from playbooks.command import busy
from playbooks.questions import given
from stacks import stack_file
from stacks.errors import UsageError
from stacks.values import api_url, named

if TYPE_CHECKING:
    from stacks.catalog import Cloud, Plan
    from stacks.market import Market
    from stacks.price import Price

T = TypeVar("T")
MARKET_HELP = {
    "cloud": "linode or local; else that of the stack in PULUMI_STACK, else linode",
    "refresh": "ask the cloud for prices and stock, however fresh what is kept",
    "json": "print JSON for programs",
}
DEFAULT_CLOUD = "linode"


def row_named(kind: str, rows: tuple[T, ...], name: str) -> T:
    """The catalog's row of that name. Raises UsageError naming the nearest, as `fab plans: 'x' is not …`."""
    try:
        return named(rows, name)
    except ValueError as error:
        raise UsageError(f"{kind}: {error.args[0]}", hint=error.args[1]) from None


def cloud_meant(name: str | None, stack: str | None = None) -> "tuple[Cloud, str]":
    """The cloud to choose from, and its API's address: as named, else of the stack, else linode.

    stack: one whose file is there; None is the one in PULUMI_STACK.
    Raises UsageError for a cloud that is unknown, or does not run.
    """
    from stacks.catalog import CLOUDS

    url = ""
    stack = stack or os.environ.get("PULUMI_STACK", "").rpartition("/")[2]  # Pulumi takes org/project/stack, too
    if not name and stack in stack_file.stack_names():
        raw, _ = stack_file.raw_of(stack)
        name, url = raw.get("cloud"), raw.get("url", "")
    cloud = row_named("--cloud", CLOUDS, name or DEFAULT_CLOUD)
    try:
        return cloud, api_url(cloud, url)
    except ValueError as error:
        raise UsageError(f"--cloud: {error.args[0]}", hint=error.args[1]) from None


def plan_named(name: str, cloud: "Cloud") -> "Plan":
    """The catalog's row of a plan that this cloud sells. Raises UsageError naming the nearest."""
    from stacks.catalog import PLANS

    plan = row_named("--plan", PLANS, name)
    if not cloud.has(plan):
        raise UsageError(f"--plan: {cloud.name} has no {name}", hint=f"see fab plans --cloud {cloud.name}")
    return plan


def number(flag: str, text: str, check: Callable[[str], float]) -> float:
    """The number in a flag's text, 0 where it was not given. Raises UsageError naming the flag."""
    return check(given(flag, text, check)) if text else 0


def market_of(url: str, *, refresh: bool, ask: bool = True) -> "Market":
    """The cloud's market; what is waited for is said. ask: False asks nobody, unless `refresh` does."""
    from stacks.market import host_of, market

    if not (ask or refresh):
        return market(url, ask=False)
    with busy(f"asking {host_of(url)} for prices and stock"):
        return market(url, refresh=refresh)


def plans_of(cloud: "Cloud", market: "Market") -> "list[Plan]":
    """The plans that this cloud sells, as far as is known; those on request are on no public list."""
    from stacks.catalog import PLANS

    return [plan for plan in PLANS if cloud.has(plan) and (plan.gated or market.sells(plan) is not False)]


def by_price(plans: "Sequence[Plan]", market: "Market", region: str = "") -> "list[Plan]":
    """Cheapest first, those on request last."""
    return sorted(plans, key=lambda plan: (plan.gated, market.price(plan, region).usd_per_hour))


def check_region(region: str, market: "Market") -> None:
    """Raises UsageError, naming the nearest, for a region that the cloud does not have; without a list all will do."""
    if fault := market.no_region(region):
        raise UsageError(f"--region: {fault[0]}", hint=fault[1])


def is_read(plan: "Plan", market: "Market", region: str = "") -> bool:
    """Whether the plan's price was read from the API."""
    return market.usd_read(plan.name, region) is not None


def marked(plan: "Plan", market: "Market", region: str = "") -> str:
    """The price in a table; a star where nobody read it."""
    return f"{market.price(plan, region).usd_per_hour:.2f}{'' if is_read(plan, market, region) else ' *'}"


def notes(plans: "Sequence[Plan]", market: "Market", region: str = "") -> list[str]:
    """What stands below a table of prices: whence those with a star are, and how old the others."""
    remembered = sorted({plan.price_read for plan in plans if not is_read(plan, market, region)})
    star = [f"* as daybox's catalog has it, {' and '.join(remembered)}: no price was read"] if remembered else []
    return [*star, footer(market)]


def dollars(price: "Price") -> str:
    """`$1.05/h`."""
    return f"${price.usd_per_hour:.2f}/h"


def footer(market: "Market") -> str:
    """Where the figures are from, and how old they are."""
    why = f"; {market.why}" if market.why else ""
    if market.read_at is None:
        return f"prices and stock of {market.host}: never read{why}; --refresh asks for them"
    return f"prices and stock of {market.host}: {market.age(datetime.now(UTC))}{why}; stock is advisory"
