"""The lives of a lease's boxes, as the account tells them: each is billed by itself, in whole begun hours."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from stacks.account import Account, Instance, utc
from stacks.lease import LEASE_TAG, tagged
from stacks.ledger import Entry, Life, start_of
from stacks.price import HOUR_SECONDS, billed_hours, known_usd, usd_of

CREATED, DELETED = "linode_create", "linode_delete"


@dataclass(frozen=True)
class Told:
    """What the account's events say of one Instance. began, ended: UTC, None if no event says it.

    deletion: id of the event that says when it ended.
    """

    id: int
    label: str
    began: datetime | None = None
    ended: datetime | None = None
    deletion: int | None = None


def told(account: Account) -> dict[int, Told]:
    """Every Instance that the account's events say was created or deleted, by id; Linode keeps 90 days of them."""
    found: dict[int, Told] = {}
    either = {"+or": [{"action": CREATED}, {"action": DELETED}]}
    for row in sorted(account.rows("/account/events", filters=either), key=lambda row: int(row["id"])):
        entity = row["entity"] or {}
        if row["status"] == "failed" or row["action"] not in (CREATED, DELETED) or "id" not in entity:
            continue
        number, at = int(entity["id"]), utc(row["created"])
        known = found.get(number) or Told(number, str(entity.get("label") or ""))
        is_end = row["action"] == DELETED
        found[number] = replace(known, ended=at, deletion=int(row["id"])) if is_end else replace(known, began=at)
    return found


def lives(entry: Entry, account: Account, listed: Sequence[Instance]) -> tuple[Life, ...]:
    """The lives of all boxes of the lease. listed: what the account lists; Raises CloudError if it tells no events."""
    return lives_told(entry, listed, told(account))


def lives_told(entry: Entry, listed: Sequence[Instance], events: Mapping[int, Told]) -> tuple[Life, ...]:
    """The lives of all boxes of the lease: those of the ledger, and those that carry its tag, the oldest first."""
    rows = {box.id: box for box in listed if box.id in entry.instance_ids or tagged(box.tags, LEASE_TAG) == entry.lease}
    ids = dict.fromkeys((*entry.instance_ids, *rows))
    found = [life(number, start_of(entry), rows.get(number), events.get(number)) for number in ids]
    return tuple(sorted(found, key=lambda one: (one.began, one.id)))


def with_lost(entry: Entry, listed: Sequence[Instance], events: Mapping[int, Told], others: Container[int]) -> Entry:
    """The entry, with the boxes created under its label and never seen, if one may be: their create's reply was lost.

    What was created bills, also if it is gone by now. A box that another lease has is not this one's: a second laptop
    may have rented under the same label since. others: ids that other leases of the ledger have.
    """
    if entry.landed > entry.intended:
        return entry
    tags = {box.id: tagged(box.tags, LEASE_TAG) for box in listed}
    lost = [
        one.id
        for one in events.values()
        if one.label == entry.label and one.began and one.began >= start_of(entry)
        if one.id not in others and tags.get(one.id) in (None, entry.lease)
    ]
    return replace(entry, instance_ids=tuple(dict.fromkeys((*entry.instance_ids, *lost))))


def life(number: int, start: datetime, row: Instance | None, events: Told | None) -> Life:
    """One box's life. start: of its lease. row: as the account lists it; events: what these say of it."""
    began = utc(row.created) if row else events.began if events else None
    ended, deletion = (events.ended, events.deletion) if events and not row else (None, None)
    return Life(number, began or start, ended, listed=row is not None, told=began is not None, deletion=deletion)


def seconds(one: Life, now: datetime) -> float | None:
    """What the box lived up to `now`, the API's clock; None if nobody says whether it lives."""
    until = one.ended or (now if one.listed else None)
    return None if until is None else max(0.0, (until - one.began).total_seconds())


def hours(one: Life, now: datetime) -> list[datetime] | None:
    """When each hour began that the box is billed for up to `now`; None if nobody says whether it lives."""
    lived = seconds(one, now)
    return None if lived is None else hours_from(one.began, billed_hours(lived))


def hours_from(began: datetime, count: int) -> list[datetime]:
    """When each of so many hours begins, the first one at `began`."""
    return [began + timedelta(seconds=HOUR_SECONDS * number) for number in range(count)]


def hour_costs(begun: Sequence[datetime], usd_per_hour: float | None) -> list[tuple[datetime, float | None]]:
    """Each billed hour and its share of USD: shares of cents, which add up to the whole exactly; None: no price."""
    totals = [usd_of(count, usd_per_hour) for count in range(len(begun) + 1)]
    pairs = zip(begun, totals[:-1], totals[1:], strict=True)
    return [(at, None if before is None or after is None else round(after - before, 2)) for at, before, after in pairs]


def receipt_hours(entry: Entry) -> list[tuple[datetime, float | None]]:
    """Each hour that a closed lease was billed for, and its share. A receipt of before knew only the lease's life."""
    price, now = known_usd(entry.usd_per_hour), start_of(entry)  # every life of a closed lease has ended
    if not entry.lives:
        return hour_costs(hours_from(start_of(entry), entry.billed_hours or 0), price)
    return [pair for one in entry.lives for pair in hour_costs(hours(one, now) or [], price)]
