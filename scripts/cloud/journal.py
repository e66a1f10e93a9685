"""What was asked of the double: a log that tests read, without secrets."""

import time
from collections import deque

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scripts.cloud.replies import Json, Wire

KEPT = 5000
SECRET = ("user_data", "root_pass", "token")


class Journal:
    """The app behind it, with each request to the API written down once it is answered or lost."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.entries: deque[Json] = deque(maxlen=KEPT)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, let through and written down."""
        if scope["type"] != "http" or scope["path"].startswith("/admin"):
            await self.app(scope, receive, send)
            return
        status: list[int] = []

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                status.append(message["status"])
            await send(message)

        scope["daybox"] = {}
        begun = time.time()
        try:
            await self.app(scope, receive, noting)
        finally:
            self.entries.append(_entry(scope, begun, status[0] if status else None))


def _entry(scope: Scope, begun: float, status: int | None) -> Json:
    told = scope["daybox"]
    return {
        "at": begun,
        "method": scope["method"],
        "path": scope["path"],
        "query": scope["query_string"].decode(),
        "status": status,  # None: the reply was lost
        "token": told.get("token", "-"),
        "fault": told.get("fault"),
        "body": redacted(told.get("body") or None),
    }


def redacted(value: Wire, name: str = "") -> Wire:
    """The value with every secret in it replaced by its length."""
    if isinstance(value, dict):
        return {key: redacted(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [redacted(inner) for inner in value]
    return f"<{len(value)} characters>" if name in SECRET and isinstance(value, str) else value
