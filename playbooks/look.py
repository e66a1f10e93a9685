"""One account, looked into: everything of daybox's that it lists, each with its verdict. Reads only."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from playbooks.accounts import Book, tried
from playbooks.found import Found, belonging_found, box_found, unlisted_found
from playbooks.held import held_by
from playbooks.kept_volumes import LACKS, asked_for
from playbooks.leftovers import (
    GOES,
    Known,
    Verdict,
    belonging_verdict,
    box_verdict,
    has_box,
    is_certain,
    owner_of,
    owner_of_box,
    stack_of_belonging,
)
from playbooks.standing import stack_of, strays
from stacks import ledger
from stacks.account import Account, Instance, Profile, lacking
from stacks.belongings import KINDS, VOLUME, Belonging, belongings
from stacks.errors import CloudError
from stacks.ledger import Entry
from stacks.proof import check_unlisted, left_of, may_land_for, with_lost_boxes


@dataclass(frozen=True)
class Look:
    """What one account has. faults: why to doubt it. unseen: what was not looked at, and why."""

    found: tuple[Found, ...] = ()
    faults: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scene:
    """What the verdicts on one account rest on. stack: the one that was named; its boxes go whatever their end."""

    stack: str | None
    listed: Sequence[Instance]
    known: Known

    def is_named(self, stack: str | None, owner: str | None) -> bool:
        """Whether it was named, and is ours or nobody's: then its namer may end it."""
        return self.stack is not None and self.stack == stack and owner in (self.known.owner, None)


def look(account: Account, owner: str, stack: str | None, book: Book) -> Look:
    """What `account` has of daybox's, or of `stack` alone, and what of it should go, by the API's own clock.

    book: the ledger before this look; what it has of boxes must be listed.
    """
    faults, profile, listed = list[str](), account.profile(), account.instances()
    now = Book.read([])  # after the list: an intent is older than its box, so what is listed is known by now
    begun = [entry for entry in book.open(stack) if entry.api_url == account.api_url]
    unlisted = {one.lease: tried(faults, unlisted_of, one, account, profile.user, listed, stack) for one in begun}
    certain = {lease for lease, found in unlisted.items() if found is not None and None not in ids(found)}
    known = Known(
        owner,
        profile.now,
        time.time(),
        account.api_url,
        entries=now.entries,  # of all accounts: a local cloud may have come back under another port
        unread=now.unread,
        doubtful=frozenset(entry.lease for entry in now.open(None)) - certain,
    )
    rows = [row for row in strays(listed, declared_ids=()) if stack in (None, stack_of(row))]
    scene = Scene(stack, listed, with_states(known, rows))
    boxes = [box for row in rows if (box := tried(faults, box_in, scene, row))]
    hanging, unseen = all_belongings(account, profile, faults)
    if lacking(profile.scopes, [VOLUME.scope]) and (names := tried(faults, asked_for, account.api_url, stack)):
        faults.append(f"volumes: {LACKS}, so no end of theirs is kept, and {', '.join(names)} may have one")
    rest = [tried(faults, belonging_in, scene, one, ids(box for box in boxes if box.goes)) for one in hanging]
    missing = [found for some in unlisted.values() for found in some or ()]
    unseen += [f"state of stack {name}: it cannot be read" for name in sorted(scene.known.stateless)]
    return Look((*boxes, *missing, *(one for one in rest if one)), tuple(faults), tuple(unseen))


def ids(found: Iterable[Found]) -> set[int | None]:
    """Their ids."""
    return {one.id for one in found}


def unlisted_of(
    entry: Entry, account: Account, user: str, listed: Sequence[Instance], stack: str | None
) -> list[Found]:
    """The boxes of a lease begun here that the account does not list: ghosts, and one that may still appear.

    Raises CloudError if that leaves a doubt about the list: an empty page alone means nothing. It was begun by another
    user than the token speaks for; or a box of it is neither listed nor known to be deleted; or one of the stack that
    was named was asked for a moment ago and may still appear.
    """
    ledger.check_same_user(entry, user)
    whole = with_lost_boxes(entry, account)
    check_unlisted(whole, account, listed)
    if left_of(whole, listed):
        return []
    if (seconds := may_land_for(entry)) <= 0:
        verdict = Verdict("ghost", f"it was deleted; `pulumi destroy -s {entry.stack}` clears what the state has of it")
        return [unlisted_found(entry, number, verdict) for number in whole.instance_ids]
    if stack:
        raise CloudError(
            f"lease/{entry.lease}: a box was asked for and not seen; it may still appear",
            hint=f"run this again in {seconds:.0f} s",
        )
    return [unlisted_found(entry, None, Verdict("starting", "it was asked for and may still appear"))]


def with_states(known: Known, rows: Iterable[Instance]) -> Known:
    """`known`, with the states of the stacks of those boxes that only a state may know."""
    verdicts = [(row, tried([], box_verdict, row, known)) for row in rows]  # its faults are told with the box
    stacks = {stack_of(row) for row, verdict in verdicts if verdict and verdict.kind in ("orphan", "stranger")} - {None}
    states = {name: held_by(name) for name in stacks if name}
    return replace(
        known,
        held=frozenset(number for held in states.values() for number in held or ()),
        stateless=frozenset(name for name, held in states.items() if held is None),
    )


def box_in(scene: Scene, row: Instance) -> Found:
    """A listed box with its verdict."""
    verdict = box_verdict(row, scene.known)
    goes = verdict.kind in GOES or scene.is_named(stack_of(row), owner_of_box(row, scene.known))
    return box_found(row, verdict, scene.known, goes=goes)


def all_belongings(account: Account, profile: Profile, faults: list[str]) -> tuple[list[Belonging], list[str]]:
    """Every firewall, volume and token that the token lets us see, and what it does not."""
    unseen = [kind for kind in KINDS if lacking(profile.scopes, [kind.scope])]
    lists = [tried(faults, belongings, account, kind) for kind in KINDS if kind not in unseen]
    words = [f"{kind.what}s: the token lacks the scope {kind.scope}" for kind in unseen]
    return [one for some in lists for one in some or ()], words


def belonging_in(scene: Scene, one: Belonging, going: set[int | None]) -> Found | None:
    """A firewall, volume or token with its verdict; None if it is no leftover, or not of the stack that was named.

    going: ids of the boxes that go before it. Raises CloudError if it hangs on a box that is not listed.
    """
    known, stack = scene.known, stack_of_belonging(one, scene.known)
    if scene.stack not in (None, stack):
        return None
    attached = {number for kind, number in one.hangs_on if kind == "linode"}
    if unlisted := attached - {box.id for box in scene.listed}:
        raise CloudError(
            f"cloud: {one.kind.what} {one.id} hangs on box {unlisted.pop()}, which is not listed",
            hint="run this again; nothing was concluded from it",
        )
    staying = [box for box in scene.listed if box.id not in going]
    verdict = belonging_verdict(one, known, staying)
    if verdict is None:
        return None
    goes = verdict.kind in GOES or (scene.is_named(stack, owner_of(one, known)) and is_certain(one, known))
    leaving = [box for box in scene.listed if box.id in going]
    before = [box.id for box in leaving if box.id in attached or has_box(one.lease, known.entry(one.lease), [box])]
    return belonging_found(one, verdict, known, goes=goes, boxes=before)
