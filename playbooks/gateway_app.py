"""The gateway's HTTP side: checks each request, passes it through the tunnel's socket, counts what was used.

Bodies stream through in both directions and are neither kept nor logged.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, UnixConnector, web
from yarl import URL

from playbooks.gateway_checks import (
    STATUS_PATH,
    USAGE_PATH,
    Refusal,
    error_body,
    presented_key,
    refusal,
    request_headers,
    response_headers,
)
from playbooks.keys import KeyFile
from playbooks.moments import iso
from playbooks.streaming import stream
from playbooks.tunnel_files import Orders
from playbooks.tunnel_ssh import State
from playbooks.usage import Meter, UsageFile, Used
from playbooks.witness import Witness

WRONG_BOX_KEY = Refusal(503, "box_key", "daybox/box: it does not accept the key we read from it; fab tunnel")
RETRY_SECONDS = "2"  # a killed ssh is back by then
# No limit on the whole or on silence: a long prompt is read for minutes before the first word. ssh notices a dead box.
TIMEOUT = ClientTimeout(total=None, sock_connect=5)


class Gateway:
    """One gateway: whose tunnel, how it is, who may use it.

    socket: of the tunnel. box_key: reads the box's key; asked for each request, because a new box has a new one.
    """

    def __init__(
        self,
        orders: Orders,
        state: State,
        socket: str,
        *,
        keys: KeyFile,
        usage: UsageFile,
        box_key: Callable[[], str],
        witness: Witness | None = None,
    ) -> None:
        self.orders = orders
        self.state = state
        self.keys = keys
        self.usage = usage
        self.box_key = box_key
        self.witness = witness
        self._socket = socket
        self._session: ClientSession | None = None

    def app(self) -> web.Application:
        """The web application; every path comes to `answer`."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.answer)
        app.on_cleanup.append(self._close)
        return app

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The answer to one request: a refusal, our own status, or what the box says."""
        path = request.raw_path.partition("?")[0]
        origin = request.headers.get("Origin")
        refused = refusal(request.method, path, request.headers.get("Host", ""), origin, self.orders.port)
        if refused:
            return refuse(refused)
        if path == STATUS_PATH:
            return web.json_response(self.status(request.query.get("nonce", "")))
        client = self.keys.client_of(presented_key(request.headers))
        if client is None:
            return refuse(Refusal(401, "wrong_key", "this key is not one of this gateway's; get one with `fab env`"))
        if path == USAGE_PATH:
            return web.json_response(asdict(self.usage.by_client.get(client, Used())))
        return await self._count(request, client)

    def status(self, nonce: str = "") -> dict[str, object]:
        """What anybody on this laptop may know; who gives a nonce can tell that it is no other gateway's answer."""
        proof = self.witness.proof(nonce) if self.witness else ""
        return {
            **({"proof": proof} if proof else {}),
            "stack": self.orders.stack,
            "lease": self.orders.lease,
            "instance_id": self.orders.instance_id,
            "up": self.state.up,
            "since": iso(self.state.since),
            "word": self.state.told,
            "ended": self.state.ended,
        }

    async def _count(self, request: web.Request, client: str) -> web.StreamResponse:
        """Answer a request of the API, and count it if it is work: asking for the list of models is none."""
        meter, status = Meter(), 0  # 0: the client went away first
        try:
            response = await self._pass_on(request, meter) if self.state.up else self._down()
            status = response.status
        finally:
            if request.method == "POST":
                self.usage.add(client, meter.used(status))
        return response

    async def _pass_on(self, request: web.Request, meter: Meter) -> web.StreamResponse:
        try:
            async with self._ask_box(request) as upstream:
                if upstream.status == 401:  # the client's key was good: it is ours that the box does not know
                    return refuse(WRONG_BOX_KEY)
                response = web.StreamResponse(status=upstream.status, headers=response_headers(upstream.headers))
                meter.events = upstream.content_type == "text/event-stream"
                await response.prepare(request)
                meter.broken = not await stream(request, upstream, response, meter.feed)
                return response
        except (ClientError, OSError) as error:
            return self._silent(error)

    def _ask_box(self, request: web.Request) -> AbstractAsyncContextManager[ClientResponse]:
        if self._session is None:
            self._session = ClientSession(connector=UnixConnector(self._socket), timeout=TIMEOUT, auto_decompress=False)
        return self._session.request(
            request.method,
            URL(f"http://box{request.raw_path}", encoded=True),
            headers=request_headers(request.headers, self.box_key()),
            data=request.content if request.method == "POST" else None,
            allow_redirects=False,
        )

    def _down(self) -> web.Response:
        for_good = self.state.ended or self.state.last_words
        comeback = "`fab tunnel.close`" if for_good else "it comes back by itself: `fab tunnel.status`"
        if "timed out" in self.state.word and not for_good:
            comeback = "it comes back by itself, or if your address has changed by `fab allow`"
        message = f"daybox/tunnel: down since {iso(self.state.since)}: {self.state.told}; {comeback}"
        return refuse(Refusal(503, "tunnel_down", message))

    def _silent(self, error: Exception) -> web.Response:
        if not self.state.up:
            return self._down()
        message = f"daybox/box: the tunnel is up, but vLLM does not answer ({type(error).__name__}); see `fab status`"
        return refuse(Refusal(503, "box_silent", message))

    async def _close(self, _: web.Application) -> None:
        if self._session is not None:
            await self._session.close()


def refuse(refused: Refusal) -> web.Response:
    """The refusal as an answer that clients can show."""
    headers = {"Retry-After": RETRY_SECONDS} if refused.status == 503 else {}
    return web.json_response(
        error_body(refused.kind, refused.message, refused.status), status=refused.status, headers=headers
    )


async def save_now_and_then(usage: UsageFile, seconds: float = 1.0) -> None:
    """Write usage once a second at most: not once for each request."""
    while True:
        await asyncio.sleep(seconds)
        usage.save()
