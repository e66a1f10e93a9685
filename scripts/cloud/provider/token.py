"""linode:index/token:Token, a personal access token."""

from datetime import UTC
from typing import Any

from .api import Api
from .errors import ApiError, told_as
from .resource import Resource
from .sameness import instant, same_instant, same_words
from .schema import Property, Schema, length
from .values import Plain


def expiry_fault(text: str) -> str:
    """Why `text` is no expiry: the real provider takes RFC 3339, with a zone, only."""
    try:
        has_zone = "T" in text and (text.endswith("Z") or "+" in text or text.count("-") == 3) and bool(instant(text))
    except ValueError:
        has_zone = False
    return "" if has_zone else f"{text!r} is not RFC 3339, as in 2026-01-31T12:00:00Z"


# Source: terraform-provider-linode v3, linode/token/framework_resource_schema.go.
SCHEMA = Schema(
    token="linode:index/token:Token",
    inputs=(
        Property("label", "label", computed=True, fault=length(1, 100)),
        Property("scopes", "scopes", required=True, replaces=True, same=same_words),
        Property("expiry", replaces=True, fault=expiry_fault, same=same_instant),
    ),
    outputs=("created", "token"),
    secrets=frozenset(("token",)),
)
NEVER = "2999-12-12T05:00:00"  # what the API tells of a token without expiry


class Token(Resource):
    """A token of the user whose token we use."""

    schema = SCHEMA
    path = "/profile/tokens"
    title = "token"
    updatable = frozenset(("label",))

    def create(self, api: Api, inputs: Plain, seconds: float) -> tuple[str, Plain]:
        """POST, the one time the API tells the whole value."""
        with told_as("creating a token"):
            found = api.post(self.path, body(inputs))
        return str(found["id"]), self.describe(api, found) | {"token": found["token"]}

    def describe(self, api: Api, found: Plain) -> Plain:
        """All but the value: of that a GET tells 16 characters, so it stays as the state has it."""
        expiry = None if found["expiry"] == NEVER else found["expiry"]
        return {name: found[name] for name in ("label", "scopes", "created")} | {"expiry": expiry}

    def change(self, api: Api, resource_id: str, changed: frozenset[str], inputs: Plain, seconds: float) -> None:
        """A PUT of the label: nothing else of a token can change."""
        if "label" in changed:
            api.put(f"{self.path}/{resource_id}", {"label": inputs.get("label", "")})

    def delete(self, api: Api, resource_id: str, state: Plain, seconds: float) -> None:
        """DELETE; alone of all resources it may be gone already. (The real one then sleeps 3 s for Linode's lists.)"""
        with told_as(f"deleting token {resource_id}"):
            try:
                api.delete(f"{self.path}/{resource_id}")
            except ApiError as error:
                if error.status != 404:
                    raise


def body(inputs: Plain) -> dict[str, Any]:
    """The body of POST /profile/tokens; expiry in UTC without a zone."""
    if "expiry" not in inputs:
        return SCHEMA.body(inputs)
    expiry = instant(inputs["expiry"]).astimezone(UTC)
    return SCHEMA.body(inputs) | {"expiry": expiry.strftime("%Y-%m-%dT%H:%M:%S")}
