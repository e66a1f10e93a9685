"""Personal access tokens. A token's value is told once, when it is made; the state keeps only what knows it again."""

import secrets
from datetime import UTC, datetime

from scripts.cloud import limits
from scripts.cloud.auth import EVERYTHING, holder
from scripts.cloud.cloud import Call
from scripts.cloud.lists import page
from scripts.cloud.replies import Json, fault, not_found, refuse_if
from scripts.cloud.store import zoneless

NEVER = "2999-12-12T05:00:00"  # what the API shows for a token without expiry


def token_body(row: Json, token: str = "") -> Json:
    """The token as the API shows it: whole when new, its first 16 characters ever after."""
    names = ("id", "scopes", "created", "label", "expiry")
    return {name: row[name] for name in names} | {"token": token or row["prefix"]}


def list_tokens(call: Call) -> Json:
    """The caller's tokens."""
    return page(call, "/profile/tokens", [token_body(row) for row in _mine(call)])


def get_token(call: Call) -> Json:
    """One of the caller's tokens."""
    return token_body(_own(call))


def create_token(call: Call) -> Json:
    """Make a token with at most the caller's own scopes."""
    body = call.body
    scopes, label = body.get("scopes") or EVERYTHING, body.get("label") or "token"
    expiry = zoneless_text(body["expiry"]) if body.get("expiry") else NEVER
    faults = list(limits.length_faults(label, limits.TOKEN_LABEL, "label"))
    if expiry is None or expiry <= zoneless(call.store.clock()):
        faults.append(fault("Must be a time in the future", "expiry"))
    if not all(call.caller.may(scope) for scope in scopes.replace(",", " ").split()):
        faults.append(fault("Scopes must not exceed those of the token that is used", "scopes"))
    refuse_if(faults)
    token = secrets.token_hex(32)
    row = call.store.add("tokens", holder(label, scopes, str(expiry), call.caller.username, token))
    call.record("token_create", "token", row)
    return token_body(row, token)


def update_token(call: Call) -> Json:
    """Change the label; nothing else of a token can be changed."""
    row, label = _own(call), call.body.get("label")
    refuse_if(list(limits.length_faults(label, limits.TOKEN_LABEL, "label")))
    row["label"] = label
    call.record("token_update", "token", row)
    return token_body(row)


def delete_token(call: Call) -> Json:
    """Revoke a token; its next use is a 401."""
    row = _own(call)
    call.store.remove("tokens", row["id"])
    call.record("token_delete", "token", row)
    return {}


def _own(call: Call) -> Json:
    row = call.row("tokens", "id")
    if row["username"] != call.caller.username:
        raise not_found()
    return row


def _mine(call: Call) -> list[Json]:
    return [row for row in call.store.rows("tokens") if row["username"] == call.caller.username]


def zoneless_text(text: str) -> str | None:
    """A time as clients send it (without a zone it is UTC) in the API's form; None if it is no time."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return zoneless((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
