"""Bills added up: by day, month, stack or lease. A begun hour belongs to the UTC day in which it begins. Pure."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from playbooks.bills import Bill
from stacks.price import sum_of

Namer = Callable[[Bill, datetime], str]

BY: dict[str, Namer] = {
    "day": lambda _bill, at: f"{at.astimezone(UTC):%Y-%m-%d}",
    "month": lambda _bill, at: f"{at.astimezone(UTC):%Y-%m}",
    "stack": lambda bill, _at: bill.stack,
    "lease": lambda bill, _at: bill.lease or f"box {', '.join(str(one.id) for one in bill.boxes)}",
}


@dataclass(frozen=True)
class Sum:
    """What some hours came to. usd: of those with a price; None if there is none. at_least: it may be more."""

    cloud: str
    name: str
    billed_hours: int = 0
    usd: float | None = 0.0
    at_least: bool = False

    def row(self) -> dict[str, Any]:
        """As `fab cost --json` prints it."""
        return vars(self)


def since(bills: Iterable[Bill], first: date | None) -> list[Bill]:
    """The bills with only the hours that began on that UTC day or later; those without any such hour are left out.

    One that is not sure stays: it may have such an hour.
    """
    if first is None:
        return list(bills)
    cut = [replace(bill, hours=tuple(pair for pair in bill.hours if pair[0].date() >= first)) for bill in bills]
    return [bill for bill in cut if bill.hours or not bill.sure]


@dataclass(frozen=True)
class Part:
    """What goes into a sum. usd: None if unknown; open: more may belong to it."""

    hours: int
    usd: float | None
    open: bool = False


def sums(bills: Iterable[Bill], by: str, first: date | None = None) -> list[Sum]:
    """One sum for each cloud and name, in order of name. first: hours that nobody knows are put there at the earliest.

    Two clouds are never added: the local one's dollars are nobody's.
    """
    found: dict[tuple[str, str], list[Part]] = {}
    for bill in bills:
        for at, part in parts(bill, first):
            found.setdefault((bill.cloud, BY[by](bill, at)), []).append(part)
    return [added(*key, found[key]) for key in sorted(found)]


def parts(bill: Bill, first: date | None) -> Iterator[tuple[datetime, Part]]:
    """Each hour of the bill; at its beginning what nobody knows of it, or that it cost nothing."""
    for at, usd in bill.hours:
        yield at, Part(1, usd, open=usd is None)
    earliest = datetime(first.year, first.month, first.day, tzinfo=UTC) if first else bill.began
    if not bill.sure:
        yield max(bill.began, earliest), Part(0, None, open=True)
    elif not bill.hours:
        yield max(bill.began, earliest), Part(0, 0.0)


def added(cloud: str, name: str, some: Sequence[Part]) -> Sum:
    """The parts as one sum."""
    known = [part.usd for part in some if part.usd is not None]
    hours, is_open = sum(part.hours for part in some), any(part.open for part in some)
    return Sum(cloud, name, hours, sum_of(known) if known else None, is_open)


def totals(bills: Iterable[Bill]) -> list[Sum]:
    """One sum for each cloud."""
    found: dict[str, list[Part]] = {}
    for bill in bills:
        found.setdefault(bill.cloud, []).extend(part for _, part in parts(bill, None))
    return [added(cloud, "total", some) for cloud, some in sorted(found.items())]
