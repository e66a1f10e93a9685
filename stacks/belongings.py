"""What hangs on a box in the account: firewalls, volumes, tokens. A kind is one row; its list comes whole or not."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from stacks.account import Account, utc
from stacks.lease import LEASE_TAG, TAG, lease_start, tagged


@dataclass(frozen=True)
class Kind:
    """what: our word. path: of its list. scope: what a token needs to list and to delete it.

    event: the API's word in the event that must prove a deletion; empty for what costs nothing.
    """

    what: str
    path: str
    scope: str
    event: str = ""


FIREWALL = Kind("firewall", "/networking/firewalls", "firewall:read_write")
VOLUME = Kind("volume", "/volumes", "volumes:read_write", event="volume")
TOKEN = Kind("token", "/profile/tokens", "account:read_write")
KINDS = (FIREWALL, VOLUME, TOKEN)


@dataclass(frozen=True)
class Belonging:
    """One firewall, volume or token. created, expiry: UTC; expiry: of a token that has one.

    hangs_on: what it is attached to, as (type, id) in the API's words: ("linode", 123).
    """

    kind: Kind
    id: int
    label: str
    created: datetime
    tags: tuple[str, ...] = ()
    hangs_on: tuple[tuple[str, int], ...] = ()
    expiry: datetime | None = None

    @classmethod
    def from_row(cls, kind: Kind, row: Mapping[str, Any]) -> "Belonging":
        """The Belonging in one row of the API's JSON."""
        attached = [(entity["type"], entity["id"]) for entity in row.get("entities") or []]
        if row.get("linode_id"):
            attached.append(("linode", row["linode_id"]))
        expiry = utc(row["expiry"]) if row.get("expiry") else None
        tags = tuple(row.get("tags") or ())
        return cls(kind, row["id"], row["label"], utc(row["created"]), tags, tuple(attached), expiry)

    @property
    def lease(self) -> str | None:
        """The lease it is of: by its tag, else by its label `daybox-<lease>`; None if neither tells."""
        named = self.label.removeprefix(f"{TAG}-") if self.label.startswith(f"{TAG}-") else ""
        return tagged(self.tags, LEASE_TAG) or (named if lease_start(named) else None)


def belongings(account: Account, kind: Kind) -> list[Belonging]:
    """Everything of this kind that the account lists and that is daybox's, by tag or by label."""
    found = (Belonging.from_row(kind, row) for row in account.rows(kind.path))
    return [one for one in found if TAG in one.tags or one.lease]
