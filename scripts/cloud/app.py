"""The API double as an ASGI app: who calls, what they may, what they get."""

import inspect
import json
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from scripts.cloud import admin, auth, filters
from scripts.cloud.auth import ANONYMOUS, Caller
from scripts.cloud.cloud import Call, Cloud
from scripts.cloud.faults import FaultyApp
from scripts.cloud.guard import Guard
from scripts.cloud.journal import Journal
from scripts.cloud.rates import Rates
from scripts.cloud.replies import NOT_FOUND, Json, Refusal, fault
from scripts.cloud.routes import ENDPOINTS, Endpoint
from stacks.errors import DayboxError

VERSIONS = ("/v4", "/v4beta")


def build(cloud: Cloud) -> ASGIApp:
    """The whole app: Guard around Journal around faults around the API."""
    rates = Rates()
    api = [Route(end.path, _serve(cloud, end, rates), methods=[end.method]) for end in ENDPOINTS]
    mounts = [Mount(version, routes=api) for version in VERSIONS]
    politely = {HTTPException: _refuse_politely, Exception: _refuse_politely}
    faulty = FaultyApp(Starlette(routes=mounts, exception_handlers=politely))
    journal = Journal(faulty)
    return Guard(Starlette(routes=[*admin.routes(cloud, faulty, journal), Mount("", app=journal)]))


def _serve(cloud: Cloud, end: Endpoint, rates: Rates) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        authorization = request.headers.get("authorization", "")
        note = request.scope["daybox"]
        note["token"] = auth.label_of(cloud.store, authorization)
        caller = ANONYMOUS
        try:
            caller = auth.identify(cloud.store, authorization) if authorization else ANONYMOUS
            auth.require(caller, end.scope)
            note["body"] = await _body(request)
            response = await _answer(cloud.of(caller), end, request, caller, note["body"])
        except Refusal as refusal:
            response = refusal.response()
        response.headers.update(_headers(end, caller))
        response.headers.update(rates.headers(caller, end.method, end.path))
        return response

    return serve


async def _answer(cloud: Cloud, end: Endpoint, request: Request, caller: Caller, body: Json) -> Response:
    wanted = filters.parse(request.headers.get("x-filter", ""))
    reply = end.answer(Call(cloud, caller, request.path_params, request.query_params, body, wanted))
    if inspect.isawaitable(reply):
        reply = await reply
    if end.method != "GET":
        cloud.store.save()  # nobody is told of what is not on disk
    return JSONResponse(reply)


async def _body(request: Request) -> Json:
    raw = await request.body()
    try:
        body = json.loads(raw or "{}")
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refusal(400, fault("Invalid JSON"))
    return body


def _headers(end: Endpoint, caller: Caller) -> dict[str, str]:
    return {
        "X-OAuth-Scopes": caller.scopes,
        "X-Accepted-OAuth-Scopes": end.scope or auth.EVERYTHING,
        "Cache-Control": "private, max-age=0, s-maxage=0, no-cache, no-store",
        "Vary": "Authorization, X-Filter",
    }


async def _refuse_politely(request: Request, error: Exception) -> Response:
    """Unknown paths and methods, and our own failures, in the API's shape."""
    if isinstance(error, HTTPException):
        reason = {404: NOT_FOUND, 405: "Method Not Allowed"}.get(error.status_code, error.detail)
        return Refusal(error.status_code, fault(reason)).response()
    # A box that cannot be made says why; whoever asked for it is told, though the real API would keep it to itself.
    return Refusal(500, fault(error.line() if isinstance(error, DayboxError) else "Internal server error")).response()
