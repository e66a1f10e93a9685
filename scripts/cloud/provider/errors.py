"""What can go wrong, as one line each: the engine prints it under the resource's name."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pulumi.provider.experimental.property_value import PropertyValue


class ProviderError(Exception):
    """A fault the user may meet; its text is one line."""


class ApiError(ProviderError):
    """The API said no: `[403] reason`, as the real provider prints it.

    reasons: (field or "", reason), as in API v4's `{"errors": [{"reason", "field"}]}`.
    """

    def __init__(self, status: int, reasons: list[tuple[str, str]]) -> None:
        told = "; ".join(f"[{field}] {reason}" if field else reason for field, reason in reasons)
        super().__init__(f"[{status}] {told}")
        self.status = status
        self.reasons = reasons


class TimedOut(ProviderError):
    """What was waited for did not come in time."""


class Unfinished(ProviderError):
    """The thing exists and must be kept in the state, but is not what was asked for (yet).

    state: what is known of it, plain.
    """

    def __init__(self, resource_id: str, state: dict[str, Any], reason: str) -> None:
        super().__init__(reason)
        self.resource_id = resource_id
        self.state = state


class InitFailure(ProviderError):
    """`Unfinished`, in the engine's words: it stores id and properties, and marks the resource as not initialized."""

    def __init__(
        self,
        resource_id: str,
        *,
        properties: dict[str, PropertyValue],
        inputs: dict[str, PropertyValue],
        reason: str,
    ) -> None:
        super().__init__(reason)
        self.resource_id = resource_id
        self.properties = properties
        self.inputs = inputs


@contextmanager
def told_as(deed: str) -> Iterator[None]:
    """Put `deed` before what the API refuses meanwhile: `Error deleting firewall 7: [404] Not found`."""
    try:
        yield
    except ApiError as error:
        raise ProviderError(f"Error {deed}: {error}") from error
