"""One of each leftover, planted in a local cloud and in the ledger of a laptop that rented there."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from stacks import ledger
from stacks.lease import ISO_TIME, Lease
from stacks.ledger import Entry
from stacks.places import cloud_dir, owner_file, write_private
from tests.cloud import FIREWALL, Cloud
from tests.stacks.test_receipt import ENTRY

NOW = datetime.now(UTC)  # the local cloud has no other clock
HOUR = timedelta(hours=1)
LATER, EARLIER = NOW + HOUR, NOW - HOUR


@dataclass
class Laptop:
    """This laptop's state, owner `me`, and the account it rents in."""

    cloud: Cloud

    def __post_init__(self) -> None:
        write_private(owner_file(), "me\n")
        write_private(cloud_dir() / "url", self.cloud.url)

    def lease(self, stack: str, owner: str = "me", begun: datetime = EARLIER) -> Lease:
        """A lease of `stack`."""
        return Lease.new(stack, owner, begun)

    def box(self, lease: Lease, until: datetime = LATER) -> int:
        """A box of this lease in the account."""
        return int(self.cloud.create(lease.label, tags=lease.tags_until(until))["id"])

    def entry(self, lease: Lease, *boxes: int, **other: Any) -> Entry:
        """The lease in this laptop's ledger, begun when it says and never armed."""
        own: dict[str, Any] = {"lease": lease.id, "stack": lease.stack, "owner": lease.owner, "label": lease.label}
        begun = {"started": lease.start.strftime(ISO_TIME), "intended": lease.start.timestamp()}
        there = {"cloud": "local", "api_url": self.cloud.url, "user": "daybox", "instance_ids": boxes}
        return ledger.write(replace(ENTRY, **(own | begun | there | other)))

    def firewall(self, lease: Lease, *boxes: int) -> int:
        """A firewall of this lease, before these boxes."""
        body = FIREWALL | {"label": lease.firewall_label, "tags": lease.tags(), "devices": {"linodes": boxes}}
        return self._made("/networking/firewalls", body)

    def volume(self, lease: Lease, until: datetime, box: int | None = None) -> int:
        """A volume of this lease, attached to this box if one is given."""
        body = {"label": f"v{lease.id[-8:]}", "region": "local", "size": 10, "tags": lease.tags_until(until)}
        return self._made("/volumes", body | ({"linode_id": box} if box else {}))

    def token(self, lease: Lease) -> int:
        """The token of a box of this lease."""
        body = {"label": lease.firewall_label, "scopes": "linodes:read_write", "expiry": LATER.strftime(ISO_TIME)}
        return self._made("/profile/tokens", body)

    def _made(self, path: str, body: object) -> int:
        return int(self.cloud.json("POST", path, body)["id"])

    def left(self) -> set[int]:
        """Ids of everything that the account has now."""
        paths = ("/linode/instances", "/networking/firewalls", "/volumes", "/profile/tokens")
        return {int(row["id"]) for path in paths for row in self.cloud.json("GET", path)["data"]}

    def clear(self) -> None:
        """Leave nothing for the next test."""
        self.cloud.clear_faults()
        for path in ("/linode/instances", "/networking/firewalls", "/volumes", "/profile/tokens"):
            for row in self.cloud.json("GET", path)["data"]:
                self.cloud.call("DELETE", f"{path}/{row['id']}")
