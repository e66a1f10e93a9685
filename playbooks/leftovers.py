"""What in an account is a leftover, and of which kind: rows in, a verdict with its reason out. Pure."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from playbooks.standing import stack_of
from stacks.account import Instance, utc
from stacks.belongings import VOLUME, Belonging
from stacks.lease import LEASE_TAG, OWNER_TAG, STACK_TAG, lease_start, tagged, until_of
from stacks.ledger import Entry, moment, start_of
from stacks.proof import left_of

# An `up` may be at it for so long: 2 minutes until a create has landed, 10 to arm the box (stacks/arming.py), and 5 for
# what Pulumi does before and after. Then it was killed. The variable is set by tests only.
GRACE_SECONDS = float(os.environ.get("DAYBOX_GRACE_SECONDS", "1020"))
GOES = ("past", "half-made", "orphan", "stray")  # these should go; everything else is shown and stays


@dataclass(frozen=True)
class Verdict:
    """kind: past, half-made, orphan, stray; live, starting, stranger, foreign, unowned, data, ghost.

    why: as a sentence's end.
    """

    kind: str
    why: str


@dataclass(frozen=True)
class Known:
    """What is known beside the account's lists.

    owner: who we are. now: the API's clock, UTC; clock: this laptop's, seconds since 1970. api_url: of the account that
    is looked into. entries: the whole ledger, of all accounts. unread: leases whose entry cannot be read. held: ids in
    Pulumi's states. stateless: stacks whose state was not read. doubtful: leases that may have a box beyond the list.
    """

    owner: str
    now: datetime
    clock: float
    api_url: str
    entries: Sequence[Entry] = ()
    unread: frozenset[str] = frozenset()
    held: frozenset[int] = frozenset()
    stateless: frozenset[str] = frozenset()
    doubtful: frozenset[str] = frozenset()

    def begun(self, box: Instance) -> Entry | None:
        """The open entry of the lease that this box is of."""
        return next((entry for entry in self.entries if entry.ended is None and left_of(entry, [box])), None)

    def rented(self, box: Instance) -> Entry | None:
        """The entry of the lease that this box is of, by its tag; where that was taken away, by its id in this account.

        It stands in for other tags that were taken away. A label alone would be too little to end a box for.
        """
        lease = tagged(box.tags, LEASE_TAG)
        if lease is not None:
            return self.entry(lease)
        begun = (one for one in self.entries if one.ended is None and one.api_url == self.api_url)
        return next((one for one in begun if box.id in one.instance_ids), None)

    def entry(self, lease: str | None) -> Entry | None:
        """The entry of `lease`, open or closed."""
        return next((entry for entry in self.entries if entry.lease == lease), None)

    def is_starting(self, entry: Entry) -> bool:
        """Whether an `up` may still be at it: by the API's clock since it began, by ours since it last went on.

        Ours may have been set: a moment to come protects nothing.
        """
        began = (self.now - start_of(entry)).total_seconds()
        went_on = self.clock - max(entry.intended, entry.landed)
        return began < GRACE_SECONDS or 0 <= went_on < GRACE_SECONDS


def box_verdict(box: Instance, known: Known) -> Verdict:
    """What this box of daybox's is to us."""
    until, owner = until_of_box(box, known), owner_of_box(box, known)
    if until is not None and until < known.now:
        return Verdict("past", "its end has passed")
    if owner is None:
        return Verdict("unowned", "it names no owner: `--stack` ends it")
    if owner != known.owner:
        return Verdict("foreign", f"owner {owner} rented it")
    if tagged(box.tags, LEASE_TAG) in known.unread:
        return Verdict("live", "its entry in the ledger cannot be read, so nothing is certain")
    entry = known.begun(box)
    return verdict_without_lease(box, known) if entry is None else verdict_in_lease(box, entry, known)


def verdict_in_lease(box: Instance, entry: Entry, known: Known) -> Verdict:
    """What a box of ours is to us whose lease is open."""
    way = f"pulumi destroy -s {entry.stack}, or `--stack`"
    if entry.armed is None:
        return Verdict("live", f"its entry is of before arming was noted, so it may end itself: {way}")
    if box.id in entry.armed:
        return Verdict("live", f"its `up` came through, so unless selfDestruct is false it ends itself: {way}")
    if known.is_starting(entry):
        return Verdict("starting", "its `up` may still be at it")
    return Verdict("half-made", "its `up` ended before it was armed, so it cannot end itself")


def verdict_without_lease(box: Instance, known: Known) -> Verdict:
    """What a box is to us that carries our owner's id and has no open lease here.

    A ledger that never had its lease is no reason to end it: another laptop with a copy of our state may live by it.
    """
    stack = stack_of(box) or "?"
    if box.id in known.held:
        return Verdict("live", f"Pulumi's state holds it: pulumi destroy -s {stack}")
    began = lease_start(tagged(box.tags, LEASE_TAG) or "") or utc(box.created)
    if (known.now - began).total_seconds() < GRACE_SECONDS:
        return Verdict("starting", "its `up` may still be at it")
    state = "state not read" if stack in known.stateless else "no state holds it"
    if known.rented(box) is None:
        return Verdict("stranger", f"this ledger never had its lease, and {state}: `--stack` ends it")
    return Verdict("orphan", f"its lease is closed in the ledger; {state}")


def owner_of_box(box: Instance, known: Known) -> str | None:
    """Whose it is: by its tag, else by the ledger."""
    entry = known.rented(box)
    return tagged(box.tags, OWNER_TAG) or (entry.owner if entry else None)


def until_of_box(box: Instance, known: Known) -> datetime | None:
    """When any killer may take it, UTC: by its tag, else by the ledger."""
    entry = known.rented(box)
    return until_of(box.tags) or (moment(entry.dies_at) if entry else None)


def belonging_verdict(one: Belonging, known: Known, staying: Sequence[Instance]) -> Verdict | None:
    """What this firewall, volume or token is to us; None while the box lives that it is for.

    staying: every Instance, also not of daybox's, that is there afterwards.
    """
    ids, entry = {box.id for box in staying}, known.entry(one.lease)
    if any(kind != "linode" or number in ids for kind, number in one.hangs_on):
        return None
    if has_box(one.lease, entry, staying):
        return None
    until, owner = until_of(one.tags) or one.expiry, owner_of(one, known)
    if until is not None and until < known.now:
        return Verdict("past", "its end has passed")
    if owner is None:
        return Verdict("unowned", "it names no owner")
    if owner != known.owner:
        return Verdict("foreign", f"it is owner {owner}'s")
    if one.kind is VOLUME:
        return Verdict("data", "a volume is kept until its end: `--stack` ends it")
    if not is_certain(one, known):
        return Verdict("starting", "its lease may have a box that is not listed")
    if (known.now - (lease_start(one.lease or "") or one.created)).total_seconds() < GRACE_SECONDS:
        return Verdict("starting", "its `up` may still be at it")
    return Verdict("stray", "its lease has no box")


def has_box(lease: str | None, entry: Entry | None, boxes: Sequence[Instance]) -> bool:
    """Whether one of the boxes is of this lease: by its tag, or by all that the ledger knows of it."""
    if entry is not None and left_of(entry, boxes):
        return True
    return lease is not None and any(tagged(box.tags, LEASE_TAG) == lease for box in boxes)


def is_certain(one: Belonging, known: Known) -> bool:
    """Whether its lease has no box but those that are listed: a token that is taken from a living box disarms it."""
    return one.lease not in known.doubtful | known.unread


def owner_of(one: Belonging, known: Known) -> str | None:
    """Whose it is: by its tag; a token has none, and is ours if our ledger has its lease."""
    entry = known.entry(one.lease)
    return tagged(one.tags, OWNER_TAG) or (entry.owner if entry else None)


def stack_of_belonging(one: Belonging, known: Known) -> str | None:
    """The stack it is of: by its tag, else by the ledger."""
    entry = known.entry(one.lease)
    return tagged(one.tags, STACK_TAG) or (entry.stack if entry else None)
