"""What the API double says: JSON bodies, and refusals in Linode's shape."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse

Json = dict[str, Any]
Wire = Any  # whatever a client may have put into its JSON

NOT_FOUND = "Not found"
INVALID_TOKEN = "Invalid Token"
BUSY = "Linode busy."  # 400, not 409: no 409 occurs in Linode's recorded traffic
# Source: two independent third parties; the exact wording is not verified.
NO_CAPACITY = "The Linode plan you chose is not currently available in the selected region"


class Refusal(Exception):
    """The API says no: a status and one or more reasons, each with the field it is about."""

    def __init__(self, status: int, *faults: Json, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, *faults)
        self.status = status
        self.faults = faults
        self.headers = dict(headers or {})

    def response(self) -> JSONResponse:
        """The refusal as it goes over the wire."""
        return JSONResponse({"errors": list(self.faults)}, self.status, self.headers)


def fault(reason: str, field: str | None = None) -> Json:
    """One entry of an `errors` list."""
    return {"reason": reason} | ({"field": field} if field else {})


def not_found() -> Refusal:
    """404 as the API says it."""
    return Refusal(404, fault(NOT_FOUND))


def refuse_if(faults: list[Json]) -> None:
    """Raise one 400 with all the faults, if there are any."""
    if faults:
        raise Refusal(400, *faults)
