"""The volumes that an account keeps: they bill with or without a box, so what tells of boxes tells of them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from playbooks.moments import iso
from stacks.account import Account, lacking
from stacks.belongings import VOLUME, Belonging
from stacks.catalog import CLOUDS
from stacks.errors import DayboxError
from stacks.lease import OWNER_TAG, STACK_TAG, TAG, tagged, until_of
from stacks.places import owner_file
from stacks.stack_file import raw_of, stack_names
from stacks.values import api_url, named
from stacks.volume_terms import USD_PER_GIB_MONTH, usd_per_gib_month

UNKNOWN = "?"  # the stack of a volume whose tag was taken away
LACKS = f"the token lacks the scope {VOLUME.scope}"


@dataclass(frozen=True)
class KeptVolume:
    """One volume of daybox's. stack: `?` if its tag was taken away. usd_per_month: at today's price of its region.

    until: UTC, then any sweep ends it; None if it does not say.
    """

    id: int
    label: str
    stack: str
    owner: str | None
    size_gib: int
    usd_per_month: float
    until: datetime | None

    @classmethod
    def of(cls, row: Mapping[str, Any], usd_per_gib: float) -> "KeptVolume":
        """The volume in one row of the API's JSON."""
        tags, size = tuple(row["tags"]), int(row["size"])
        stack, owner = tagged(tags, STACK_TAG) or UNKNOWN, tagged(tags, OWNER_TAG)
        return cls(row["id"], row["label"], stack, owner, size, round(size * usd_per_gib, 2), until_of(tags))

    def row(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return vars(self) | {"until": iso(self.until)}


def kept_volumes(account: Account, scopes: Collection[str]) -> list[KeptVolume]:
    """Every volume of daybox's that the account lists; none if the token may not see them. Raises CloudError."""
    if lacking(scopes, [VOLUME.scope]):
        return []
    rows = [row for row in account.rows(VOLUME.path) if is_ours(row)]
    types = account.rows("/volumes/types") if rows else []
    return [KeptVolume.of(row, usd_per_gib_month(types, row["region"]) or USD_PER_GIB_MONTH) for row in rows]


def kept_or_why(account: Account, scopes: Collection[str]) -> tuple[list[KeptVolume], str]:
    """What `kept_volumes` gives, and why it gives nothing, if the account does not say: no reason to tell of no box.

    That the token may not see volumes is a reason only where there may be some.
    """
    found, why = list[KeptVolume](), ""
    try:
        found = kept_volumes(account, scopes)
        why = LACKS if lacking(scopes, [VOLUME.scope]) and asked_for(account.api_url) else ""
    except DayboxError as error:
        why = error.fact
    return found, f"volumes may bill that are not shown: {why}" if why else ""


def asked_for(url: str, stack: str | None = None) -> list[str]:
    """The stacks of this checkout whose files ask for a volume in the account at this API's url, or `stack` if so."""
    return [name for name in stack_names() if stack in (None, name) and asks(raw_of(name)[0], url)]


def asks(raw: Mapping[str, str], url: str) -> bool:
    """Whether a stack's config asks for a volume there; one that does not say where may."""
    if raw.get("volume") != "true":
        return False
    try:
        return api_url(named(CLOUDS, raw.get("cloud", "")), raw.get("url", "")) == url
    except (DayboxError, ValueError):
        return True


def volume_words(row: Mapping[str, Any]) -> str:
    """For people, what a row of `--json` says: its cost, until when, and what ends it."""
    until = row["until"][: len("2026-12-26")] if row["until"] else "somebody ends it"
    return (
        f"volume {row['id']} ({row['label']}, {row['size_gib']} GiB) bills ${row['usd_per_month']:.2f} a month, box or "
        f"not, until {until}; {way_out(row['stack'], row['owner'])}"
    )


def way_out(stack: str, owner: str | None) -> str:
    """Who or what ends it."""
    ours = owner_file().read_text().strip() if owner_file().is_file() else ""
    if owner not in (ours, None):
        return f"owner {owner} pays for it: ask them"
    if stack == UNKNOWN:
        return "it does not say which stack it is of: the Cloud Manager ends it"
    return f"`fab sweep --stack {stack}` ends it with all that the stack has"


def is_ours(row: Mapping[str, Any]) -> bool:
    """Whether it is daybox's: by its tag, or by its label."""
    return TAG in row["tags"] or bool(Belonging.from_row(VOLUME, row).lease)
