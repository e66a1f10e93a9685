"""Who may talk to the double at all. It runs boxes as root for a fixed token, so a web page must not reach it."""

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

# 198.51.100.1 is how a box reaches what is 127.0.0.1 here: see link.py. testserver: starlette's own test client.
HOSTS = ("127.0.0.1", "localhost", "198.51.100.1", "testserver")
ADMINS = ("127.0.0.1", "testclient")


class Guard:
    """The app behind it, for programs on this machine and its boxes; /admin for this machine alone."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, let through or refused."""
        why = _objection(scope) if scope["type"] == "http" else ""
        app = PlainTextResponse(f"local cloud: {why}\n", 403) if why else self.app
        # NOTE: ASGI has no word for closing a connection unanswered, which a fault must; uvicorn's `send` is a method
        # of the object that has the transport, and this is the only place where it is not wrapped yet.
        scope["connection"] = getattr(send, "__self__", None)
        await app(scope, receive, send)


def _objection(scope: Scope) -> str:
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    if headers.get(b"host", "").rpartition(":")[0] not in HOSTS and headers.get(b"host") not in HOSTS:
        return "the Host header must be a loopback name"  # else a page could rebind its own name to 127.0.0.1
    if b"origin" in headers:
        return "no requests from web pages"
    if scope["path"].startswith("/admin") and (scope["client"] or ("",))[0] not in ADMINS:
        return "/admin is for this machine only"
    return ""
