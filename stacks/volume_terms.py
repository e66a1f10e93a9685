"""What a stack's volume is: label, size, price, end, and from how many starts a month it pays.

A volume has a lease of its own: it outlives its box, bills by itself, and any sweep ends it after its end.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from stacks.account import Account, Instance
from stacks.belongings import VOLUME
from stacks.errors import CloudError, ConfigError
from stacks.lease import OWNER_TAG, STACK_TAG, TAG, TAG_TIME, UNTIL_TAG, is_of_stack, tagged
from stacks.places import stack_dir
from stacks.price import known_usd
from stacks.volume_size import volume_label

if TYPE_CHECKING:
    from stacks.settings import Settings

# Source: recorded API traffic of 2026-07-01, for all regions but two; what the API says comes first.
USD_PER_GIB_MONTH, PRICE_READ = 0.10, "2026-07-01"
# Nobody measured the Hub from a Linode: 20 GB are said to take 3 to 10 minutes, so 5. The volume's is Linode's figure.
HUB_MB_PER_SECOND, VOLUME_MB_PER_SECOND = 65.0, 350.0


@dataclass(frozen=True)
class Terms:
    """One stack's volume as `up` wants it. until: UTC, then any sweep ends it. pays_from: starts a month, None: never.

    spared_minutes: of a start, against the download; speed: by what that was reckoned, in words.
    """

    label: str
    size_gib: int
    usd_per_month: float
    price_source: str
    until: datetime
    pays_from: int | None
    spared_minutes: float
    speed: str


def tags_of(stack: str, owner: str, until: datetime) -> list[str]:
    """What it carries: whose and which stack's it is, and its own end; no lease, for it outlives all of them."""
    return sorted([TAG, f"{STACK_TAG}{stack}", f"{OWNER_TAG}{owner}", f"{UNTIL_TAG}{until.strftime(TAG_TIME)}"])


def spared_seconds(weights_gb: float, hub_mb_per_second: float) -> float:
    """How much sooner weights are read from the volume than fetched from the Hub; never below zero."""
    return max(0.0, weights_gb * 1000 * (1 / hub_mb_per_second - 1 / VOLUME_MB_PER_SECOND))


def pays_from(usd_per_month: float, usd_per_hour: float, spared: float) -> int | None:
    """Starts a month from which a volume costs less than the seconds it spares; None if it spares none.

    It is the least: whole hours are billed, and weights come while driver and image do, so a spared minute may be free.
    """
    worth = usd_per_hour * spared / 3600
    return math.ceil(usd_per_month / worth) if worth else None


def measured_speed(stack: str) -> float | None:
    """MB/s with which a box of this stack fetched its weights last, as far as this laptop has kept its stage table."""
    tables = sorted((stack_dir(stack) / "stages").glob("*.json"), reverse=True)  # a lease's name begins with its start
    for table in tables:
        try:
            rows = json.loads(table.read_text())["stages"]
            row = next(row for row in rows if row["stage"] == "weights")
            if row["bytes"] and row["took_seconds"]:
                return float(row["bytes"] / 1e6 / row["took_seconds"])
        except (OSError, ValueError, KeyError, TypeError, StopIteration):
            continue
    return None


def usd_per_gib_month(rows: Sequence[Mapping[str, Any]], region: str) -> float | None:
    """What the API asks for one GiB and month. rows: of `/volumes/types`. None if they give none; 0 is no price."""
    for row in rows:
        own = {price.get("id"): price for price in row.get("region_prices") or []}
        if usd := known_usd((own.get(region) or row.get("price") or {}).get("monthly")):
            return usd
    return None


def terms_of(settings: "Settings", account: Account, listed: Sequence[Instance], owner: str, end: datetime) -> Terms:
    """The terms for this `up`, whose box ends at `end`; what the account has of it already is looked at.

    Raises DayboxError, having changed nothing, if the volume that is there cannot be this box's.
    """
    stack, region, label = settings.stack, settings.region, volume_label(settings.stack)
    there = found(account, label)
    if there:
        check_usable(stack, region, there, owner, listed)
    now = usd_per_gib_month(account.rows("/volumes/types"), region)
    usd = now or USD_PER_GIB_MONTH
    source = urlsplit(account.api_url).netloc if now else f"daybox, {PRICE_READ}: the API gave none"
    size = max(settings.volume_gib, there["size"] if there else 0)  # it grows, and never shrinks
    measured = measured_speed(stack)
    spared = spared_seconds(sum(model.weights_gb for model in settings.models), measured or HUB_MB_PER_SECOND)
    return Terms(
        label=label,
        size_gib=size,
        usd_per_month=round(size * usd, 2),
        price_source=source,
        until=end + timedelta(days=settings.volume_days),
        pays_from=pays_from(size * usd, settings.plan.usd_per_hour, spared),
        spared_minutes=spared / 60,
        speed=f"{measured or HUB_MB_PER_SECOND:.0f} MB/s from the Hub, {'measured' if measured else 'assumed'}",
    )


def found(account: Account, label: str) -> dict[str, Any] | None:
    """The row of the volume that has this label, None if the account lists none."""
    return next((row for row in account.rows(VOLUME.path) if row["label"] == label), None)


def check_usable(stack: str, region: str, row: Mapping[str, Any], owner: str, listed: Sequence[Instance]) -> None:
    """Raises DayboxError if the volume is somebody else's, elsewhere, or held by a box that is not this stack's."""
    name = f"volume {row['id']} ({row['label']}, {row['size']} GiB)"
    if tagged(row["tags"], OWNER_TAG) != owner:
        raise CloudError(
            f"stacks/{stack}/volume: the account has {name}, which is not yours (you are {owner})",
            hint="use a stack name of your own, or end it in the Cloud Manager",
        )
    if row["region"] != region:
        raise ConfigError(
            f"stacks/{stack}/region: its {name} is in {row['region']} and cannot be moved to {region}",
            hint=f"go back: pulumi config set -s {stack} daybox:region {row['region']}; or end it: "
            f"fab sweep --stack {stack}",
        )
    holder = next((box for box in listed if box.id == row["linode_id"]), None)
    if holder and not is_of_stack(holder, stack):
        raise CloudError(
            f"stacks/{stack}/volume: {name} hangs on box {holder.id} ({holder.label})",
            hint="detach it in the Cloud Manager, then run this again",
        )


def terms_line(terms: Terms) -> str:
    """For the quote: what it costs and until when, and when it pays."""
    return (
        f"; volume {terms.size_gib} GiB: ${terms.usd_per_month:.2f} a month ({terms.price_source}), also without a "
        f"box, until {terms.until:%Y-%m-%d}: {pays_words(terms)}"
    )


def pays_words(terms: Terms) -> str:
    """When it pays, and by what assumption."""
    if terms.pays_from is None:
        return f"it spares nothing ({terms.speed})"
    return f"pays from {terms.pays_from} starts a month, each sparing {terms.spared_minutes:.1f} min ({terms.speed})"


def stays_line(stack: str, number: int, label: str, size_gib: int, usd_per_month: float, until: str) -> str:
    """What `destroy` says: it bills on, until when, and what ends it now."""
    return (
        f"volume {number} ({label}, {size_gib} GiB) stays and bills ${usd_per_month:.2f} a month until {until}; "
        f"end it now, with all that the stack has: fab sweep --stack {stack}"
    )
