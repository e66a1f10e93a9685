"""The gateway's second port: Open WebUI's pages and websockets, passed through the tunnel for this laptop's browser.

Open WebUI asks for its own login; no client key is needed here. Held like the first port, and as the first answers only
who calls it by a name of this laptop, and no page of another origin.

A browser keeps cookies by host, not by port: it sends here what any program of this laptop has set. So the box's own
bear this port in their names on this side, and no other goes to the box.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from aiohttp import (
    ClientError,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    DummyCookieJar,
    UnixConnector,
    WSMsgType,
    WSServerHandshakeError,
    web,
)
from multidict import CIMultiDict
from yarl import URL

from playbooks.gateway_checks import is_ours
from playbooks.moments import iso
from playbooks.streaming import stream
from playbooks.tunnel_ssh import State

# Of one connection, not of the message (RFC 9110, 7.6.1), or made anew by the library that speaks here.
OWN_HEADERS = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "date", "server"}
)
# The library would add them of its own; an answer would be compressed for who never asked for it.
NOT_ADDED = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
RETRY_SECONDS = "2"
TIMEOUT = ClientTimeout(total=None, sock_connect=5)
Side = web.WebSocketResponse | ClientWebSocketResponse


class Gate:
    """What listens for the browser on `port`. state: how the tunnel is; socket: of the tunnel, to Open WebUI."""

    def __init__(self, port: int, state: State, socket: str) -> None:
        self.port, self.state, self._socket = port, state, socket
        self._mark = f"dbx-{port}-"
        self._session: ClientSession | None = None

    def app(self) -> web.Application:
        """The web application; every path comes to `answer`."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.answer)
        app.on_cleanup.append(self._close)
        return app

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The answer to one request: a refusal, or what Open WebUI says."""
        host, origin = request.headers.get("Host", ""), request.headers.get("Origin")
        if not is_ours(f"http://{host}", self.port):
            return refusal(403, f"Host {host!r} is not this laptop's loopback on port {self.port}")
        if origin is not None and not is_ours(origin, self.port):
            return refusal(403, f"Origin {origin!r}: other pages have no access")
        if not self.state.up:
            return refusal(503, f"daybox/tunnel: down since {iso(self.state.since)}: {self.state.told}")
        try:
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return await self._join(request)
            return await self._pass_on(request)
        except WSServerHandshakeError as error:  # it answers, and takes no websocket from this one
            return refusal(error.status if error.status >= 400 else 502, "Open WebUI takes no websocket here")
        except (ClientError, OSError) as error:
            return refusal(503, f"daybox/webui: does not answer yet ({type(error).__name__}): fab webui")

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        async with self._client().request(
            request.method,
            self._url(request),
            headers=to_box(request.headers, self._mark),
            data=request.content if request.can_read_body else None,
            allow_redirects=False,
        ) as upstream:
            response = web.StreamResponse(status=upstream.status, headers=to_browser(upstream.headers, self._mark))
            await response.prepare(request)
            await stream(request, upstream, response)
        return response

    async def _join(self, request: web.Request) -> web.StreamResponse:
        """Two websockets, and whatever comes from one goes to the other."""
        asked = [word.strip() for word in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if word.strip()]
        found = to_box(request.headers, self._mark).items()
        kept = {name: value for name, value in found if not name.lower().startswith("sec-")}
        async with self._client().ws_connect(
            self._url(request), protocols=asked, headers=kept, max_msg_size=0
        ) as upstream:
            spoken = [upstream.protocol] if upstream.protocol else []
            downstream = web.WebSocketResponse(protocols=spoken, max_msg_size=0)
            await downstream.prepare(request)
            ways = [asyncio.create_task(pour(upstream, downstream)), asyncio.create_task(pour(downstream, upstream))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
                with suppress(ConnectionError):
                    await downstream.close()
        return downstream

    def _client(self) -> ClientSession:
        """One for all; it keeps nobody's cookies and adds nothing."""
        if self._session is None:
            connector = UnixConnector(self._socket, limit=0)
            self._session = ClientSession(
                connector=connector,
                timeout=TIMEOUT,
                auto_decompress=False,
                cookie_jar=DummyCookieJar(),
                skip_auto_headers=NOT_ADDED,
            )
        return self._session

    def _url(self, request: web.Request) -> URL:
        return URL(f"http://box{request.raw_path}", encoded=True)

    async def _close(self, _: web.Application) -> None:
        if self._session is not None:
            await self._session.close()


async def pour(source: Side, sink: Side) -> None:
    """Pass messages on until `source` is closed; then close the other."""
    async for message in source:
        if message.type == WSMsgType.TEXT:
            await sink.send_str(message.data)
        elif message.type == WSMsgType.BINARY:
            await sink.send_bytes(message.data)
    await sink.close()


def passed(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """The headers of the message itself, those that occur more than once included."""
    kept: CIMultiDict[str] = CIMultiDict()
    for name, value in headers.items():
        if name.lower() not in OWN_HEADERS:
            kept.add(name, value)
    return kept


def to_box(headers: Mapping[str, str], mark: str) -> CIMultiDict[str]:
    """The headers of a request, with those cookies that the box has set. mark: with which their names begin here."""
    kept = passed(headers)
    cookies = [cookie.strip() for line in kept.popall("Cookie", []) for cookie in line.split(";")]
    if own := [cookie.removeprefix(mark) for cookie in cookies if cookie.startswith(mark)]:
        kept["Cookie"] = "; ".join(own)
    return kept


def to_browser(headers: Mapping[str, str], mark: str) -> CIMultiDict[str]:
    """The headers of an answer, the cookies that it sets marked."""
    kept: CIMultiDict[str] = CIMultiDict()
    for name, value in passed(headers).items():
        kept.add(name, f"{mark}{value}" if name.lower() == "set-cookie" else value)
    return kept


def refusal(status: int, words: str) -> web.Response:
    """For whoever looks at a browser; one that is told to wait comes back by itself."""
    headers = {"Retry-After": RETRY_SECONDS, "Refresh": RETRY_SECONDS} if status == 503 else {}
    return web.Response(status=status, text=words + "\n", headers=headers)
