"""The admin route: what exists only in the double. For tests on this machine; no box and no web page gets in."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from scripts.cloud import auth, limits
from scripts.cloud.cloud import Cloud
from scripts.cloud.faults import Fault, FaultyApp
from scripts.cloud.journal import Journal
from scripts.cloud.replies import Refusal, fault, refuse_if
from scripts.cloud.store import zoneless
from scripts.cloud.tokens import NEVER, token_body, zoneless_text


def routes(cloud: Cloud, faulty: FaultyApp, journal: Journal) -> list[Route]:
    """The routes under /admin."""

    async def ping(request: Request) -> Response:
        return JSONResponse({"cloud": cloud.store.account["euuid"], "port": cloud.api_port})

    async def add_fault(request: Request) -> Response:
        try:
            faulty.waiting.append(Fault.from_body(await request.json()))
        except Refusal as refusal:
            return refusal.response()
        return JSONResponse({})

    async def clear_faults(request: Request) -> Response:
        faulty.waiting.clear()
        return JSONResponse({})

    async def list_requests(request: Request) -> Response:
        return JSONResponse({"data": list(journal.entries)})

    async def add_token(request: Request) -> Response:
        try:
            return JSONResponse(_seed_token(cloud, await request.json()))
        except Refusal as refusal:
            return refusal.response()

    async def add_login(request: Request) -> Response:
        body = await request.json()
        known = {"restricted": False, "status": "successful", "username": auth.OWNER}
        cloud.store.add("logins", known | {"datetime": zoneless(cloud.store.clock())} | body)
        cloud.store.save()
        return JSONResponse({})

    return [
        Route("/admin/logins", add_login, methods=["POST"]),
        Route("/admin/ping", ping),
        Route("/admin/faults", add_fault, methods=["POST"]),
        Route("/admin/faults", clear_faults, methods=["DELETE"]),
        Route("/admin/requests", list_requests),
        Route("/admin/tokens", add_token, methods=["POST"]),
    ]


def _seed_token(cloud: Cloud, body: dict[str, str]) -> dict[str, object]:
    """Make a token of a given value, also one that is too weak, expired, another user's or another account's."""
    expiry = zoneless_text(body["expiry"]) if body.get("expiry") else NEVER
    faults = list(limits.length_faults(body.get("token"), (1, 200), "token"))
    refuse_if([*faults, *([] if expiry else [fault("Must be a time", "expiry")])])
    token, username = body["token"], body.get("username", auth.OWNER)
    row = auth.holder(body.get("label", "seeded"), body.get("scopes", auth.EVERYTHING), str(expiry), username, token)
    row = cloud.store.add("tokens", row | {"account": body.get("account", "")})
    cloud.store.save()
    return token_body(row, token)
