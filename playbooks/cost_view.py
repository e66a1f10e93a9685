"""`fab cost` for people: a line a lease, or a day, month or stack; the totals; and bars."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from playbooks.bills import Bill
from playbooks.command import print_line
from playbooks.cost_sums import Sum, sums, totals
from playbooks.kept_volumes import volume_words
from playbooks.table import Column, show_table
from stacks.price import dollars

if TYPE_CHECKING:
    from rich.console import Console

    from playbooks.cost import Costs

UNKNOWN = "?"
BAR_WIDTH = 40  # characters of the dearest
LEASES = (
    *(Column("lease"), Column("stack"), Column("state"), Column("hours", right=True), Column("cost", right=True)),
    *(Column("price", right=True, spare=True), Column("tokens", right=True, spare=True), Column("cloud", spare=True)),
)


def lease_cells(bill: Bill) -> tuple[str, ...]:
    """One lease, in the order of LEASES."""
    known = [UNKNOWN if number is None else f"{number:,}" for number in (bill.billed_hours, bill.tokens)]
    price = f"${bill.price.usd_per_hour:.2f}/h" if bill.price else UNKNOWN
    name = bill.lease or f"box {', '.join(str(one.id) for one in bill.boxes)}"
    return name, bill.stack, bill.state, known[0], dollars(bill.usd), price, known[1], bill.cloud


def sum_cells(one: Sum) -> tuple[str, ...]:
    """One sum: cloud, name, hours, cost."""
    hours = f"{one.billed_hours:,}{'+' if one.at_least else ''}"
    return one.cloud, one.name, hours, dollars(one.usd, at_least=one.at_least)


def bar(usd: float | None, most: float, *, ascii_only: bool) -> str:
    """A bar as long as its share of the dearest; at least a mark for what cost anything."""
    if not usd or not most:
        return ""
    return ("#" if ascii_only else "█") * max(1, round(BAR_WIDTH * usd / most))


def total_line(one: Sum) -> str:
    """What all of one cloud came to."""
    usd = f"{'at least ' if one.at_least and one.usd is not None else ''}{dollars(one.usd)}"
    pretended = "; pretended, nobody bills it" if one.cloud == "local" else ""
    return f"total {one.cloud}: {usd} for {one.billed_hours:,} h{pretended}"


def show(costs: "Costs", by: str, first: date | None, *, plot: bool, out: "Console") -> None:
    """Print the table, what its figures cannot say, and the totals."""
    if not costs.bills:
        print_line(out, f"no lease{f' since {first}' if first else ' yet'}")
    elif by == "lease" and not plot:
        show_table(out, LEASES, map(lease_cells, costs.bills))
    else:
        show_sums(sums(costs.bills, by, first), by, plot=plot, out=out)
    for bill in costs.bills:
        if bill.word:
            print_line(out, f"{bill.stack} {bill.lease or ''}: {bill.word}".replace(" :", ":"))
    for one in totals(costs.bills):
        print_line(out, total_line(one))
    for volume in costs.volumes:
        print_line(out, f"not in these totals: {volume_words(volume.row())}")
    for fault in costs.faults:
        print_line(out, fault)


def show_sums(rows: Sequence[Sum], by: str, *, plot: bool, out: "Console") -> None:
    """Print a line for each sum, with its bar."""
    most = max((one.usd or 0.0 for one in rows), default=0.0)
    columns = (Column("cloud"), Column(by), Column("hours", right=True), Column("cost", right=True), Column(""))
    ascii_only = out.options.ascii_only
    bars = [bar(one.usd, most, ascii_only=ascii_only) if plot else "" for one in rows]
    one_cloud = len({one.cloud for one in rows}) == 1
    cells = [(*sum_cells(one), drawn) for one, drawn in zip(rows, bars, strict=True)]
    show_table(out, columns[one_cloud:], [row[one_cloud:] for row in cells])
