"""A month's budget: what the leases of this laptop have cost in it, and what is left of it for one more."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from stacks import ledger
from stacks.errors import ConfigError, DayboxError
from stacks.lease import Lease
from stacks.ledger import Entry, moment, start_of
from stacks.lives import hour_costs, hours_from, receipt_hours
from stacks.price import OVERRUN_MINUTES, Price, affordable_minutes, billed_hours, known_usd, sum_of
from stacks.settings import Settings

FEW = 5  # leases that a refusal names


@dataclass(frozen=True)
class Share:
    """What one lease takes of a month. open_until: it may still bill until then, and is reckoned as if it did."""

    stack: str
    lease: str
    usd: float
    open_until: datetime | None = None

    def words(self) -> str:
        """For people."""
        still = f" if it lives until {self.open_until:%Y-%m-%d %H:%M} UTC" if self.open_until else ""
        return f"{self.stack} {self.lease} ${self.usd:.2f}{still}"


def month_of(at: datetime) -> str:
    """`2026-11`, in UTC. A begun hour belongs to the month in which it begins."""
    return f"{at.astimezone(UTC):%Y-%m}"


def shares(lease: Lease, cloud: str, now: datetime) -> list[Share]:
    """What each other lease of this laptop takes of the month in which `lease` begins, the dearest first.

    cloud: only leases in it count: the local one's dollars are nobody's. Raises ConfigError if one cannot be reckoned.
    """
    others = [entry for entry in ledger.entries() if entry.cloud == cloud and entry.lease != lease.id]
    found = [share(entry, month_of(lease.start), now) for entry in others]
    return sorted((one for one in found if one.usd), key=lambda one: -one.usd)


def share(entry: Entry, month: str, now: datetime) -> Share:
    """What the lease takes of `month`: as billed if it is closed, else the most that it can come to."""
    until = None if entry.ended else latest_end(entry, now)
    costs = longest_hours(entry, until) if until else receipt_hours(entry)
    amounts = [usd for at, usd in costs if month_of(at) == month]
    known = [usd for usd in amounts if usd is not None]
    if len(known) < len(amounts):
        raise ConfigError(
            f"lease/{entry.lease}: has no price, so nobody knows what is left of {month}",
            hint="write its usd_per_hour into the ledger, or take daybox:monthBudgetUsd away",
        )
    return Share(entry.stack, entry.lease, sum_of(known), until)


def latest_end(entry: Entry, now: datetime) -> datetime:
    """Until when an open lease may bill: its hard end and what a box may outlive it, or now if that has passed."""
    return max(moment(entry.dies_at) + timedelta(minutes=OVERRUN_MINUTES), now)


def longest_hours(entry: Entry, until: datetime) -> list[tuple[datetime, float | None]]:
    """Each hour that an open lease can be billed for; a box that took another's place began one hour more."""
    more = max(0, len(entry.instance_ids) - 1)
    count = billed_hours((until - start_of(entry)).total_seconds()) + more
    return hour_costs(hours_from(start_of(entry), count), known_usd(entry.usd_per_hour))


def spent_usd(lease: Lease, cloud: str, now: datetime) -> float:
    """What others had spent of the month when `lease` began, as its entry has it, else as of now.

    Raises ConfigError if that cannot be reckoned.
    """
    known = ledger.read(lease.id)
    if known and known.month_spent_usd is not None:
        return known.month_spent_usd
    return sum_of(one.usd for one in shares(lease, cloud, now))


def spent_or_unknown(lease: Lease, cloud: str, now: datetime) -> float | None:
    """`spent_usd` for the ledger: without a month's budget nobody is stopped because it is not known."""
    try:
        return spent_usd(lease, cloud, now)
    except DayboxError:
        return None


def left_usd(settings: Settings, lease: Lease, price: Price, now: datetime) -> float:
    """What this lease may cost of the month's budget; infinite without one.

    Raises ConfigError, naming who spent it, if that covers no hour or is not known.
    """
    if settings.month_budget_usd is None:
        return math.inf
    spent = spent_usd(lease, settings.cloud.name, now)
    left = settings.month_budget_usd - spent
    if affordable_minutes(left, price.usd_per_hour) <= 0:
        raise refusal(settings, lease, price, spent, shares(lease, settings.cloud.name, now))
    return left


def refusal(settings: Settings, lease: Lease, price: Price, spent: float, others: list[Share]) -> ConfigError:
    """Why nothing is rented any more this month."""
    named = [one.words() for one in others[:FEW]] + ([f"{len(others) - FEW} more"] if len(others) > FEW else [])
    by = f": {', '.join(named)}" if named else ""
    month = month_of(lease.start)
    return ConfigError(
        f"stacks/{settings.stack}/monthBudgetUsd: of ${settings.month_budget_usd:.2f} for {month} ${spent:.2f} is "
        f"spent or may still be{by}; the rest does not cover one hour at ${price.usd_per_hour:.2f} ({price.source})",
        hint=f"raise it, take a cheaper plan, or destroy what still runs: `fab cost --since {month}-01` lists it",
    )
