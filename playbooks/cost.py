"""`fab cost`: what all leases cost: the ledger's receipts, reconciled with what the accounts list and their events."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime

from invoke.context import Context

from playbooks.accounts import LINODE, LOCAL, Book, account_at, cloud_named
from playbooks.added_up import asked, day_in
from playbooks.bills import Asked, Bill, bill_of, foreign_bills, past_bills, unread_bill
from playbooks.command import busy, command, console, print_json
from playbooks.cost_sums import BY, since, sums, totals
from playbooks.kept_volumes import KeptVolume, kept_or_why
from playbooks.standing import strays
from stacks.account import Account, Instance
from stacks.errors import DayboxError
from stacks.ledger import Entry
from stacks.lives import told
from stacks.places import local_url, owner_file
from stacks.price import Price, live_price
from stacks.secrets import has_linode_token

Place = tuple[str, str]  # a cloud, and its API's address; empty if it is not running

SIDE_BY_SIDE = 8  # all of it is waiting for others
HELP = {
    "by": f"add up by {', '.join(BY)}; lease if not said, day with --plot",
    "since": "only hours that began on this UTC day or later: YYYY-MM-DD",
    "plot": "draw bars",
    "json": "print JSON for programs",
}


@dataclass(frozen=True)
class Costs:
    """What all of it cost. volumes: what bills beside it, by the month. faults: what could not be read or asked."""

    bills: Sequence[Bill]
    volumes: Sequence[KeptVolume] = ()
    faults: Sequence[str] = ()


@command(help=HELP)
def cost(_c: Context, by: str = "", since: str = "", plot: bool = False, json: bool = False) -> None:
    """Show what every lease cost, as billed.

    Example: fab cost --by month, or fab cost --since 2026-11-01 --plot
    """
    by, first = asked("cost", BY, "lease", by, plot=plot, json=json), day_in("cost", since)
    with busy("asking the accounts"):
        costs = found_since(first)
    if json:
        print_json(as_json(costs, by, first))
        return
    from playbooks.cost_view import show

    show(costs, by, first, plot=plot, out=console())


def as_json(costs: Costs, by: str, first: date | None) -> dict[str, object]:
    """What `fab cost --json` prints: README, `fab cost`, has its shape."""
    return {
        "by": by,
        "since": first and first.isoformat(),
        "groups": [one.row() for one in sums(costs.bills, by, first)],
        "leases": [bill.row() for bill in costs.bills],
        "totals": {one.cloud: one.row() for one in totals(costs.bills)},
        "volumes": [volume.row() for volume in costs.volumes],
        "faults": list(costs.faults),
    }


def found_since(first: date | None) -> Costs:
    """Every bill, with its hours since then, the oldest first."""
    faults = list[str]()
    book = Book.read(faults)
    places = places_to_ask(book)
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        asked = dict(zip(places, pool.map(lambda place: ask(place, book), places), strict=True))
    faults += [f"{one.cloud}: not asked: {one.why}" for one in asked.values() if one.why]
    faults += [f"{one.cloud}: {one.volumes_why}" for one in asked.values() if one.volumes_why]
    bills, seen = list[Bill](), set[str]()
    for place, one in asked.items():
        bills += bills_in(place, one, book, rest=place[1] not in seen)  # two clouds at one address are one account
        seen.add(place[1])
    bills += [unread_bill(lease, datetime.now(UTC), "its entry in the ledger cannot be read") for lease in book.unread]
    volumes = {volume.id: volume for one in asked.values() for volume in one.volumes}
    return Costs(sorted(since(bills, first), key=lambda bill: bill.began), list(volumes.values()), faults)


def place_of(entry: Entry) -> Place:
    """Where the lease was rented; the local cloud may have moved to another port since."""
    return (LOCAL, local_url()) if entry.cloud == LOCAL else (entry.cloud, entry.api_url)


def places_to_ask(book: Book) -> list[Place]:
    """The accounts that the ledger knows; and those that this laptop may use, which may have another's boxes."""
    found = dict.fromkeys(place_of(entry) for entry in book.entries)
    if local_url():
        found[LOCAL, local_url()] = None
    if has_linode_token() and not any(cloud == LINODE for cloud, _ in found):
        found[LINODE, cloud_named(LINODE).api_url] = None
    return list(found)


def ask(place: Place, book: Book) -> Asked:
    """What the account tells: its list, its events, its clock; and the prices of what the ledger does not have."""
    cloud, api_url = place
    if not api_url:
        return Asked(cloud, why="it is not running; source scripts/env local")
    try:
        account = account_at(api_url, cloud)
        listed, events, profile = account.instances(), told(account), account.profile()
    except DayboxError as error:
        return Asked(cloud, why=error.fact)
    volumes, why = kept_or_why(account, profile.scopes)
    unknown = strays(listed, {number for entry in book.entries for number in entry.instance_ids})
    prices = {row.id: price_now(account, row, profile.now) for row in unknown}
    known = {id_: one for id_, one in prices.items() if one}
    return Asked(cloud, profile.user, profile.now, listed, events, known, volumes, why)


def price_now(account: Account, row: Instance, now: datetime) -> Price | None:
    """What the API asks for such a box now; None if it does not say."""
    try:
        return live_price(account, row.plan, row.region, now)
    except DayboxError:
        return None


def bills_in(place: Place, asked: Asked, book: Book, *, rest: bool) -> list[Bill]:
    """Every bill of one account. rest: of what the ledger does not have, too."""
    ids = {entry.lease: set(entry.instance_ids) for entry in book.entries}
    own = []
    for entry in book.entries:
        if place_of(entry) == place:
            others = frozenset(number for lease, some in ids.items() if lease != entry.lease for number in some)
            own.append(bill_of(entry, asked, others))
    if not rest:
        return own
    known = {number for some in ids.values() for number in some} | {box.id for bill in own for box in bill.boxes}
    owner = owner_file().read_text().strip() if owner_file().is_file() else ""
    foreign = foreign_bills(asked, known, owner)
    return [*own, *foreign, *past_bills(asked, known | {box.id for bill in foreign for box in bill.boxes})]
