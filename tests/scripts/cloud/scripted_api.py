"""An `Api` that answers from a table and notes what it was asked, for tests of the provider's resources."""

import json
from typing import Any

import requests

from scripts.cloud.provider.api import Api
from scripts.cloud.provider.endpoint import Endpoint
from scripts.cloud.provider.values import Plain


def reply(status: int = 200, body: object = None, **headers: str) -> requests.Response:
    """A reply as `requests` gives it; headers: `Retry_After="1"`."""
    made = requests.Response()
    made.status_code = status
    made.reason = "Some Reason"
    made._content = json.dumps({} if body is None else body).encode()
    made.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return made


def refusal(status: int, reason: str, field: str = "", **headers: str) -> requests.Response:
    """A reply with an error body of API v4."""
    error = {"reason": reason} | ({"field": field} if field else {})
    return reply(status, {"errors": [error]}, **headers)


def listed(*entries: Plain) -> Plain:
    """A list's only page."""
    return {"data": list(entries), "page": 1, "pages": 1, "results": len(entries)}


class ScriptedApi(Api):
    """answers: `"GET /path"` -> replies or bodies, the last of which stays."""

    def __init__(self, answers: dict[str, list[Any]]) -> None:
        super().__init__(Endpoint("http://127.0.0.1:1/v4", token="t", poll_seconds=0.0))
        self.answers = answers
        self.calls: list[str] = []
        self.bodies: dict[str, Plain | None] = {}
        self.pauses: list[float] = []

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        super().pause(0)

    def _send(self, request: requests.Request) -> requests.Response:
        call = f"{request.method} {request.url}"
        self.calls.append(call)
        self.bodies[call] = request.json
        left = self.answers[call]
        answer = left.pop(0) if len(left) > 1 else left[0]
        return answer if isinstance(answer, requests.Response) else reply(200, answer)
