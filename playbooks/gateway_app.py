"""The gateway's HTTP side: checks each request, passes it through the tunnel's socket, counts what was used.

Answers stream through and are not kept; a question is held until all of it is there. Nothing of either is logged.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, UnixConnector, web
from yarl import URL

from playbooks.gateway_body import MOST_BYTES, Sent, UsageHider, as_sent, is_text
from playbooks.gateway_checks import (
    MODELS_PATH,
    STATUS_PATH,
    USAGE_PATH,
    Refusal,
    error_body,
    is_work,
    leads_elsewhere,
    presented_key,
    refusal,
    request_headers,
    response_headers,
)
from playbooks.gateway_models import merged
from playbooks.keys import KeyFile
from playbooks.moments import iso
from playbooks.streaming import stream
from playbooks.tunnel_files import Orders
from playbooks.tunnel_ssh import State
from playbooks.usage import NOBODY, UsageFile, Used
from playbooks.usage_meter import Meter
from playbooks.witness import Witness

WRONG_KEY = Refusal(401, "wrong_key", "this key is not one of this gateway's; get one with `fab env`")
WRONG_BOX_KEY = Refusal(503, "box_key", "daybox/box: it does not accept the key we read from it; fab tunnel")
LEADS_ELSEWHERE = Refusal(502, "box_redirects", "daybox/box: it answers with the way to another place, not taken")
NOT_TEXT = Refusal(400, "not_utf8", "the body is not in UTF-8")
TOO_LARGE = Refusal(413, "too_large", f"more than {MOST_BYTES >> 20} MiB fit no window")
RETRY_SECONDS = "2"  # a killed ssh is back by then
# No limit on the whole or on silence: a long prompt is read for minutes before the first word. ssh notices a dead box.
TIMEOUT = ClientTimeout(total=None, sock_connect=5)
# vLLM closes what is unused for 5 s, and a request on its way then would fail.
# Source: vLLM 0.32, envs.py, VLLM_HTTP_TIMEOUT_KEEP_ALIVE.
UNUSED_SECONDS = 4.0


class Gateway:
    """One gateway: whose tunnel, how it is, who may use it.

    socket, architect_socket: of the tunnel, to each model. box_key: reads the box's key; asked for each request,
    because a new box has a new one.
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
        architect_socket: str = "",
    ) -> None:
        self.orders = orders
        self.state = state
        self.keys = keys
        self.usage = usage
        self.box_key = box_key
        self.witness = witness
        self._sockets = (socket, architect_socket)
        self._sessions = dict[str, ClientSession]()

    def app(self) -> web.Application:
        """The web application; every path comes to `answer`."""
        app = web.Application(client_max_size=MOST_BYTES)
        app.router.add_route("*", "/{path:.*}", self.answer)
        app.on_cleanup.append(self._close)
        return app

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The answer to one request: a refusal, our own status, or what the box says."""
        key = presented_key(request.headers)
        path, client = path_of(request), self.keys.client_of(key)
        hosts, origin = request.headers.getall("Host", []), request.headers.get("Origin")
        host = hosts[0] if len(hosts) == 1 else ""  # of two, who knows which one another program would look at
        refused = refusal(request.method, path, host, origin, port_meant(request, host, self.orders.port))
        if refused:
            return self._refuse(client, refused)
        if path == STATUS_PATH:
            return web.json_response(self.status(request.query.get("nonce", "")))
        if client is None:
            return self._refuse(client, WRONG_KEY)
        if path == USAGE_PATH:
            self.usage.save()  # who asks may read the file next
            return web.json_response(asdict(self.usage.by_client.get(client, Used())))
        if not self.state.up:
            return self._refuse(client, self._down(), work=is_work(request.method, path))
        if path == MODELS_PATH and self.orders.architect_name:
            return await self._models(request)
        try:
            body = await request.read() if request.method == "POST" else b""
        except web.HTTPRequestEntityTooLarge:
            return self._refuse(client, TOO_LARGE)
        if self.keys.client_of(key) != client:  # a body may come slowly, and the key have been taken away meanwhile
            return self._refuse(None, WRONG_KEY)
        if not is_text(body):
            return self._refuse(client, NOT_TEXT)
        return await self._count(request, as_sent(path, body, self.orders.architect_name), client)

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

    def _refuse(self, client: str | None, refused: Refusal, *, work: bool = False) -> web.Response:
        """Refuse, and count it: it is no work. work: but would have been, were the tunnel up."""
        self.usage.add(client or NOBODY, Used(refused=1, down=int(work)))
        return refuse(refused)

    async def _count(self, request: web.Request, sent: Sent, client: str) -> web.StreamResponse:
        """Answer a request of the API, and count it if it is work."""
        meter, status, began = Meter(), 0, time.monotonic()  # 0: the client went away first
        try:
            response = await self._pass_on(request, sent, meter)
            status = response.status
        finally:
            if is_work(request.method, path_of(request)):
                took = round((time.monotonic() - began) * 1000)
                self.usage.add(client, meter.used(status, took), architect=sent.architect)
        return response

    async def _pass_on(self, request: web.Request, sent: Sent, meter: Meter) -> web.StreamResponse:
        try:
            async with self._ask_box(request, sent) as upstream:
                if upstream.status == 401:  # the client's key was good: it is ours that the box does not know
                    return refuse(WRONG_BOX_KEY)
                if leads_elsewhere(upstream.status):
                    return refuse(LEADS_ELSEWHERE)
                response = web.StreamResponse(status=upstream.status, headers=response_headers(upstream.headers))
                meter.events = upstream.content_type == "text/event-stream"
                await response.prepare(request)
                hider = UsageHider() if sent.hides_usage and meter.events else None
                meter.broken = not await stream(request, upstream, response, meter.feed, hider)
                return response
        except (ClientError, OSError) as error:
            return refuse(self._silent(type(error).__name__, architect=sent.architect))

    async def _models(self, request: web.Request) -> web.Response:
        """The models of both vLLMs in one list; of the one that answers, if the other does not."""
        found, silent = list[bytes](), self._down()
        for architect in (False, True):
            try:
                async with self._ask_box(request, Sent(b"", architect)) as upstream:
                    if upstream.status == 401:
                        return refuse(WRONG_BOX_KEY)
                    if upstream.status == 200:
                        found.append(await upstream.read())
                    else:
                        silent = self._silent(f"HTTP {upstream.status}", architect=architect)
            except (ClientError, OSError) as error:
                silent = self._silent(type(error).__name__, architect=architect)
        return web.json_response(merged(found)) if found else refuse(silent)

    def _ask_box(self, request: web.Request, sent: Sent) -> AbstractAsyncContextManager[ClientResponse]:
        return self._session(self._sockets[sent.architect]).request(
            request.method,
            URL(f"http://box{request.raw_path}", encoded=True),
            headers=request_headers(request.headers, self.box_key()),
            data=sent.body if request.method == "POST" else None,
            allow_redirects=False,
        )

    def _session(self, socket: str) -> ClientSession:
        if socket not in self._sessions:
            connector = UnixConnector(socket, limit=0, keepalive_timeout=UNUSED_SECONDS)
            self._sessions[socket] = ClientSession(connector=connector, timeout=TIMEOUT, auto_decompress=False)
        return self._sessions[socket]

    def _down(self) -> Refusal:
        for_good = self.state.ended or self.state.last_words
        comeback = "`fab tunnel.close`" if for_good else "it comes back by itself: `fab tunnel.status`"
        if "timed out" in self.state.word and not for_good:
            comeback = "it comes back by itself, or if your address has changed by `fab allow`"
        message = f"daybox/tunnel: down since {iso(self.state.since)}: {self.state.told}; {comeback}"
        return Refusal(503, "tunnel_down", message)

    def _silent(self, why: str, *, architect: bool = False) -> Refusal:
        if not self.state.up:
            return self._down()
        who = f"the architect's vLLM ({self.orders.architect_name})" if architect else "vLLM"
        message = f"daybox/box: the tunnel is up, but {who} does not answer ({why}); see `fab status`"
        return Refusal(503, "box_silent", message)

    async def _close(self, _: web.Application) -> None:
        for session in self._sessions.values():
            await session.close()


def path_of(request: web.Request) -> str:
    """As on the wire, without the query, not decoded."""
    return request.raw_path.partition("?")[0]


def port_meant(request: web.Request, host: str, port: int) -> int:
    """The port that a request's Host must name: ours. Who comes through our Unix socket was led there by a launcher
    that holds another port of loopback for its client (seal.guard): that one, whichever it is."""
    over_tcp = request.transport is None or isinstance(request.transport.get_extra_info("sockname"), tuple)
    named = host.rpartition(":")[2]
    # Longer is no port, and Python makes no number of thousands of digits.
    return port if over_tcp or not named.isdecimal() or len(named) > 5 else int(named)


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
