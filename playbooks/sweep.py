"""The killer on the laptop: it ends boxes by the account's own list, without Pulumi's state, passphrase or lock."""

import os
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from invoke.context import Context

from playbooks.command import command, print_json
from playbooks.standing import stack_of, strays
from stacks import ledger
from stacks.account import Account, Instance, deploy_token
from stacks.errors import CloudError, UsageError
from stacks.keys import owner_id
from stacks.lease import OWNER_TAG, TAG_TIME, UNTIL_TAG, tagged
from stacks.places import cloud_dir

PROVE_SECONDS, LOOK_SECONDS = 120.0, 1.0  # a Linode is off the list within seconds of its DELETE
HELP = {
    "stack": "end this stack's boxes, whatever their end; else only those past their end",
    "yes": "do not ask",
    "json": "print JSON for programs; ends nothing without --yes",
}


@dataclass(frozen=True)
class Found:
    """A box that a sweep may end. api_url: of the account that lists it."""

    api_url: str
    id: int
    label: str
    stack: str
    created: str
    until: str | None


@command(help=HELP)
def sweep(_c: Context, stack: str | None = None, yes: bool = False, json: bool = False) -> None:
    """End boxes past their end, or --stack's: list, ask, delete, prove."""
    accounts = {account.api_url: account for account in accounts_to_look_into(stack)}
    now = datetime.now(UTC)
    found = [of for account in accounts.values() for of in sweepable(account, owner_id(), stack, now)]
    if json:
        print_json([asdict(box) for box in found])
    else:
        print("\n".join(map(line, found)) or "sweep: nothing to end")
    if found and (yes or (not json and agreed(len(found)))):
        for box in found:
            end(accounts[box.api_url], box.id)
        print(f"sweep: {len(found)} ended; the account lists none of them", file=sys.stderr)
    elif found:
        raise CloudError(f"sweep: {len(found)} left, and billing", hint="fab sweep --yes ends them")


def accounts_to_look_into(stack: str | None) -> list[Account]:
    """The accounts where boxes of `stack` were begun, as the ledger says; else every account this laptop may use.

    Raises UsageError if there is none to ask.
    """
    begun = {entry.api_url for entry in ledger.entries() if entry.ended is None and stack in (None, entry.stack)}
    tokens = usable_tokens()
    urls = begun if stack and begun else begun | set(tokens)
    if not urls:
        raise UsageError(
            "sweep: there is no account to look into", hint="export LINODE_TOKEN, or source scripts/env local"
        )
    return [Account(url, deploy_token(tokens.get(url, ""))) for url in sorted(urls)]


def usable_tokens() -> dict[str, str]:
    """Account url -> its fixed token, or nothing where LINODE_TOKEN serves; the clouds that could be asked now."""
    from stacks.catalog import CLOUDS

    local = cloud_dir() / "url"
    written = local.read_text().strip() if local.is_file() else ""
    return {
        url: cloud.token
        for cloud in CLOUDS
        if (url := cloud.api_url or written) and (cloud.token or os.environ.get("LINODE_TOKEN"))
    }


def sweepable(account: Account, owner: str, stack: str | None, now: datetime) -> list[Found]:
    """The boxes of `account` that may be ended now. Another owner's is never among them before its end."""
    return [
        Found(account.api_url, row.id, row.label, stack_of(row) or "?", row.created, tagged(row.tags, UNTIL_TAG))
        for row in strays(account.instances(), declared_ids=())
        if may_end(row, owner, stack, now)
    ]


def may_end(row: Instance, owner: str, stack: str | None, now: datetime) -> bool:
    """Past its end anybody may; before it only its owner, by naming the stack. One without an owner is its namer's."""
    if stack and stack_of(row) != stack:
        return False
    until = tagged(row.tags, UNTIL_TAG)
    if until and datetime.strptime(until, TAG_TIME).replace(tzinfo=UTC) < now:
        return True
    return stack is not None and tagged(row.tags, OWNER_TAG) in (owner, None)


def end(account: Account, instance_id: int) -> None:
    """Delete the box and wait until neither list nor events leave a doubt. Raises CloudError if they do."""
    account.delete_instance(instance_id)
    deadline = time.monotonic() + PROVE_SECONDS
    while is_listed(account.instances(), instance_id) or account.deleted_at(instance_id) is None:
        if time.monotonic() > deadline:
            raise CloudError(
                f"sweep: box {instance_id} is still there, and bills", hint="run it again, or the Cloud Manager"
            )
        time.sleep(LOOK_SECONDS)


def is_listed(listed: Iterable[Instance], instance_id: int) -> bool:
    """Whether the account's full list holds this id."""
    return any(row.id == instance_id for row in listed)


def line(box: Found) -> str:
    """A box for people."""
    return f"box {box.id} ({box.label}) of stack {box.stack}, created {box.created}, until {box.until or 'unknown'}"


def agreed(count: int) -> bool:
    """Whether the person at the terminal says yes; nobody there means no."""
    return sys.stdin.isatty() and input(f"end {count} of them? [y/N] ").strip().lower() in ("y", "yes")
