"""When a box dies whatever happens, and why: its hard ends. Nothing extends them but another `up`."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from stacks.errors import ConfigError
from stacks.lease import TOKEN_OUTLASTS, Lease
from stacks.month import left_usd
from stacks.price import Price, affordable_minutes, check_budget
from stacks.settings import Settings

BEFORE_TOKEN = timedelta(minutes=30)  # so much before its own token ends a box still deletes itself


@dataclass(frozen=True)
class End:
    """A moment, UTC, and the limit that it is, in words that end "this box is deleted: …". setting: what moves it."""

    at: datetime
    why: str
    setting: str


def hard_ends(settings: Settings, lease: Lease, price: Price, now: datetime) -> tuple[End, ...]:
    """Every hard end of the lease, the first one first.

    Raises ConfigError if a budget covers no hour, or if the first has passed: no token can be made for it.
    """
    check_budget(settings.stack, settings.budget_usd, price)
    lifetime = timedelta(minutes=settings.max_lifetime_minutes)
    ends = [End(lease.start + lifetime, "the lease has ended", "maxLifetimeMinutes")]
    if settings.budget_usd is not None:
        minutes = affordable_minutes(settings.budget_usd, price.usd_per_hour)
        words = f"its budget of ${settings.budget_usd:.2f} is spent"
        ends.append(End(lease.start + timedelta(minutes=minutes), words, "budgetUsd"))
    if settings.month_budget_usd is not None:
        minutes = affordable_minutes(left_usd(settings, lease, price, now), price.usd_per_hour)
        words = f"the month's budget of ${settings.month_budget_usd:.2f} is spent"
        ends.append(End(lease.start + timedelta(minutes=minutes), words, "monthBudgetUsd"))
    ends.sort(key=lambda end: end.at)
    first = ends[0]
    if first.at <= now:
        raise ConfigError(
            f"stacks/{settings.stack}/{first.setting}: the box would have ended at {first.at:%Y-%m-%d %H:%M} UTC: "
            f"{first.why}",
            hint=f"raise it, or give the box back: pulumi destroy -s {settings.stack}",
        )
    # A belt: always half an hour behind the first, it counts only where that one was not held to.
    return (*ends, End(first.at + TOKEN_OUTLASTS - BEFORE_TOKEN, "its own token is about to end", first.setting))
