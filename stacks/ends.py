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
    """A moment, UTC, and the limit that it is, in words that end "this box is deleted: …"."""

    at: datetime
    why: str


def hard_ends(settings: Settings, lease: Lease, price: Price, now: datetime) -> tuple[End, ...]:
    """Every hard end of the lease, the first one first.

    Raises ConfigError if a budget covers no hour, or if the first has passed: no token can be made for it.
    """
    check_budget(settings.stack, settings.budget_usd, price)
    ends = [End(lease.start + timedelta(minutes=settings.max_lifetime_minutes), "the lease has ended")]
    if settings.budget_usd is not None:
        minutes = affordable_minutes(settings.budget_usd, price.usd_per_hour)
        ends.append(End(lease.start + timedelta(minutes=minutes), f"its budget of ${settings.budget_usd:.2f} is spent"))
    if settings.month_budget_usd is not None:
        minutes = affordable_minutes(left_usd(settings, lease, price, now), price.usd_per_hour)
        words = f"the month's budget of ${settings.month_budget_usd:.2f} is spent"
        ends.append(End(lease.start + timedelta(minutes=minutes), words))
    ends.sort(key=lambda end: end.at)
    if ends[0].at <= now:
        raise ConfigError(
            f"stacks/{settings.stack}/maxLifetimeMinutes: the box would have ended at {ends[0].at:%Y-%m-%d %H:%M} UTC",
            hint=f"raise it (or budgetUsd), or give the box back: pulumi destroy -s {settings.stack}",
        )
    return (*ends, End(ends[0].at + TOKEN_OUTLASTS - BEFORE_TOKEN, "its own token is about to end"))
