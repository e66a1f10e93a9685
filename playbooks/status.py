"""Every stack and every box: what is up, what it costs, when it ends. Reads only; asks all of them side by side."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from invoke.context import Context

from playbooks.boxes import STACK_HELP, all_stacks, box_of, find_settings, raw_settings
from playbooks.command import command, console, print_json
from playbooks.presence import presence
from playbooks.report import read_report
from playbooks.standing import Standing, declared, listed_only, merged, strays
from playbooks.tunnel_status import tunnel_row
from stacks.account import Account, Instance, deploy_token
from stacks.box import Box, box_target
from stacks.errors import CloudError, DayboxError, UsageError
from stacks.places import owner_file
from stacks.price import Price, live_price

SSH_SECONDS = 6.0  # a box that answers does so within one; the others must not hold up the table
SIDE_BY_SIDE = 16  # all of it is waiting for others


@dataclass(frozen=True)
class Known:
    """What this laptop knows of one stack.

    begun: an `up` of it was begun here and not seen to its end. why: why it is not known which account it is in.
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


@dataclass(frozen=True)
class Listing:
    """What one account lists, or why that is not known."""

    account: Account | None
    listed: Sequence[Instance] = ()
    why: str = ""


@command(help=STACK_HELP | {"json": "print JSON for programs"})
def status(_c: Context, stack: str | None = None, json: bool = False) -> None:
    """Show every box: its state, its cost, its end."""
    found = standings(stack)
    now = datetime.now(UTC)
    if json:
        print_json([standing.row(now) for standing in found])
        return
    from playbooks.status_table import show

    show([standing.row(now) for standing in found], now, console())


def standings(stack: str | None) -> list[Standing]:
    """How every stack stands, or `stack` alone. Raises UsageError if neither Pulumi nor an account knows it."""
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        stacks = list(pool.map(known, all_stacks()))
        keys = list(dict.fromkeys(one.account for one in stacks if one.api_url and one.token))
        listings = dict(zip(keys, pool.map(listing, keys), strict=True))
        own = pool.map(lambda one: standing(one, listings.get(one.account)), stacks)
        found = merged(own, [row for one in listings.values() for row in unknown_to(stacks, one)])
    if stack and stack not in {one.stack for one in found}:
        names = ", ".join(dict.fromkeys(one.stack for one in found))
        raise UsageError(f"stacks/{stack}: there is no such stack", hint=f"choose from: {names or 'none yet'}")
    return [one for one in found if stack in (None, one.stack)]


def known(row: Mapping[str, Any]) -> Known:
    """What Pulumi says of the stack in one row of `pulumi stack ls`."""
    from stacks.catalog import CLOUDS
    from stacks.values import named

    name, resources = str(row["name"]), int(row.get("resourceCount") or 0)
    bare = Known(name, None, resources, begun=bool(resources) or has_open_entry(name))
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


def has_open_entry(stack: str) -> bool:
    """Whether the ledger has a lease of `stack` that was begun and not closed: it may have a box."""
    from stacks import ledger

    return any(ledger.open_entries(stack))


def listing(key: tuple[str, str]) -> Listing:
    """What the account of this url and token lists."""
    try:
        account = Account(*key)
        return Listing(account, account.instances())
    except DayboxError as error:
        return Listing(None, why=error.fact)


def standing(one: Known, found: Listing | None) -> Standing:
    """How the stack stands. found: its account's list, None if its account is not known."""
    why = one.why or (found.why if found else "")
    if one.box:
        return box_standing(one.box, found, why)
    if why and (one.begun or (found and found.why)):
        return Standing(one.stack, "unknown", word=why)
    left = f"{one.resources} resources are left of it: pulumi destroy -s {one.stack}" if one.resources else ""
    return Standing(one.stack, "down", word=left)


def box_standing(box: Box, found: Listing | None, why: str) -> Standing:
    """How a declared box stands: the account says whether it is there, the box itself how it is."""
    if found is None or found.account is None:
        return with_tunnel(with_report(declared(box, "unknown", word=why), box))
    try:
        state = presence(found.account, found.listed, box.instance_id)
        if state == "gone":
            return gone(box, found.account)
    except CloudError as error:
        state, why = "unknown", error.fact
    if state == "unknown" and not why:
        why = "the account does not list it, but no event says that it was deleted: is it the right account's token?"
    return with_tunnel(with_report(declared(box, state, word=why), box))


def gone(box: Box, account: Account) -> Standing:
    """The standing of a box that is gone; what it cost, if the account's events say when it ended."""
    try:
        until = account.deleted_at(box.instance_id)
    except CloudError:
        until = None
    word = f"the account has no such box any more; the rest goes with `pulumi destroy -s {box.stack}`"
    return with_tunnel(declared(box, "gone", word=word, until=until))


def with_report(standing: Standing, box: Box) -> Standing:
    """What the box says about itself; why not, if it does not."""
    try:
        report = read_report(box_target(box), timeout=SSH_SECONDS)
    except DayboxError as error:
        return replace(standing, word=sentence(standing.word, error.fact))
    if report is None:
        return replace(
            standing, word=sentence(standing.word, f"it has no bundle yet: fab bootstrap --stack {box.stack}")
        )
    unarmed = not report.watchdog.armed and report.watchdog.why
    return replace(standing, report=report, word=sentence(standing.word, f"not armed: {unarmed}" if unarmed else ""))


def sentence(*parts: str) -> str:
    """What there is to say, on one line."""
    return "; ".join(part for part in parts if part)


def with_tunnel(standing: Standing) -> Standing:
    """Whether its tunnel is open on this laptop."""
    row = tunnel_row(standing.stack)
    return replace(standing, tunnel_port=row["port"], tunnel_alive=row["alive"])


def unknown_to(stacks: Iterable[Known], found: Listing) -> list[Standing]:
    """The account's boxes that no stack declares; a half-finished `up` may still have put one into the state."""
    if found.account is None:
        return []
    stacks = list(stacks)
    rows = strays(found.listed, [one.box.instance_id for one in stacks if one.box])
    held = {instance_id for one in stacks if rows and one.resources for instance_id in held_by_state(one.stack)}
    owner = owner_file().read_text().strip() if owner_file().is_file() else ""
    return [listed_only(row, held=row.id in held, price=price(row, found.account), owner=owner) for row in rows]


def held_by_state(stack: str) -> list[int]:
    """Ids of the boxes in the stack's state; none if it cannot be read."""
    from stacks.lease import held_ids
    from stacks.lot import export

    try:
        return held_ids(export(stack))
    except DayboxError:
        return []


def price(row: Instance, account: Account) -> Price | None:
    """Of a box that no stack declares: as agreed when it was rented, else the live one, else unknown."""
    from stacks import ledger
    from stacks.lease import LEASE_TAG, tagged

    if entry := ledger.read(tagged(row.tags, LEASE_TAG) or ""):
        return Price(entry.usd_per_hour, entry.price_source)
    try:
        return live_price(account, row.plan, row.region, datetime.now(UTC))
    except CloudError:
        return None
