"""How every stack stands: Pulumi, the accounts and the boxes are asked side by side. Reads only."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from playbooks.accounts import Book, cloud_named
from playbooks.box_standing import Listing, Reports, asked, box_standing, listing, with_entry
from playbooks.boxes import all_stacks, box_of, find_settings, raw_settings
from playbooks.held import held_here
from playbooks.kept_volumes import KeptVolume
from playbooks.standing import Standing, by_name, listed_only, merged, strays
from stacks.account import Account, Instance, deploy_token
from stacks.box import Box
from stacks.errors import DayboxError, UsageError
from stacks.places import owner_file
from stacks.price import Price, live_price

NO_STACK = "only a volume is left of it, and no stack here is called"
SIDE_BY_SIDE = 16  # all of it is waiting for others


@dataclass(frozen=True)
class Known:
    """What this laptop knows of one stack.

    begun: an `up` of it was begun here and not seen to its end, or may have been. why: why it is not known which
    account it is in.
    """

    stack: str
    box: Box | None
    resources: int = 0
    begun: bool = False
    api_url: str = ""
    token: str = field(default="", repr=False)
    why: str = ""

    @property
    def account(self) -> tuple[str, str]:
        """What tells one account from another."""
        return self.api_url, self.token


def standings(stack: str | None, report_of: Reports = asked) -> list[Standing]:
    """How every stack stands, or `stack` alone. Raises UsageError if neither Pulumi nor an account knows it.

    report_of: gives what a box says of itself, where somebody listens to it already. A lease whose entry cannot be read
    is a row of its own: nobody knows which stack it is of.
    """
    faults = list[str]()
    book = Book.read(faults)
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        stacks = list(pool.map(lambda row: known(row, book), all_stacks()))
        stacks += begun_elsewhere(book, [one.stack for one in stacks])
        keys = list(dict.fromkeys(one.account for one in stacks if one.api_url and one.token))
        listings = dict(zip(keys, pool.map(listing, keys), strict=True))
        meant = [one for one in stacks if stack in (None, one.stack)]  # no other box is asked
        own = pool.map(lambda one: standing(one, listings.get(one.account), report_of), meant)
        found = merged(own, [row for one in listings.values() for row in unknown_to(stacks, one)])
    found = with_volumes(found, [volume for one in listings.values() for volume in one.volumes])
    faults += [one.volumes_why for one in listings.values() if one.volumes_why]
    if stack and stack not in {one.stack for one in found}:
        names = ", ".join(sorted({one.stack for one in stacks} | {one.stack for one in found}))
        raise UsageError(f"stacks/{stack}: there is no such stack", hint=f"choose from: {names or 'none yet'}")
    damaged = [Standing("?", "unknown", word=fault) for fault in faults]
    return [*(one for one in found if stack in (None, one.stack)), *damaged]


def known(row: Mapping[str, Any], book: Book) -> Known:
    """What Pulumi says of the stack in one row of `pulumi stack ls`, and the ledger, as far as it can be read."""
    from stacks.catalog import CLOUDS
    from stacks.values import named

    name, resources = str(row["name"]), int(row.get("resourceCount") or 0)
    bare = Known(name, None, resources, begun=bool(resources or book.unread or any(book.open(name))))
    try:
        bare = replace(bare, box=box_of(name))
        if bare.box:
            cloud, api_url = named(CLOUDS, bare.box.cloud), bare.box.api_url
        else:
            settings = find_settings(name)
            cloud, api_url = settings.cloud, settings.api_url
        return replace(bare, api_url=api_url, token=deploy_token(cloud.token))
    except DayboxError as error:
        api_url, token = account_meant(name)
        return replace(bare, why=error.fact, api_url=api_url, token=token)


def begun_elsewhere(book: Book, names: Sequence[str]) -> list[Known]:
    """The stacks of open leases that Pulumi does not name: its backend is another one than when they were begun."""
    leases = {entry.stack: entry for entry in book.open(None) if entry.stack not in names}
    found = []
    for entry in leases.values():
        bare = Known(entry.stack, None, begun=True, api_url=entry.api_url)
        try:
            found.append(replace(bare, token=deploy_token(cloud_named(entry.cloud).token)))
        except DayboxError as error:
            found.append(replace(bare, why=error.fact))
    return found


def account_meant(stack: str) -> tuple[str, str]:
    """API and token of the account that a stack with faulty settings means: it may have boxes of another laptop.

    Empty if not even that can be told.
    """
    from stacks.catalog import CLOUDS
    from stacks.values import api_url, named

    try:
        raw = raw_settings(stack)
        cloud = named(CLOUDS, raw.get("cloud", ""))
        return api_url(cloud, raw.get("url", "")), deploy_token(cloud.token)
    except (DayboxError, ValueError):
        return "", ""


def standing(one: Known, found: Listing | None, report_of: Reports = asked) -> Standing:
    """How the stack stands. found: its account's list, None if its account is not known."""
    why = one.why or (found.why if found else "")
    if one.box:
        return box_standing(one.box, found, why, report_of)
    if why and (one.begun or (found and found.why)):
        return Standing(one.stack, "unknown", word=why)
    left = f"{one.resources} resources are left of it: pulumi destroy -s {one.stack}" if one.resources else ""
    return Standing(one.stack, "down", word=left)


def unknown_to(stacks: Iterable[Known], found: Listing) -> list[Standing]:
    """The account's boxes that no stack declares; a half-finished `up` may still have put one into the state."""
    if found.account is None:
        return []
    stacks = list(stacks)
    rows = strays(found.listed, [one.box.instance_id for one in stacks if one.box])
    held = {instance_id for one in stacks if rows and one.resources for instance_id in held_here(one.stack) or ()}
    owner = owner_file().read_text().strip() if owner_file().is_file() else ""
    made = (listed_only(row, held=row.id in held, price=price(row, found.account), owner=owner) for row in rows)
    return [with_entry(replace(one, api_url=found.account.api_url, clock=found.now)) for one in made]


def price(row: Instance, account: Account) -> Price | None:
    """Of a box that no stack declares: as agreed when it was rented, else the live one, else unknown."""
    from stacks import ledger
    from stacks.lease import LEASE_TAG, tagged

    try:
        if entry := ledger.read(tagged(row.tags, LEASE_TAG) or ""):
            return Price(entry.usd_per_hour, entry.price_source)
        return live_price(account, row.plan, row.region, datetime.now(UTC))
    except DayboxError:
        return None


def with_volumes(found: Sequence[Standing], kept: Sequence[KeptVolume]) -> list[Standing]:
    """Each stack's first row with the volumes that it keeps; one that has no row gets one: it bills all the same."""
    rows, left = list[Standing](), {volume.stack for volume in kept}
    for one in found:
        rows.append(replace(one, volumes=of_stack(kept, one.stack)) if one.stack in left else one)
        left.discard(one.stack)
    rows += [Standing(stack, "down", volumes=of_stack(kept, stack), word=f"{NO_STACK} {stack}") for stack in left]
    return sorted(rows, key=by_name)


def of_stack(kept: Iterable[KeptVolume], stack: str) -> tuple[KeptVolume, ...]:
    """The volumes of this stack."""
    return tuple(volume for volume in kept if volume.stack == stack)
