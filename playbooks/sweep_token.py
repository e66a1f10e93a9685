"""The token that the timer's sweep acts with: one of its own where that can be made, in a file of mode 0600."""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from playbooks.accounts import LINODE, cloud_named
from playbooks.kept_volumes import asked_for
from stacks.account import NEEDED_SCOPES, TOKEN_SCOPE, Account, Profile, lacking
from stacks.belongings import VOLUME
from stacks.errors import CloudError, ConfigError
from stacks.lease import ISO_TIME
from stacks.places import state_dir, write_private
from stacks.secrets import Found

TOKENS = "/profile/tokens"
LIFE = timedelta(days=365)  # nobody sits at a timer to renew it; when it ends, `pulumi up` says that no sweep is good
# What lists and ends boxes, firewalls and volumes, and the events that prove it. Not account:read_write, which would
# also sweep the tokens of dead boxes: it can make users and tokens of any right, on a disk, for a year, to tidy away
# what costs nothing and ends an hour after its lease. `fab sweep` by hand does that.
SCOPES = (*NEEDED_SCOPES, VOLUME.scope)


def token_file() -> Path:
    """Where the timer's token is."""
    return state_dir().resolve() / "sweep/token"


def _minted_file() -> Path:
    return state_dir() / "sweep/minted.json"


def label(owner: str) -> str:
    """The label of the timer's own token."""
    return f"daybox-sweep-{owner}"


def paying_account(token: str) -> Account:
    """The account that `token` is of."""
    return Account(cloud_named(LINODE).api_url, token)


def checked(account: Account) -> Profile:
    """Who its token speaks for. Raises CloudError if the API refuses it, or it cannot end a box or a stack's volume."""
    profile = account.profile()
    if missing := lacking(profile.scopes, SCOPES if asked_for(account.api_url) else NEEDED_SCOPES):
        raise CloudError(
            f"LINODE_TOKEN: lacks the scope {', '.join(missing)}", hint=f"make one with {' '.join(SCOPES)}"
        )
    return profile


def keep(account: Account, given: Found, owner: str) -> str:
    """Put a token into the timer's file, one of its own if `given` may make one; returns what to say of it.

    One of its own that it has already is better than one that may make none. Raises CloudError if `given` cannot end a
    box, ConfigError if it would have to be written down and was not exported in clear.
    """
    profile = checked(account)
    may_mint = not lacking(profile.scopes, [TOKEN_SCOPE])
    if not may_mint and (own := minted()):
        return f"it keeps the token of its own that it had, until {own['expiry']}: LINODE_TOKEN may make no other"
    if not may_mint and not given.may_be_kept:
        raise ConfigError(
            f"{given.source}: its token may make no other (that needs {TOKEN_SCOPE}), and is not written down",
            hint=f"export LINODE_TOKEN in clear with {' '.join(SCOPES)}: the timer then keeps that one",
        )
    if not may_mint:
        write_private(token_file(), f"{given.value}\n")
        return f"it keeps your LINODE_TOKEN, which may make no other (that needs {TOKEN_SCOPE}), and ends with it"
    scopes = " ".join(scope for scope in SCOPES if not lacking(profile.scopes, [scope]))
    expiry = (profile.now + LIFE).strftime(ISO_TIME)
    made = account.post(TOKENS, {"label": label(owner), "scopes": scopes, "expiry": expiry})
    write_private(_minted_file(), json.dumps({"id": made["id"], "label": label(owner), "expiry": expiry}) + "\n")
    write_private(token_file(), f"{made['token']}\n")
    return f"it has a token of its own, {label(owner)}, until {expiry}: {scopes}"


def minted() -> dict[str, Any] | None:
    """The timer's own token: id, label, expiry; None if it has none of its own."""
    file = _minted_file()
    row: dict[str, Any] | None = json.loads(file.read_text()) if file.is_file() else None
    return row


def revoke(account: Account, owner: str, *, but: int | None = None) -> None:
    """Revoke every token that was made for this laptop's timer, but one. Raises CloudError if one is left."""
    for row in account.rows(TOKENS, filters={"label": label(owner)}):
        if row["id"] != but:
            revoke_one(account, row)


def revoke_one(account: Account, row: Mapping[str, Any]) -> None:
    """Revoke this token. row: id and label. Raises CloudError if it is left."""
    account.end_at(TOKENS, row["id"], f"token {row['id']} ({row['label']})")
