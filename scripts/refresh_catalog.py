"""`python -m scripts.refresh_catalog [--write] [--cloud local]`: the catalog's plans against the live API.

Prints what differs; writes prices and their date into stacks/catalog.py only with --write. Exit status 1 if they differ
and nothing was written, so that a timer can tell.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from stacks.catalog import CLOUDS, PLANS, PRICES_READ, Plan
from stacks.errors import CloudError, DayboxError
from stacks.market import Market, market
from stacks.values import api_url, named

CATALOG = Path(__file__).resolve().parent.parent / "stacks/catalog.py"


@dataclass(frozen=True)
class Difference:
    """What one plan costs in the catalog and at the API, USD per hour; None is not known there."""

    plan: str
    ours: float | None
    theirs: float | None

    def line(self) -> str:
        """For people, as a diff."""
        return f"  {self.plan:<32} {shown(self.ours):>10} -> {shown(self.theirs)}"


def shown(usd: float | None) -> str:
    """A price, or that there is none."""
    return "unknown" if usd is None else f"${usd:.4g}"


def differences(plans: Sequence[Plan], found: Market) -> list[Difference]:
    """Plans whose price differs, GPU plans that only one side knows; those on request are on no public list."""
    prices = {name: found.usd_read(name) for name in found.prices}
    known = {plan.name: plan.usd_per_hour for plan in plans}
    ours = [
        Difference(name, usd, prices.get(name))
        for name, usd in known.items()
        if prices.get(name) != usd and not (name not in prices and named(PLANS, name).gated)
    ]
    return ours + [Difference(name, None, prices[name]) for name in found.gpu_plans if name not in known]


def rewritten(text: str, changes: Sequence[Difference], day: str) -> str:
    """The catalog's text with the prices that both sides know; with the day, if none of ours is unknown there."""
    for change in changes:
        if change.ours is not None and change.theirs is not None:
            row = re.compile(rf'("{re.escape(change.plan)}"[^)]*?usd_per_hour=)[0-9.]+')
            text = row.sub(rf"\g<1>{in_full(change.theirs)}", text)
    if any(change.theirs is None for change in changes):
        return text
    return re.sub(r'PRICES_READ = "[^"]*"', f'PRICES_READ = "{day}"', text)


def in_full(usd: float) -> str:
    """`1.50`, or with as many digits as it has."""
    return f"{usd:.2f}" if round(usd, 2) == usd else repr(usd)


def compare(cloud: str) -> tuple[list[Difference], Market]:
    """What differs, and where it was read. Raises CloudError if the API does not answer."""
    row = named(CLOUDS, cloud)
    try:
        found = market(api_url(row, ""), refresh=True)
    except ValueError as error:  # the local cloud does not run
        raise CloudError(f"--cloud: {error.args[0]}", hint=error.args[1]) from None
    if found.why or found.read_at is None:
        raise CloudError(found.why, hint="is the network up? the catalog is as it was")
    return differences([plan for plan in PLANS if row.has(plan)], found), found


def main(words: Sequence[str] | None = None) -> int:
    """Exit status: 0 if nothing differs or it was written, 1 if it differs, else the error's."""
    parser = argparse.ArgumentParser(prog="python -m scripts.refresh_catalog", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the prices into stacks/catalog.py")
    parser.add_argument("--cloud", default="linode", choices=[cloud.name for cloud in CLOUDS])
    options = parser.parse_args(words)
    if options.write and not named(CLOUDS, options.cloud).far:
        parser.error(f"--write: the prices of {options.cloud} are the catalog's own")
    try:
        changes, found = compare(options.cloud)
    except DayboxError as error:
        print(f"refresh_catalog: {error.line()}", file=sys.stderr)
        return error.exit_code
    print(f"catalog of {PRICES_READ} against {found.host}: {len(changes)} differ")
    print("\n".join(change.line() for change in changes))
    if options.write:
        CATALOG.write_text(rewritten(CATALOG.read_text(), changes, f"{datetime.now(UTC):%Y-%m-%d}"))
        kept = "; its date is kept, as not every price was given" if any(one.theirs is None for one in changes) else ""
        print(f"{CATALOG.name}: written{kept}; plans that only the API knows need a row by hand")
    return int(bool(changes) and not options.write)


if __name__ == "__main__":
    sys.exit(main())
