"""What a box costs. The one place that knows how hours are billed."""

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from urllib.parse import urlsplit

from stacks.account import Account
from stacks.catalog import Plan
from stacks.errors import ConfigError
from stacks.settings import Settings

HOUR_SECONDS = float(os.environ.get("DAYBOX_HOUR_SECONDS", "3600"))  # billed as a whole; set by tests only
HOUR_MINUTES = HOUR_SECONDS / 60
OVERRUN_MINUTES = 3 * HOUR_MINUTES / 60  # an armed box outlives no hard limit by more; it may begin one more hour
DELETION_MINUTES = 5 * HOUR_MINUTES / 60  # so much before its last hour ends a box with a budget is deleted
CENT = Decimal("0.01")


@dataclass(frozen=True)
class Price:
    """USD for one hour, tax not included, and where and when the figure was read."""

    usd_per_hour: float
    source: str


def price_of(settings: Settings, account: Account, now: datetime) -> Price:
    """The live price of the stack's plan, else the catalog's, labelled as such with its date."""
    live = live_price(account, settings.plan.name, settings.region, now)
    return live or catalog_price(settings.plan, "the API gave none")


def live_price(account: Account, plan: str, region: str, now: datetime) -> Price | None:
    """What the API asks for `plan` now, its source as `api.linode.com 2026-11-25`; None if it gives no price."""
    usd = hourly(account.get(f"/linode/types/{plan}") or {}, region)
    return None if usd is None else Price(usd, f"{urlsplit(account.api_url).netloc} {now.astimezone(UTC):%Y-%m-%d}")


def catalog_price(plan: Plan, why: str) -> Price:
    """What daybox remembers of a plan, labelled as such. why: there is no better one."""
    return Price(plan.usd_per_hour, f"daybox catalog {plan.price_read}: {why}")


def hourly(row: Mapping[str, Any], region: str = "") -> float | None:
    """USD for one hour in one row of `/linode/types`; None if it gives none. 0 and null mean unknown, never free.

    A region with a price of its own has that one. `monthly` is never used: GPU plans have had none since 2026-07-01.
    """
    own = row.get("region_prices") or []
    regional = next((price for price in own if isinstance(price, Mapping) and price.get("id") == region), None)
    price = regional or row.get("price")
    usd = price.get("hourly") if isinstance(price, Mapping) else None
    return known_usd(usd)


def known_usd(usd: object) -> float | None:
    """A price that can be one: a number above zero; else None."""
    is_number = isinstance(usd, int | float) and not isinstance(usd, bool)
    return float(usd) if is_number and 0 < usd < math.inf else None  # type: ignore[arg-type, operator]


def billed_hours(lived_seconds: float) -> int:
    """Whole hours that a life of `lived_seconds` is billed as: every begun hour counts, and at least one.

    Source: Linode's billing page: usage is rounded up to the hour, powered-off boxes bill.
    """
    return max(1, math.ceil(lived_seconds / HOUR_SECONDS))


def billed_usd(lived_seconds: float, usd_per_hour: float | None) -> float | None:
    """USD that a life of `lived_seconds` costs; None if the price is not known."""
    return usd_of(billed_hours(lived_seconds), usd_per_hour)


def usd_of(hours: int, usd_per_hour: float | None) -> float | None:
    """USD for so many billed hours, to the cent; None if the price is not known."""
    if usd_per_hour is None:
        return None
    return float((Decimal(str(usd_per_hour)) * hours).quantize(CENT, ROUND_HALF_UP))  # floats would lose a cent


def dollars(usd: float | None, *, at_least: bool = False) -> str:
    """Dollars to the cent, for people; `$2.10+` if it may be more, `?` if nobody knows."""
    return "?" if usd is None else f"${usd:.2f}{'+' if at_least else ''}"


def sum_of(amounts: Iterable[float]) -> float:
    """Amounts of USD added up to the cent."""
    return sum(round(usd * 100) for usd in amounts) / 100


def check_budget(stack: str, budget_usd: float | None, price: Price) -> None:
    """Raises ConfigError if a budget does not cover even one hour."""
    if affordable_minutes(budget_usd, price.usd_per_hour) <= 0:
        raise ConfigError(
            f"stacks/{stack}/budgetUsd: ${budget_usd:.2f} does not cover one hour at ${price.usd_per_hour:.2f} "
            f"({price.source})",
            hint="raise the budget or take a cheaper plan",
        )


def affordable_minutes(budget_usd: float | None, usd_per_hour: float) -> float:
    """Minutes a box may live within the budget; infinite without one, zero or less if not even an hour is covered.

    The last hour ends early, so that the box is deleted before the next one begins.
    """
    if budget_usd is None:
        return math.inf
    return math.floor(budget_usd / usd_per_hour + 1e-9) * HOUR_MINUTES - DELETION_MINUTES
