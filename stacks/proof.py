"""Is a lease gone? Only the account's full list and its events say so: a 404 and an empty page are no proof."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from stacks import ledger
from stacks.account import Account, Instance
from stacks.errors import CloudError
from stacks.lease import LEASE_TAG, tagged
from stacks.ledger import Entry, Life, start_of
from stacks.lives import lives, told, with_lost

# A create whose reply was lost may still appear in the list. The variable is set by tests only.
LANDING_SECONDS = float(os.environ.get("DAYBOX_LANDING_SECONDS", "120"))


@dataclass(frozen=True)
class Proof:
    """That nothing is left of a lease. at: the API's clock when it listed `listed` Instances, none of the lease.

    lives: of all its boxes; each has ended, and an event says when.
    """

    at: datetime
    listed: int
    lives: tuple[Life, ...]


def left_of(entry: Entry, listed: Sequence[Instance]) -> list[Instance]:
    """What the account still has of this lease: by lease tag, by id, or by label where no lease tag says otherwise.

    By label only what carries no lease tag: the stack's next lease may have the label already.
    """
    return [
        box
        for box in listed
        if tagged(box.tags, LEASE_TAG) == entry.lease
        or box.id in entry.instance_ids
        or (box.label == entry.label and tagged(box.tags, LEASE_TAG) is None)
    ]


def prove_gone(entry: Entry, account: Account) -> Proof:
    """That the lease is gone, by the account's own word. Raises CloudError if anything is left or not certain."""
    now, listed = account.profile().now, account.instances()
    if left := left_of(entry, listed):
        names = ", ".join(f"{box.id} ({box.label}, {box.status})" for box in left)
        raise CloudError(
            f"lease/{entry.lease}: still in the account and billing: {names}",
            hint=f"`fab sweep --stack {entry.stack}` ends it; then destroy again",
        )
    found = lives(entry, account, listed)
    check_ended(entry, {one.id: one.ended for one in found})
    return Proof(now, len(listed), found)


def check_unlisted(entry: Entry, account: Account, listed: Sequence[Instance]) -> None:
    """Raises CloudError if one of the lease's boxes is not listed and no event says that it was deleted."""
    there = {box.id for box in listed}
    check_ended(entry, {number: account.deleted_at(number) for number in entry.instance_ids if number not in there})


def check_ended(entry: Entry, ended: dict[int, datetime | None]) -> None:
    """Raises CloudError for a box that is not listed and of which no event says that it was deleted."""
    if unproved := [str(number) for number, end in ended.items() if end is None]:
        raise CloudError(
            f"lease/{entry.lease}: box {', '.join(unproved)} is not listed, but no event says that it was deleted",
            hint="look into the Cloud Manager, then run this again",
        )


def may_land_for(entry: Entry) -> float:
    """Seconds for which a box that was asked for and never seen may still appear; zero or less: no longer."""
    if entry.landed > entry.intended:
        return 0.0
    return max(entry.intended, start_of(entry).timestamp()) + LANDING_SECONDS - time.time()


def with_lost_boxes(entry: Entry, account: Account) -> Entry:
    """The entry, with the boxes that were created for it and never seen: their create's reply was lost."""
    if entry.landed > entry.intended:
        return entry
    others = {number for other in ledger.entries() if other.lease != entry.lease for number in other.instance_ids}
    return with_lost(entry, account.instances(), told(account), others)
