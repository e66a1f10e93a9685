"""The ledger: one JSON file a lease. Written before anything exists that bills, closed when nothing is left."""

import fcntl
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stacks.errors import CloudError, ConfigError
from stacks.lease import ISO_TIME
from stacks.places import ledger_dir, private_folder, write_private


@dataclass(frozen=True)
class Life:
    """One box from its creation to its deletion, UTC, as the account tells it.

    began: where `told` is False no event says it, and it is the lease's start, which is earlier. ended: None while the
    account lists the box, and where it is neither listed nor known to be deleted. deletion: id of the event that says
    when it was deleted. by_label: nobody saw it; it was created under the lease's label while its request was open.
    """

    id: int
    began: datetime
    ended: datetime | None = None
    listed: bool = False
    told: bool = True
    deletion: int | None = None
    by_label: bool = False

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Life":
        """The life in a row of the ledger's JSON."""
        ended = row["ended"] and moment(row["ended"])
        return cls(**{**row, "began": moment(row["began"]), "ended": ended})


@dataclass(frozen=True)
class Entry:
    """One lease. Times: UTC, `YYYY-MM-DDTHH:MM:SSZ`; what comes after `reason` is written when nothing is left of it.

    user: whom the token spoke for: an empty list of another account proves nothing. instance_ids: every box of this
    lease that is known to have been created. intended: when a box was last asked for, landed: when one was last seen;
    seconds since 1970 by this laptop. armed: ids of those boxes that were armed; None: not known, as in an entry of
    before this was noted. tokens: what its vLLM served, in and out, as the box last said, with the moment in `told`;
    None if it never did. month_spent_usd: what other leases had spent of the month when this one began; None if nobody
    reckoned. reason: why it ended, in its watchdog's words, else what is known of it. ended: when its last box did.
    lived_seconds, billed_hours, usd: of all its boxes, each billed by itself; usd is None without a price. lives: these
    boxes. proved_at: the API's clock when it listed `proved_listed` Instances, none of them of this lease. stages: its
    way to ready, as playbooks/stage_table.py has it.
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
    armed: tuple[int, ...] | None = ()
    tokens: int | None = None
    told: float | None = None
    month_spent_usd: float | None = None
    reason: str = ""
    ended: str | None = None
    lived_seconds: float | None = None
    billed_hours: int | None = None
    usd: float | None = None
    lives: tuple[Life, ...] = ()
    proved_at: str | None = None
    proved_listed: int | None = None
    stages: dict[str, Any] | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Entry":
        """The entry in the ledger's JSON."""
        lives = tuple(Life.from_row(life) for life in row.get("lives") or ())
        armed = tuple(row["armed"]) if isinstance(row.get("armed"), list) else None
        return cls(**{**row, "instance_ids": tuple(row["instance_ids"]), "lives": lives, "armed": armed})


def moment(text: str) -> datetime:
    """A time as the ledger writes it."""
    return datetime.strptime(text, ISO_TIME).replace(tzinfo=UTC)


def start_of(entry: Entry) -> datetime:
    """When the lease began, UTC."""
    return moment(entry.started)


def write(entry: Entry) -> Entry:
    """Keep `entry`, safely on disk (fsync) when this returns."""
    with _alone():
        return _write(entry)


def keep(entry: Entry, **changes: object) -> Entry:
    """What the ledger has of this lease, else `entry`, with these changes; safely on disk when this returns."""
    with _alone():
        return _write(replace(read(entry.lease) or entry, **changes))  # type: ignore[arg-type]


def note(lease: str, **changes: object) -> None:
    """Change fields of the lease's entry; a laptop that did not begin it has none, and nothing is noted."""
    if entry := read(lease):
        keep(entry, **changes)


def add_instance(lease: str, instance_id: int) -> None:
    """Record that this box belongs to `lease`, and that it is there."""
    with _alone():
        if entry := read(lease):
            ids = tuple(dict.fromkeys((*entry.instance_ids, instance_id)))
            _write(replace(entry, instance_ids=ids, landed=time.time()))


def add_armed(lease: str, instance_id: int) -> None:
    """Record that this box of `lease` was armed: each is by itself, and another says nothing of it."""
    with _alone():
        if entry := read(lease):
            _write(replace(entry, armed=tuple(dict.fromkeys((*(entry.armed or ()), instance_id)))))


@contextmanager
def _alone() -> Iterator[None]:
    """While nobody else changes the ledger: a gateway notes while `destroy` closes, and neither may undo the other."""
    with open(private_folder(ledger_dir()) / ".lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _write(entry: Entry) -> Entry:
    text = json.dumps(asdict(entry), indent=2, default=lambda at: at.strftime(ISO_TIME))
    write_private(_file(entry.lease), text + "\n")
    return entry


def _file(lease: str) -> Path:
    return ledger_dir() / f"{lease}.json"


def read(lease: str) -> Entry | None:
    """The entry of `lease`, or None if this laptop has none. Raises ConfigError for a file that holds none."""
    try:
        return Entry.from_row(json.loads(_file(lease).read_text()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        fact = f"{_file(lease)}: is no receipt: {type(error).__name__}: {error}"
        hint = "mend it, or move it away: then nobody knows what this lease cost, and `fab sweep` finds its box"
        raise ConfigError(fact, hint=hint) from None


def entries() -> Iterator[Entry]:
    """All leases of this laptop, the oldest first: their ids begin with their time."""
    for path in sorted(ledger_dir().glob("*.json")):
        if entry := read(path.stem):
            yield entry


def check_same_user(entry: Entry, user: str) -> None:
    """Raises CloudError if the token speaks for somebody else: an empty list of another account proves nothing."""
    if user != entry.user:
        raise CloudError(
            f"lease/{entry.lease}: was rented as {entry.user}, but LINODE_TOKEN speaks for {user}",
            hint=f"export LINODE_TOKEN with a token of {entry.user}",
        )
