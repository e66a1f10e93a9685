"""What a stack costs and how its model fits, in one line before it is rented; and where to go if it cannot be had."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stacks.price import OVERRUN_MINUTES, billed_hours, billed_usd
from stacks.sizing import Fit
from stacks.volume_terms import terms_line

if TYPE_CHECKING:
    from stacks.lot import Lot
    from stacks.settings import Settings


def quote(lot: "Lot") -> str:
    """Price per hour with its source, the longest it can cost, and the fit.

    The longest is until the lease's hard end and what an armed box may outlive it, in whole hours, as billed.
    """
    entry, settings = lot.entry, lot.settings
    return (
        f"{settings.plan.name} in {settings.region}: ${entry.usd_per_hour:.2f}/h ({entry.price_source}), {most(lot)} "
        f"({settings.cloud.money}); {fits_words(settings)}{terms_line(lot.volume) if lot.volume else ''}"
    )


def most(lot: "Lot") -> str:
    """The longest it can cost; a box that may not delete itself has no end of its own."""
    if not lot.settings.self_destruct:
        return "without end: selfDestruct is false"
    seconds = (lot.ends - lot.lease.start).total_seconds() + OVERRUN_MINUTES * 60
    usd = billed_usd(seconds, lot.entry.usd_per_hour)
    return f"at most ${usd:.2f} in {billed_hours(seconds)} begun hours, until {lot.ends:%Y-%m-%d %H:%M} UTC"


def fits_words(settings: "Settings") -> str:
    """How the model fits, and the second one, if there is one."""
    return "; beside it ".join(fit_words(fit) for fit in (settings.fit, settings.architect_fit) if fit)


def fit_words(fit: Fit) -> str:
    """The fit in one sentence; GiB are of each card."""
    fits = f"{fit.free_gib:.1f} free" if fit.fits else f"DOES NOT FIT: {'; '.join(fit.reasons)}"
    return (
        f"{fit.model} with {fit.context} tokens: weights {fit.weights_gib:.1f} + cache {fit.kv_gib:.1f} "
        f"+ overhead {fit.overhead_gib:.1f} of {fit.budget_gib:.1f} GiB a card, {fits}"
    )


def go_there(stack: str, regions: Sequence[str]) -> str:
    """The line that takes the stack to the first of the regions that have its plan."""
    if not regions:
        return "no other region lists it: take another plan, see `fab plans`"
    more = f" (also {', '.join(regions[1:])})" if regions[1:] else ""
    return f"pulumi config set -s {stack} daybox:region {regions[0]}{more}"
