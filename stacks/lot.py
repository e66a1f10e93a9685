"""What one run is about, found out before anything is registered: the lease, its price, its end, the token's scopes."""

import json
import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from stacks import ledger
from stacks.account import NEEDED_SCOPES, TOKEN_SCOPE, Account, Instance, deploy_token, lacking
from stacks.belongings import VOLUME
from stacks.bundle import Bundle, as_base64, bundle_for, user_data
from stacks.ends import End, hard_ends
from stacks.errors import CloudError, ConfigError
from stacks.keys import check_login_key, first_host_key, owner_id
from stacks.lease import ISO_TIME, Lease, current_lease, held_ids
from stacks.ledger import Entry
from stacks.market import market
from stacks.month import spent_or_unknown
from stacks.ports import check_ports
from stacks.price import Price, price_of
from stacks.secrets import LINODE_TOKEN, linode_token
from stacks.settings import Settings
from stacks.values import nearest
from stacks.volume_terms import Terms, terms_of

EXPORT_SECONDS = 60  # it takes 0.1


@dataclass(frozen=True)
class Lot:
    """Settings, the lease with its ledger entry and hard ends, and what the box is born with.

    first_host_key: public; its private half is the one secret in user_data, which is as the API takes it. volume: None
    if the stack asks for none.
    """

    settings: Settings
    lease: Lease
    entry: Entry
    hard_ends: tuple[End, ...]
    mint_token: bool
    bundle: Bundle
    first_host_key: str
    user_data: str = field(repr=False)
    volume: Terms | None = None

    @property
    def ends(self) -> datetime:
        """The first of its hard ends, UTC."""
        return self.hard_ends[0].at


def lot_of(settings: Settings) -> Lot:
    """Everything `up` must know before it creates anything. Raises DayboxError, having changed nothing."""
    check_login_key(settings.ssh_public_key)
    check_ports(settings)  # each time: what is set while a lease runs may be another's port, too
    owner, bundle = owner_id(), bundle_for(settings)
    account = Account(settings.api_url, deploy_token(settings.cloud.token))
    check_provider_has(settings.cloud.token)
    profile = account.profile()
    mint_token = may_mint(settings.self_destruct, settings.box_token, profile.scopes)
    may_keep(settings.volume, profile.scopes)
    listed = account.instances()
    held = still_there(account, held_ids(export(settings.stack)), listed)
    lease = current_lease(settings.stack, owner, listed, held, profile.now)
    known = ledger.read(lease.id)
    if known is None:
        check_region(settings, account)
    first_key = first_host_key(settings.stack, fresh=known is None)
    data = as_base64(user_data(bundle, *first_key))
    price = agreed_price(settings, known) or price_of(settings, account, profile.now)
    ends = hard_ends(settings, lease, price, profile.now)
    volume = terms_of(settings, account, listed, owner, ends[0].at) if settings.volume else None
    spent = spent_or_unknown(lease, settings.cloud.name, profile.now)
    entry = replace(entry_for(settings, lease, price, ends[0].at, profile.user), month_spent_usd=spent)
    return Lot(settings, lease, entry, ends, mint_token, bundle, first_key[1], data, volume)


def check_provider_has(cloud_token: str) -> None:
    """Raises ConfigError unless Pulumi's provider, which reads its environment alone, has the token that we have."""
    if not cloud_token and os.environ.get(LINODE_TOKEN) != linode_token().value:
        raise ConfigError(
            "LINODE_TOKEN: is not the token that daybox found, and this pulumi's linode provider looks nowhere else",
            hint="source scripts/env: its pulumi asks for it where you keep it",
        )


def check_region(settings: Settings, account: Account) -> None:
    """Raises ConfigError, naming the nearest, for a region that the cloud does not have."""
    if account.get(f"/regions/{settings.region}") is None:
        hint = nearest(settings.region, list(market(settings.api_url).regions) or ["see fab plans"])
        raise ConfigError(f"stacks/{settings.stack}/region: {settings.region!r} is no region", hint=hint)


def agreed_price(settings: Settings, known: Entry | None) -> Price | None:
    """The price this lease began with; None if it begins now.

    Raises ConfigError for another plan or region: one lease has one price, or its budget and receipt would be wrong.
    """
    if known is None:
        return None
    if (known.plan, known.region) != (settings.plan.name, settings.region):
        raise ConfigError(
            f"stacks/{settings.stack}/plan: the box that runs is a {known.plan} in {known.region}",
            hint=f"another plan is another lease: pulumi destroy -s {settings.stack}, then pulumi up",
        )
    return Price(known.usd_per_hour, known.price_source)


def entry_for(settings: Settings, lease: Lease, price: Price, ends: datetime, user: str) -> Entry:
    """The lease as the ledger has it before it begins."""
    return Entry(
        lease=lease.id,
        stack=settings.stack,
        owner=lease.owner,
        cloud=settings.cloud.name,
        api_url=settings.api_url,
        user=user,
        label=lease.label,
        plan=settings.plan.name,
        region=settings.region,
        usd_per_hour=price.usd_per_hour,
        price_source=price.source,
        started=lease.start.strftime(ISO_TIME),
        dies_at=ends.astimezone(UTC).strftime(ISO_TIME),
    )


def may_mint(self_destruct: bool, box_token: str, scopes: Iterable[str]) -> bool:
    """Whether a token for the box can be made. Raises CloudError naming the scope, before anything is created.

    self_destruct: whether the box needs one. box_token: one that was given, which then will do.
    """
    if missing := lacking(scopes, NEEDED_SCOPES):
        raise CloudError(
            f"LINODE_TOKEN: lacks the scope {', '.join(missing)}",
            hint=f"make one with {' '.join((*NEEDED_SCOPES, TOKEN_SCOPE))}",
        )
    mint = self_destruct and not lacking(scopes, [TOKEN_SCOPE])
    if self_destruct and not mint and not box_token:
        raise CloudError(
            f"LINODE_TOKEN: lacks the scope {TOKEN_SCOPE}, so no token can be made with which the box deletes itself",
            hint="add the scope, or pulumi config set --secret daybox:boxToken, or daybox:selfDestruct false",
        )
    return mint


def may_keep(volume: bool, scopes: Iterable[str]) -> None:
    """Raises CloudError naming the scope that a stack with a volume needs beside the others."""
    if volume and lacking(scopes, [VOLUME.scope]):
        raise CloudError(
            f"LINODE_TOKEN: lacks the scope {VOLUME.scope}, and the stack asks for a volume",
            hint="add the scope, or pulumi config set daybox:volume false",
        )


def still_there(account: Account, held: Iterable[int], listed: Iterable[Instance]) -> list[int]:
    """Those ids of the state that the account still has: listed, or found by asking for the very id; a 404 is gone."""
    seen = {box.id for box in listed}
    return [instance_id for instance_id in held if instance_id in seen or account.instance(instance_id)]


def export(stack: str) -> dict[str, object]:
    """The stack's state before this run touches it; needs no lock. Raises ConfigError if Pulumi gives none."""
    words = ["pulumi", "stack", "export", "--stack", stack]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=EXPORT_SECONDS)
    except subprocess.TimeoutExpired:
        raise ConfigError(
            f"stacks/{stack}: its state cannot be read within {EXPORT_SECONDS} s", hint="is its disk there? try again"
        ) from None
    if done.returncode:
        said = (done.stderr.strip() or "no word").splitlines()[-1]
        raise ConfigError(f"stacks/{stack}: its state cannot be read: {said}", hint=f"source scripts/env {stack}")
    exported: dict[str, object] = json.loads(done.stdout)
    return exported
