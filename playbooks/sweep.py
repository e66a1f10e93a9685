"""The killer on the laptop: it ends boxes by the account's own list, without Pulumi's state, passphrase or lock."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from invoke.context import Context

from playbooks.command import command, print_json
from playbooks.standing import stack_of, strays
from stacks import ledger
from stacks.account import Account, Instance, deploy_token
from stacks.errors import CloudError, DayboxError, UsageError
from stacks.keys import owner_id
from stacks.lease import LEASE_TAG, OWNER_TAG, UNTIL_TAG, tagged, until_of
from stacks.ledger import Entry
from stacks.places import local_url
from stacks.proof import ends_of_unlisted, left_of, may_land_for, with_lost_boxes

if TYPE_CHECKING:
    from stacks.catalog import Cloud

P = ParamSpec("P")
T = TypeVar("T")
LOCAL = "local"
HELP = {
    "stack": "end this stack's boxes, whatever their end; else only those past their end",
    "yes": "do not ask",
    "json": "print JSON for programs; ends nothing without --yes",
}


@dataclass(frozen=True)
class Found:
    """A box of daybox's. api_url: of the account that lists it."""

    api_url: str
    id: int
    label: str
    stack: str
    lease: str
    owner: str
    created: str
    until: str | None


@dataclass(frozen=True)
class Look:
    """What one account lists of what is meant: what may be ended, and what may not. faults: why to doubt the list."""

    sweepable: tuple[Found, ...] = ()
    kept: tuple[Found, ...] = ()
    faults: tuple[str, ...] = ()


@command(help=HELP)
def sweep(_c: Context, stack: str | None = None, yes: bool = False, json: bool = False) -> None:
    """End boxes past their end, or --stack's: list, ask, delete, prove."""
    accounts, faults = accounts_to_look_into(stack), not_asked(stack)
    owner = owner_id()
    looks = [tried(faults, look, account, owner, stack) or Look() for account in accounts]
    faults += [fault for one in looks for fault in one.faults]
    found = [box for one in looks for box in one.sweepable]
    if stack:  # what was meant by name and lives on is no success
        faults += [not_ended(box) for one in looks for box in one.kept]
    if json:
        print_json([asdict(box) for box in found])
    else:
        print("\n".join(map(line, found)) or "sweep: nothing to end")
    if found and (yes or (not json and agreed(len(found)))):
        by_url = {account.api_url: account for account in accounts}
        ended = [tried(faults, finish, by_url[box.api_url], box) for box in found]
        proof = "; the account lists none of them" if all(ended) else ""
        print(f"sweep: {ended.count(True)} of {len(ended)} ended{proof}", file=sys.stderr)
    elif found:
        named = f" --stack {stack}" if stack else ""
        faults.append(f"{len(found)} left, and billing: `fab sweep{named} --yes` ends them")
    if faults:
        raise CloudError(f"sweep: {'; '.join(faults)}", hint="mend that and run it again")


def tried(faults: list[str], action: Callable[P, T], *words: P.args, **options: P.kwargs) -> T | None:
    """What `action` gives; trouble with one account or box must not keep the others alive, so it is kept for later."""
    try:
        return action(*words, **options)
    except DayboxError as error:
        faults.append(error.line())
        return None


def finish(account: Account, box: Found) -> bool:
    """End one box and note in the ledger that it was."""
    ledger.add_instance(box.lease, box.id)
    account.end(box.id)
    return True


def accounts_to_look_into(stack: str | None) -> list[Account]:
    """The accounts where boxes of `stack` were begun, as the ledger says; else every account this laptop may use.

    A token goes only to the cloud it is of. Raises UsageError if there is none to ask.
    """
    begun = list(ledger.open_entries(stack))
    urls = {entry.api_url: entry.cloud for entry in begun if entry.cloud != LOCAL}
    here = local_url()
    if here and (not begun or any(entry.cloud == LOCAL for entry in begun)):
        urls |= {here: LOCAL}
    if not (stack and begun) and os.environ.get("LINODE_TOKEN"):
        urls |= {cloud_named("linode").api_url: "linode"}
    if not urls:
        raise UsageError(
            "sweep: there is no account to look into", hint="export LINODE_TOKEN, or source scripts/env local"
        )
    return [Account(url, deploy_token(cloud_named(name).token)) for url, name in sorted(urls.items())]


def cloud_named(name: str) -> "Cloud":
    """The catalog's row of this cloud."""
    from stacks.catalog import CLOUDS
    from stacks.values import named

    return named(CLOUDS, name)


def not_asked(stack: str | None) -> list[str]:
    """Which cloud may have boxes of this laptop's leases, and cannot be asked."""
    if local_url() or not any(entry.cloud == LOCAL for entry in ledger.open_entries(stack)):
        return []
    return ["local cloud: it may have boxes, but is not running; source scripts/env local"]


def check_lease(entry: Entry, account: Account, user: str, listed: Sequence[Instance]) -> None:
    """Raises CloudError if a lease begun here leaves a doubt about the list: an empty page alone means nothing.

    It was begun by another user than the token speaks for; or a box of it is neither listed nor known to be deleted;
    or one was asked for a moment ago and may still appear.
    """
    ledger.check_same_user(entry, user)
    ends_of_unlisted(with_lost_boxes(entry, account), account, listed)
    if not left_of(entry, listed) and (seconds := may_land_for(entry)) > 0:
        raise CloudError(
            f"lease/{entry.lease}: a box was asked for and not seen; it may still appear",
            hint=f"run this again in {seconds:.0f} s",
        )


def look(account: Account, owner: str, stack: str | None) -> Look:
    """The boxes of `account`, or of `stack` there, and which of them may be ended now, by the API's own clock."""
    profile, listed, faults = account.profile(), account.instances(), list[str]()
    for entry in ledger.open_entries(stack):
        if entry.api_url == account.api_url:
            tried(faults, check_lease, entry, account, profile.user, listed)
    rows = [row for row in strays(listed, declared_ids=()) if stack in (None, stack_of(row))]
    ours = [row for row in rows if may_end(row, owner, stack, profile.now)]
    kept = [row for row in rows if row not in ours]
    return Look(
        tuple(found_in(account, row) for row in ours), tuple(found_in(account, row) for row in kept), tuple(faults)
    )


def found_in(account: Account, row: Instance) -> Found:
    """The listed box, as people and programs are shown it."""
    return Found(
        api_url=account.api_url,
        id=row.id,
        label=row.label,
        stack=stack_of(row) or "?",
        lease=tagged(row.tags, LEASE_TAG) or "",
        owner=tagged(row.tags, OWNER_TAG) or "",
        created=row.created,
        until=tagged(row.tags, UNTIL_TAG),
    )


def may_end(row: Instance, owner: str, stack: str | None, now: datetime) -> bool:
    """Past its end anybody may; before it only its owner, by naming the stack. One without an owner is its namer's."""
    if stack and stack_of(row) != stack:
        return False
    until = until_of(row.tags)
    return (until is not None and until < now) or (stack is not None and tagged(row.tags, OWNER_TAG) in (owner, None))


def not_ended(box: Found) -> str:
    """Why a box that was meant lives on: another owner's is never touched before its end."""
    return (
        f"box {box.id} belongs to owner {box.owner} until {box.until or 'an unknown time'} and bills: "
        "ask them, or delete it in the Cloud Manager"
    )


def line(box: Found) -> str:
    """A box for people."""
    return f"box {box.id} ({box.label}) of stack {box.stack}, created {box.created}, until {box.until or 'unknown'}"


def agreed(count: int) -> bool:
    """Whether the person at the terminal says yes; nobody there means no."""
    try:
        return sys.stdin.isatty() and input(f"end {count} of them? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False
