"""Faults on request: what real clouds do on bad days, asked for by a test through POST /admin/faults."""

import asyncio
import re
from dataclasses import dataclass

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scripts.cloud.replies import BUSY, INVALID_TOKEN, NO_CAPACITY, NOT_FOUND, Json, Refusal, fault, refuse_if

EMPTY_PAGE = {"data": [], "page": 1, "pages": 1, "results": 0}

# What is answered instead of doing the deed. `{seconds}` of a fault fills Retry-After.
ANSWERS = {
    "no-capacity": (403, NO_CAPACITY),
    "rate-limit": (429, "Too many requests"),
    "server-error": (500, "Internal server error"),
    "unavailable": (503, "Service unavailable"),
    "busy": (400, BUSY),
    "false-404": (404, NOT_FOUND),
    "expired-token": (401, INVALID_TOKEN),
}
DEEDS = ("reply-lost", "reply-late", "slow", "empty-page")  # these do, or delay, or falsify
NAMES = (*ANSWERS, *DEEDS)


@dataclass
class Fault:
    """One fault waiting to happen. times: how often still; None is without end. seconds: of Retry-After or delay."""

    method: str
    path: str
    name: str
    times: int | None = 1
    seconds: float = 1

    @classmethod
    def from_body(cls, body: Json) -> "Fault":
        """The fault in a request. Raises a 400 that lists the choices."""
        match = body.get("match") or {}
        refuse_if([] if body.get("fault") in NAMES else [fault(f"choose from: {', '.join(NAMES)}", "fault")])
        options = {name: body[name] for name in ("times", "seconds") if name in body}
        return cls(match.get("method", ".*"), match.get("path", ".*"), body["fault"], **options)

    def meets(self, scope: Scope) -> bool:
        """Whether this request is one that the fault waits for."""
        wanted = ((self.method, scope["method"]), (self.path, scope["path"]))
        return self.times != 0 and all(re.search(pattern, text) for pattern, text in wanted)


class FaultyApp:
    """The app behind it, with what was asked for going wrong."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.waiting: list[Fault] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as asked for or as it should be."""
        found = self._take(scope) if scope["type"] == "http" else None
        if found is None:
            await self.app(scope, receive, send)
            return
        scope["daybox"]["fault"] = found.name
        if found.name == "slow":
            await asyncio.sleep(found.seconds)
            await self.app(scope, receive, send)
        elif found.name == "reply-late":
            await self.app(scope, receive, _held(send, found.seconds))
        elif found.name == "reply-lost":
            await self.app(scope, receive, _swallow)
            await _hang_up(scope, receive)
        else:
            await _answer(found)(scope, receive, send)

    def _take(self, scope: Scope) -> Fault | None:
        found = next((waiting for waiting in self.waiting if waiting.meets(scope)), None)
        if found and found.times is not None:
            found.times -= 1
        return found


def _answer(found: Fault) -> ASGIApp:
    if found.name == "empty-page":
        return JSONResponse(EMPTY_PAGE)
    status, reason = ANSWERS[found.name]
    headers = {"Retry-After": str(max(0, round(found.seconds)))} if status in (429, 503) else {}
    return Refusal(status, fault(reason), headers=headers).response()


def _held(send: Send, seconds: float) -> Send:
    """The reply, `seconds` after the deed was done."""

    async def held(message: Message) -> None:
        if message["type"] == "http.response.start":
            await asyncio.sleep(seconds)
        await send(message)

    return held


async def _swallow(message: Message) -> None:
    """Let nothing of a reply through."""


async def _hang_up(scope: Scope, receive: Receive) -> None:
    # Waiting for the disconnect keeps uvicorn from answering 500 in our place.
    scope["connection"].transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass
