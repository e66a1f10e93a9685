"""What a cloud sells, where, and at what price: three public lists, read side by side and kept with their age.

No token is needed. Stock is advisory: only the create call decides, and it was seen to refuse what was listed.
"""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from stacks.catalog import Plan
from stacks.errors import CloudError
from stacks.places import cache_dir, write_private
from stacks.price import Price, catalog_price, hourly, known_usd
from stacks.values import nearest

FRESH_SECONDS = 3600  # prices move a few times a year; stock is advisory anyway
TIMEOUT_SECONDS = 10
PAGE_SIZE = 500  # the API's largest
BASE = ""  # the price of a region that has none of its own
GPU_CLASS = "gpu"


@dataclass(frozen=True)
class Market:
    """What was read of one cloud, and when (UTC); None if nothing ever was, and `why` then says why not.

    prices: plan -> region -> USD per hour, `BASE` for all the others; without a plan or with None: not known.
    stock: plan -> regions that list it as available. regions: id -> name. gpu_plans: what the API calls GPU plans.
    """

    host: str
    read_at: datetime | None = None
    prices: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    stock: Mapping[str, list[str]] = field(default_factory=dict)
    regions: Mapping[str, str] = field(default_factory=dict)
    gpu_plans: list[str] = field(default_factory=list)
    why: str = ""

    def price(self, plan: Plan, region: str = BASE) -> Price:
        """The plan's price as read, else the catalog's, labelled as such."""
        usd = self.usd_read(plan.name, region)
        if usd is None or self.read_at is None:
            return catalog_price(plan, f"{self.host} gave none" if self.read_at else "not read")
        return Price(usd, f"{self.host} {self.read_at:%Y-%m-%d}")

    def usd_read(self, plan: str, region: str = BASE) -> float | None:
        """USD per hour as the API gave it; None if it gave none."""
        usd_by_region = self.prices.get(plan, {})
        return usd_by_region.get(region, usd_by_region.get(BASE))

    def sells(self, plan: Plan) -> bool | None:
        """Whether the plan is on the public list; None if there is no list."""
        return plan.name in self.prices if self.read_at else None

    def in_stock(self, plan: Plan) -> list[str] | None:
        """Regions that list it as available; None if that is not known."""
        return self.stock.get(plan.name, []) if self.read_at else None

    def no_region(self, region: str) -> tuple[str, str] | None:
        """Fact and hint if the cloud has no such region; without a list all will do."""
        if not region or not self.regions or region in self.regions:
            return None
        return f"{region!r} is no region", nearest(region, list(self.regions))

    def age(self, now: datetime) -> str:
        """How old it is, in words."""
        if self.read_at is None:
            return "never read"
        minutes = (now - self.read_at).total_seconds() / 60
        if minutes < -1:
            return "dated in the future"
        return "read just now" if minutes < 1 else f"read {spelled(minutes)} ago"


def spelled(minutes: float) -> str:
    """`12 min`, `3 h` or `2 days`."""
    if minutes < 60:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.0f} h" if minutes < 48 * 60 else f"{minutes / 1440:.0f} days"


def market(api_url: str, *, refresh: bool = False, ask: bool = True) -> Market:
    """The cloud's offers: as kept if that is fresh, else asked for; as kept, with the reason, if nobody answers.

    refresh: ask in any case. ask: with False nobody is asked, whatever the age.
    """
    kept = read_kept(api_url)
    if refresh or (ask and not is_fresh(kept)):
        try:
            return keep(api_url, read(api_url))
        except CloudError as error:
            return Market(**{**vars(kept), "why": error.fact})
    return kept


def is_fresh(kept: Market) -> bool:
    """Whether it may be shown without asking again; a clock that was set back makes nothing fresh."""
    return kept.read_at is not None and 0 <= (datetime.now(UTC) - kept.read_at).total_seconds() < FRESH_SECONDS


def read(api_url: str) -> Market:
    """Ask the API: one request a list, all lists side by side. Raises CloudError if one of them is no list."""
    with ThreadPoolExecutor(3) as pool:
        types, regions, stock = pool.map(
            lambda path: rows(api_url, path), ("/linode/types", "/regions", "/regions/availability")
        )
    try:
        return Market(
            host_of(api_url),
            datetime.now(UTC),
            prices={str(row["id"]): prices_of(row) for row in types},
            stock=stock_of(stock),
            regions={str(row["id"]): str(row["label"]) for row in regions},
            gpu_plans=[str(row["id"]) for row in types if row.get("class") == GPU_CLASS],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise unlike(api_url, f"lists what it never did: {error!r}") from None


def prices_of(row: Mapping[str, Any]) -> dict[str, float | None]:
    """Region -> USD per hour, and BASE."""
    own = {str(price["id"]): hourly(row, price["id"]) for price in row.get("region_prices") or []}
    return {BASE: hourly(row), **own}


def stock_of(availability: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Plan -> regions that have it, in the API's order."""
    found: dict[str, list[str]] = {}
    for row in availability:
        if row["available"]:
            found.setdefault(str(row["plan"]), []).append(str(row["region"]))
    return found


def rows(api_url: str, path: str) -> list[dict[str, Any]]:
    """All rows of all pages. Raises CloudError if it is no list, an empty one, or not all of it."""
    found: list[dict[str, Any]] = []
    page = pages = 1
    while page <= pages:
        body = page_of(api_url, path, page)
        found, pages, page = found + body["data"], body["pages"], page + 1
        if not body["data"] or len(found) >= body["results"]:  # whatever `pages` says: there is no more
            break
    if not found or len(found) != body["results"]:
        raise unlike(api_url, f"gave {len(found)} of {body['results']} rows of {path}")
    return found


def page_of(api_url: str, path: str, page: int) -> dict[str, Any]:
    """One page. Raises CloudError for whatever else comes."""
    import requests  # 0.1 s: only what asks the network pays for it

    try:
        words = {"page": str(page), "page_size": str(PAGE_SIZE)}
        reply = requests.get(f"{api_url}/v4{path}", words, timeout=TIMEOUT_SECONDS)
        body: dict[str, Any] | None = reply.json() if reply.ok else None
    except (requests.RequestException, ValueError) as error:
        raise unlike(api_url, f"does not answer {path}: {type(error).__name__}") from None
    if not reply.ok:
        raise unlike(api_url, f"answers {path} with {reply.status_code}")
    if body is None or not is_page(body):
        raise unlike(api_url, f"gives no list of {path}")
    return body


def is_page(body: Any) -> bool:
    """Whether it has the shape of a page: rows, and how many pages and rows there are."""
    counts = isinstance(body, dict) and all(isinstance(body.get(name), int) for name in ("pages", "results"))
    return counts and isinstance(body.get("data"), list)


def unlike(api_url: str, fact: str) -> CloudError:
    """The API does not do what it does."""
    return CloudError(f"{host_of(api_url)}: {fact}", hint="try again with --refresh")


def host_of(api_url: str) -> str:
    """The name by which a price's source is shown."""
    return urlsplit(api_url).netloc


def kept_file(api_url: str) -> Path:
    """Where the lists of one cloud are kept."""
    return cache_dir() / "market" / f"{host_of(api_url).replace(':', '-')}.json"


def keep(api_url: str, found: Market) -> Market:
    """Write it down, at once or not at all; returns it. A cache that cannot be written is no reason to stop."""
    with suppress(OSError):
        text = json.dumps(asdict(found) | {"read_at": found.read_at and found.read_at.timestamp()})
        write_private(kept_file(api_url), text)
    return found


def read_kept(api_url: str) -> Market:
    """What was kept; nothing if the file is missing, or is none of ours."""
    try:
        kept = json.loads(kept_file(api_url).read_text())
        return Market(
            host_of(api_url),
            datetime.fromtimestamp(kept["read_at"], UTC),
            prices={
                plan: {region: known_usd(usd) for region, usd in own.items()} for plan, own in kept["prices"].items()
            },
            stock={plan: [str(region) for region in regions] for plan, regions in kept["stock"].items()},
            regions={region: str(label) for region, label in kept["regions"].items()},
            gpu_plans=[str(plan) for plan in kept["gpu_plans"]],
        )
    except FileNotFoundError:
        return Market(host_of(api_url))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return Market(host_of(api_url), why=f"{kept_file(api_url)} is damaged")
