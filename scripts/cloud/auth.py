"""Who calls, and what that token may do."""

import hashlib
from dataclasses import dataclass

from scripts.cloud.replies import INVALID_TOKEN, Json, Refusal, fault
from scripts.cloud.store import Store, zoneless

FIXED_TOKEN = "daybox-local"  # pretend money needs no secret; the double listens on loopback only
OWNER = "daybox"
EVERYTHING = "*"
# Source: many reports of it; 401, not 403.
NOT_AUTHORIZED = "Your OAuth token is not authorized to use this endpoint."


@dataclass(frozen=True)
class Caller:
    """The user behind a request. scopes: as in X-OAuth-Scopes, e.g. `linodes:read_write events:read_only` or `*`.

    account: empty for the one that this cloud is about; a test may have a token of another.
    """

    label: str
    username: str
    scopes: str
    account: str = ""

    def may(self, scope: str) -> bool:
        """Whether the token covers `scope`, e.g. `linodes:read_only`; read_write covers read_only."""
        granted = self.scopes.replace(",", " ").split()
        area, _, level = scope.partition(":")
        enough = {f"{area}:read_write", f"{area}:*", EVERYTHING} | ({scope} if level == "read_only" else set())
        return not enough.isdisjoint(granted)


ANONYMOUS = Caller("-", "-", "unknown")  # the word of the real API for a public request without a token


def identify(store: Store, authorization: str) -> Caller:
    """Whose token the header `Authorization: Bearer …` holds. Raises the API's 401 for one that is not valid now."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() == "bearer" and token == FIXED_TOKEN:
        return Caller(FIXED_TOKEN, OWNER, EVERYTHING)
    row = next((row for row in store.rows("tokens") if row["sha256"] == digest(token)), None)
    if scheme.lower() != "bearer" or row is None or row["expiry"] <= zoneless(store.clock()):
        raise invalid_token()
    return Caller(row["label"], row["username"], row["scopes"], row.get("account", ""))


def require(caller: Caller, scope: str | None) -> None:
    """Raise the API's 401 unless the caller's token covers `scope`; None is open to everybody, `*` to any token."""
    if scope is None:
        return
    if caller is ANONYMOUS:
        raise invalid_token()
    if scope != EVERYTHING and not caller.may(scope):
        raise Refusal(401, fault(NOT_AUTHORIZED))


def invalid_token() -> Refusal:
    """401 as the API says it of a token that is unknown, expired, revoked or missing."""
    return Refusal(401, fault(INVALID_TOKEN))


def label_of(store: Store, authorization: str) -> str:
    """A name for the log that tells nothing of the token itself."""
    try:
        return identify(store, authorization).label if authorization else ANONYMOUS.label
    except Refusal:
        return "invalid"


def digest(token: str) -> str:
    """What the state keeps of a token: enough to know it again, of no use to a thief."""
    return hashlib.sha256(token.encode()).hexdigest()


def holder(label: str, scopes: str, expiry: str, username: str, token: str) -> Json:
    """A row of the tokens table. expiry: UTC without zone."""
    return {
        "label": label,
        "scopes": scopes,
        "expiry": expiry,
        "username": username,
        "prefix": token[:16],
        "sha256": digest(token),
    }
