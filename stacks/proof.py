"""Is a lease gone? Only the account's full list and its events say so: a 404 and an empty page are no proof."""

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from stacks.account import Account, Instance
from stacks.errors import CloudError
from stacks.lease import LEASE_TAG, tagged
from stacks.ledger import Entry, start_of

# A create whose reply was lost may still appear in the list. The variable is set by tests only.
LANDING_SECONDS = float(os.environ.get("DAYBOX_LANDING_SECONDS", "120"))


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


def prove_gone(entry: Entry, account: Account) -> datetime:
    """When the lease ended, by the account's own word. Raises CloudError if anything is left or not certain."""
    listed = account.instances()
    if left := left_of(entry, listed):
        names = ", ".join(f"{box.id} ({box.label}, {box.status})" for box in left)
        raise CloudError(
            f"lease/{entry.lease}: still in the account and billing: {names}",
            hint=f"`fab sweep --stack {entry.stack}` ends it; then destroy again",
        )
    return max(ends_of_unlisted(entry, account, listed), default=datetime.now(UTC))


def ends_of_unlisted(entry: Entry, account: Account, listed: Sequence[Instance]) -> list[datetime]:
    """When the lease's boxes that are not listed were deleted. Raises CloudError if no event says that one was."""
    there = {box.id for box in listed}
    ended = {number: account.deleted_at(number) for number in entry.instance_ids if number not in there}
    if unproved := [str(number) for number, end in ended.items() if end is None]:
        raise CloudError(
            f"lease/{entry.lease}: box {', '.join(unproved)} is not listed, but no event says that it was deleted",
            hint="look into the Cloud Manager, then run this again",
        )
    return [end for end in ended.values() if end]


def may_land_for(entry: Entry) -> float:
    """Seconds for which a box that was asked for and never seen may still appear; zero or less: no longer."""
    if entry.landed > entry.intended:
        return 0.0
    return max(entry.intended, start_of(entry).timestamp()) + LANDING_SECONDS - time.time()


def with_lost_boxes(entry: Entry, account: Account) -> Entry:
    """The entry, with the boxes that were created for it and never seen: their create's reply was lost.

    What was created bills, also if it is gone by now.
    """
    if entry.landed > entry.intended:
        return entry
    lost = account.created_since(entry.label, start_of(entry))
    return replace(entry, instance_ids=tuple(dict.fromkeys((*entry.instance_ids, *lost))))
