"""What each lease cost: as its receipt says, else as the account tells the lives of its boxes. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from playbooks.kept_volumes import KeptVolume
from playbooks.moments import iso
from playbooks.standing import stack_of, strays
from stacks import ledger
from stacks.account import Instance
from stacks.errors import CloudError
from stacks.lease import LEASE_TAG, OWNER_TAG, box_label, lease_start, tagged
from stacks.ledger import Entry, Life, moment, start_of
from stacks.lives import Told, hour_costs, hours, life, lives_told, receipt_hours, with_lost
from stacks.price import Price, known_usd, sum_of
from stacks.proof import may_land_for

Hours = tuple[tuple[datetime, float | None], ...]  # each begun hour, and its share of USD; None: no price
UNTOLD = "no event says when its box was created: billed from the lease's start"


@dataclass(frozen=True)
class Bill:
    """What one lease cost, or one box that this laptop's ledger does not have.

    state: closed (its receipt), open (its box lives), ended (its box is gone by the events, its receipt not written),
    foreign (listed, and not of this ledger), past (only the events know it), unknown. hours: those known to be billed;
    sure: whether these are all. boxes: the lives behind them. word: what a reader should know beside the figures.
    """

    cloud: str
    stack: str
    lease: str | None
    state: str
    began: datetime
    boxes: tuple[Life, ...] = ()
    hours: Hours = ()
    sure: bool = True
    price: Price | None = None
    tokens: int | None = None
    word: str = ""

    @property
    def usd(self) -> float | None:
        """USD of the hours; None if these are not all, or one has no price."""
        amounts = [usd for _, usd in self.hours]
        known = [usd for usd in amounts if usd is not None]
        return sum_of(known) if self.sure and len(known) == len(amounts) else None

    @property
    def billed_hours(self) -> int | None:
        """How many hours; None if these are not all."""
        return len(self.hours) if self.sure else None

    @property
    def ended(self) -> datetime | None:
        """When its last box did; None while one lives, or may."""
        ends = [one.ended for one in self.boxes]
        return max((end for end in ends if end), default=None) if self.sure and None not in ends else None

    def row(self) -> dict[str, Any]:
        """The bill as `fab cost --json` prints it. What is not known is null, never 0."""
        return {
            "cloud": self.cloud,
            "stack": self.stack,
            "lease": self.lease,
            "state": self.state,
            "began": iso(self.began),
            "ended": iso(self.ended),
            "boxes": [{"id": one.id, "began": iso(one.began), "ended": iso(one.ended)} for one in self.boxes],
            "billed_hours": self.billed_hours,
            "usd": self.usd,
            "price": {
                "usd_per_hour": self.price.usd_per_hour if self.price else None,
                "source": self.price.source if self.price else None,
            },
            "tokens": self.tokens,
            "word": self.word,
        }


@dataclass(frozen=True)
class Asked:
    """What an account told. user: whom it was told; now: its own clock; why: why it told nothing.

    prices: of the listed boxes that the ledger does not have, by id, as the API asks now; unknown where it lacks one.
    volumes_why: why volumes are not known, though the rest is.
    """

    cloud: str
    user: str = ""
    now: datetime | None = None
    listed: Sequence[Instance] = ()
    events: Mapping[int, Told] | None = None
    prices: Mapping[int, Price] = field(default_factory=dict)
    volumes: Sequence[KeptVolume] = ()
    volumes_why: str = ""
    why: str = ""


def bill_of(entry: Entry, asked: Asked, others: frozenset[int]) -> Bill:
    """What the lease cost. others: ids of boxes that other leases of the ledger have."""
    bill = Bill(
        *(entry.cloud, entry.stack, entry.lease, "unknown", start_of(entry)),
        sure=False,
        price=price_of(entry),
        tokens=entry.tokens,
        word=asked.why,
    )
    if entry.ended:
        return closed_bill(entry, bill, asked)
    if asked.events is None or asked.now is None:
        return bill
    try:
        ledger.check_same_user(entry, asked.user)
    except CloudError as error:
        return replace(bill, word=error.fact)
    whole = with_lost(entry, asked.listed, asked.events, others)
    return told_bill(replace(bill, word=""), whole, asked, asked.now)


def price_of(entry: Entry) -> Price | None:
    """The price the lease began with; nought is none."""
    usd = known_usd(entry.usd_per_hour)
    return None if usd is None else Price(usd, entry.price_source)


def closed_bill(entry: Entry, bill: Bill, asked: Asked) -> Bill:
    """As its receipt says; loud if the account lists one of its boxes all the same."""
    there = [str(box.id) for box in asked.listed if box.id in entry.instance_ids]
    word = f"ITS RECEIPT IS CLOSED, BUT BOX {', '.join(there)} IS LISTED AND BILLS: fab sweep" if there else ""
    lives = entry.lives or old_life(entry)
    return replace(bill, state="closed", boxes=lives, hours=tuple(receipt_hours(entry)), sure=not there, word=word)


def old_life(entry: Entry) -> tuple[Life, ...]:
    """A receipt of before the lives were kept: one box from the lease's start to its end."""
    if not (entry.instance_ids and entry.ended):
        return ()
    return (Life(entry.instance_ids[-1], start_of(entry), moment(entry.ended), told=False),)


def told_bill(bill: Bill, entry: Entry, asked: Asked, now: datetime) -> Bill:
    """What an open lease has cost so far, as the account tells the lives of its boxes."""
    boxes = lives_told(entry, asked.listed, asked.events or {})
    if not boxes and may_land_for(entry) > 0:
        return replace(bill, word="a box was asked for and not seen; it may still appear")
    bill = metered(bill, boxes, now)
    if not bill.sure:
        return replace(bill, word="its box is not listed, but no event says that it was deleted")
    words = [] if all(one.told for one in boxes) else [UNTOLD]
    if any(one.listed for one in boxes):
        return replace(bill, state="open", word="; ".join(words))
    how = entry.reason or "by hand or by itself"
    gone = f"gone by the account's events ({how})" if boxes else "no box was ever made"
    words.append(f"{gone}; `pulumi destroy -s {bill.stack}` writes its receipt")
    return replace(bill, state="ended", word="; ".join(words))


def metered(bill: Bill, boxes: Sequence[Life], now: datetime) -> Bill:
    """The bill with the hours of these boxes up to `now`; not sure if nobody says how long one of them lived."""
    usd, begun = bill.price.usd_per_hour if bill.price else None, [hours(one, now) for one in boxes]
    costs = tuple(pair for some in begun if some for pair in hour_costs(some, usd))
    return replace(bill, boxes=tuple(boxes), hours=costs, sure=None not in begun)


def foreign_bills(asked: Asked, known: Iterable[int], owner: str) -> list[Bill]:
    """The boxes of daybox that the account lists and this ledger does not have. known: the ids that it has."""
    now = asked.now
    return [foreign_bill(asked, row, owner, now) for row in strays(asked.listed, known) if now]


def foreign_bill(asked: Asked, row: Instance, owner: str, now: datetime) -> Bill:
    """A listed box that this ledger does not have: of another laptop, or its entry was lost."""
    lived, rented_by = life(row.id, now, row, None), tagged(row.tags, OWNER_TAG)
    theirs = f"rented by owner {rented_by}" if rented_by not in (owner, None) else "this laptop's ledger lacks it"
    bill = Bill(
        *(asked.cloud, stack_of(row) or "?", tagged(row.tags, LEASE_TAG), "foreign", lived.began),
        price=asked.prices.get(row.id),
        word=f"box {row.id}: {theirs}; it bills, at today's price",
    )
    return metered(bill, [lived], now)


def past_bills(asked: Asked, known: Iterable[int]) -> list[Bill]:
    """The boxes with daybox's label that only the account's events know; nobody remembers their plan, or price."""
    ids, prefix = set(known), box_label("")
    found = [one for one in (asked.events or {}).values() if one.label.startswith(prefix) and one.id not in ids]
    return [past_bill(asked, one, one.began or one.ended) for one in found if one.began or one.ended]


def past_bill(asked: Asked, one: Told, began: datetime | None) -> Bill:
    """A box that only the events know."""
    began = began or datetime.max  # one of the two is told
    lived = Life(one.id, began, one.ended, told=one.began is not None, deletion=one.deletion)
    stack = one.label.removeprefix(box_label(""))
    word = f"box {one.id}: only the account's events know it; another laptop's, or its ledger is lost"
    bill = metered(Bill(asked.cloud, stack, None, "past", began, word=word), [lived], began)
    return bill if lived.told else replace(bill, sure=False, hours=())


def unread_bill(lease: str, now: datetime, why: str) -> Bill:
    """A lease whose entry in the ledger cannot be read: it cost something, and nobody knows what."""
    return Bill("?", "?", lease, "unknown", lease_start(lease) or now, sure=False, word=why)
