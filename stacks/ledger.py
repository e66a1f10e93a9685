"""The ledger: one JSON file a lease. Written before anything exists that bills, closed when nothing is left."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from stacks.errors import CloudError
from stacks.lease import ISO_TIME
from stacks.places import ledger_dir, write_private


@dataclass(frozen=True)
class Entry:
    """One lease. Times: UTC, `YYYY-MM-DDTHH:MM:SSZ`; ended, hours and usd stay None until nothing is left of it.

    user: whom the token spoke for: an empty list of another account proves nothing. instance_ids: every box of this
    lease that is known to have been created. intended: when a box was last asked for, landed: when one was last seen;
    seconds since 1970 by this laptop.
    """

    lease: str
    stack: str
    owner: str
    cloud: str
    api_url: str
    user: str
    label: str
    plan: str
    region: str
    usd_per_hour: float
    price_source: str
    started: str
    dies_at: str
    instance_ids: tuple[int, ...] = ()
    intended: float = 0.0
    landed: float = 0.0
    ended: str | None = None
    lived_seconds: float | None = None
    billed_hours: int | None = None
    usd: float | None = None


def start_of(entry: Entry) -> datetime:
    """When the lease began, UTC."""
    return datetime.strptime(entry.started, ISO_TIME).replace(tzinfo=UTC)


def write(entry: Entry) -> Entry:
    """Keep `entry`, safely on disk (fsync) when this returns."""
    write_private(ledger_dir() / f"{entry.lease}.json", json.dumps(asdict(entry), indent=2) + "\n")
    return entry


def read(lease: str) -> Entry | None:
    """The entry of `lease`, or None if this laptop has none."""
    path = ledger_dir() / f"{lease}.json"
    if not path.is_file():
        return None
    row = json.loads(path.read_text())
    return Entry(**row | {"instance_ids": tuple(row["instance_ids"])})


def entries() -> Iterator[Entry]:
    """All leases of this laptop, the oldest first: their ids begin with their time."""
    for path in sorted(ledger_dir().glob("*.json")):
        if entry := read(path.stem):
            yield entry


def open_entries(stack: str | None = None) -> Iterator[Entry]:
    """The leases of this laptop, or of `stack`, that were begun and not closed: each may have a box."""
    return (entry for entry in entries() if entry.ended is None and stack in (None, entry.stack))


def check_same_user(entry: Entry, user: str) -> None:
    """Raises CloudError if the token speaks for somebody else: an empty list of another account proves nothing."""
    if user != entry.user:
        raise CloudError(
            f"lease/{entry.lease}: was rented as {entry.user}, but LINODE_TOKEN speaks for {user}",
            hint=f"export LINODE_TOKEN with a token of {entry.user}",
        )


def add_instance(lease: str, instance_id: int) -> None:
    """Record that this box belongs to `lease`, and that it is there; a laptop without the lease's entry has none."""
    if entry := read(lease):
        ids = tuple(dict.fromkeys((*entry.instance_ids, instance_id)))
        write(replace(entry, instance_ids=ids, landed=time.time()))
