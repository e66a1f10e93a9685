"""What one run is about, found out before anything is registered: the lease, its price, its end, the token's scopes."""

import json
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from stacks import ledger
from stacks.account import NEEDED_SCOPES, TOKEN_SCOPE, Account, deploy_token
from stacks.bundle import Bundle, as_base64, bundle_for, user_data
from stacks.errors import CloudError, ConfigError
from stacks.keys import check_login_key, first_host_key, owner_id
from stacks.lease import ISO_TIME, Lease, current_lease, held_ids
from stacks.ledger import Entry
from stacks.price import Price, affordable_minutes, price_of
from stacks.settings import Settings


@dataclass(frozen=True)
class Lot:
    """Settings, the lease with its ledger entry and hard end, and what the box is born with.

    first_host_key: public; its private half is the one secret in user_data, which is as the API takes it.
    """

    settings: Settings
    lease: Lease
    entry: Entry
    ends: datetime
    mint_token: bool
    bundle: Bundle
    first_host_key: str
    user_data: str = field(repr=False)


def lot_of(settings: Settings, now: datetime) -> Lot:
    """Everything `up` must know before it creates anything. Raises DayboxError, having changed nothing."""
    check_login_key(settings.ssh_public_key)
    first_key, owner, bundle = first_host_key(settings.stack), owner_id(), bundle_for(settings)
    data = as_base64(user_data(bundle, *first_key))
    account = Account(settings.api_url, deploy_token(settings.cloud.token))
    mint_token = may_mint(settings, account.scopes())
    held = still_there(account, held_ids(export(settings.stack)))
    lease = current_lease(settings.stack, owner, account.instances(), held, now)
    known = ledger.read(lease.id)
    price = Price(known.usd_per_hour, known.price_source) if known else price_of(settings, account, now)
    ends = hard_end(settings, lease, price)
    entry = entry_for(settings, lease, price, ends)
    return Lot(settings, lease, entry, ends, mint_token, bundle, first_host_key=first_key[1], user_data=data)


def hard_end(settings: Settings, lease: Lease, price: Price) -> datetime:
    """When the box dies whatever happens: its lifetime, or the last hour the budget covers."""
    affordable = affordable_minutes(settings.budget_usd, price.usd_per_hour)
    if affordable <= 0:
        raise ConfigError(
            f"stacks/{settings.stack}/budgetUsd: ${settings.budget_usd:.2f} does not cover one hour "
            f"of {settings.plan.name} at ${price.usd_per_hour:.2f} ({price.source})",
            hint="raise the budget or take a cheaper plan",
        )
    return lease.start + timedelta(minutes=min(settings.max_lifetime_minutes, affordable))


def entry_for(settings: Settings, lease: Lease, price: Price, ends: datetime) -> Entry:
    """The lease as the ledger has it before it begins."""
    return Entry(
        lease=lease.id,
        stack=settings.stack,
        owner=lease.owner,
        api_url=settings.api_url,
        label=lease.label,
        plan=settings.plan.name,
        region=settings.region,
        usd_per_hour=price.usd_per_hour,
        price_source=price.source,
        started=lease.start.strftime(ISO_TIME),
        dies_at=ends.astimezone(UTC).strftime(ISO_TIME),
    )


def lacking(scopes: Iterable[str], needed: Iterable[str]) -> list[str]:
    """The needed scopes that `scopes` does not give; `*` gives all, `x:*` and `x:read_write` all of x."""
    have = set(scopes)

    def given(scope: str) -> bool:
        subject = scope.split(":")[0]
        return bool(have & {"*", scope, f"{subject}:*", f"{subject}:read_write"})

    return [scope for scope in needed if not given(scope)]


def may_mint(settings: Settings, scopes: set[str]) -> bool:
    """Whether a token for the box can be made. Raises CloudError naming the scope, before anything is created."""
    if missing := lacking(scopes, NEEDED_SCOPES):
        raise CloudError(
            f"LINODE_TOKEN: lacks the scope {', '.join(missing)}",
            hint=f"make one with {' '.join((*NEEDED_SCOPES, TOKEN_SCOPE))}",
        )
    mint = settings.self_destruct and not lacking(scopes, [TOKEN_SCOPE])
    if settings.self_destruct and not mint and not settings.box_token:
        raise CloudError(
            f"LINODE_TOKEN: lacks the scope {TOKEN_SCOPE}, so no token can be made with which the box deletes itself",
            hint="add the scope, or pulumi config set --secret daybox:boxToken, or daybox:selfDestruct false",
        )
    return mint


def still_there(account: Account, held: Iterable[int]) -> list[int]:
    """Those ids of the state that the account still has; each is asked for by itself, a 404 is gone."""
    return [instance_id for instance_id in held if account.instance(instance_id)]


def export(stack: str) -> dict[str, object]:
    """The stack's state before this run touches it; needs no lock. Raises ConfigError if Pulumi gives none."""
    done = subprocess.run(
        ["pulumi", "stack", "export", "--stack", stack], capture_output=True, text=True, check=False, timeout=60
    )
    if done.returncode:
        said = (done.stderr.strip() or "no word").splitlines()[-1]
        raise ConfigError(f"stacks/{stack}: its state cannot be read: {said}", hint=f"source scripts/env {stack}")
    exported: dict[str, object] = json.loads(done.stdout)
    return exported
