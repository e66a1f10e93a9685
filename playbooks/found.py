"""What a sweep found in an account, as people and programs are shown it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from playbooks.leftovers import Known, Verdict, owner_of, owner_of_box, stack_of_belonging, until_of_box
from playbooks.standing import stack_of
from stacks.account import Instance, utc
from stacks.belongings import Belonging
from stacks.lease import ISO_TIME, LEASE_TAG, UNTIL_TAG, tagged, until_of
from stacks.ledger import Entry


@dataclass(frozen=True)
class Found:
    """Something of daybox's. kind, why: its Verdict; what: box, firewall, volume, token. goes: whether it should.

    account: API url. id: None for a box that was asked for and not seen. created, until: UTC, `YYYY-MM-DDTHH:MM:SSZ`.
    boxes: ids of those that must be ended before it. belonging: what it is, unless it is a box.
    """

    account: str
    kind: str
    what: str
    id: int | None
    label: str
    stack: str | None
    lease: str | None
    owner: str | None
    created: str | None
    until: str | None
    why: str
    goes: bool = False
    boxes: tuple[int, ...] = ()
    belonging: Belonging | None = None

    @property
    def key(self) -> tuple[str, str, int | None]:
        """What it is, whatever is said of it: the same in another look."""
        return self.account, self.what, self.id

    def row(self) -> dict[str, Any]:
        """As `fab sweep --json` prints it."""
        hidden = ("goes", "boxes", "belonging")
        return {name: value for name, value in vars(self).items() if name not in hidden}

    def line(self) -> str:
        """For people."""
        number = "not seen yet" if self.id is None else self.id
        return (
            f"{self.what} {number} ({self.label}) of stack {self.stack or '?'}, "
            f"created {self.created or 'unknown'}, until {self.until or 'unknown'}: {self.why}"
        )


def box_found(box: Instance, verdict: Verdict, known: Known, *, goes: bool) -> Found:
    """A listed box."""
    return Found(
        account=known.api_url,
        kind=verdict.kind,
        what="box",
        id=box.id,
        label=box.label,
        stack=stack_of(box),
        lease=tagged(box.tags, LEASE_TAG),
        owner=owner_of_box(box, known),
        created=utc(box.created).strftime(ISO_TIME),
        until=until_text(box.tags, until_of_box(box, known)),
        why=verdict.why,
        goes=goes,
    )


def belonging_found(one: Belonging, verdict: Verdict, known: Known, *, goes: bool, boxes: Sequence[int]) -> Found:
    """A firewall, volume or token. boxes: ids of those that must be ended before it."""
    return Found(
        account=known.api_url,
        kind=verdict.kind,
        what=one.kind.what,
        id=one.id,
        label=one.label,
        stack=stack_of_belonging(one, known),
        lease=one.lease,
        owner=owner_of(one, known),
        created=one.created.strftime(ISO_TIME),
        until=until_text(one.tags, one.expiry),
        why=verdict.why,
        goes=goes,
        boxes=tuple(boxes),
        belonging=one,
    )


def unlisted_found(entry: Entry, number: int | None, verdict: Verdict) -> Found:
    """A box that the ledger knows of and the account does not list. number: None if it was never seen."""
    return Found(
        account=entry.api_url,
        kind=verdict.kind,
        what="box",
        id=number,
        label=entry.label,
        stack=entry.stack,
        lease=entry.lease,
        owner=entry.owner,
        created=None,
        until=entry.dies_at,
        why=verdict.why,
    )


def until_text(tags: Sequence[str], other: datetime | None) -> str | None:
    """Its end, by its tag, else the `other`; the tag as it stands if it cannot be read; None without one."""
    until = until_of(tags) or other
    return until.strftime(ISO_TIME) if until else tagged(tags, UNTIL_TAG)
