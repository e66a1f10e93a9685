"""The second port: pages, uploads, cookies and websockets pass as they are; whom it does not know, it refuses."""

import asyncio
import http.client
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy

from playbooks.tunnel_ssh import State
from playbooks.webui_gate import Gate, passed
from tests.playbooks.fake_box import LoopThread, free_port, serve

BIG = b"x" * 3_000_000  # more than any buffer on the way


@dataclass
class Page:
    """Open WebUI as far as a browser sees it. asked: every request."""

    asked: list[dict[str, Any]] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    def app(self) -> web.Application:
        app = web.Application(client_max_size=2**26)
        app.router.add_get("/ws", self.join)
        app.router.add_get("/broken", self.broken)
        app.router.add_get("/login", self.login)
        app.router.add_get("/refused", self.refuse)
        app.router.add_route("*", "/{path:.*}", self.echo)
        return app

    async def echo(self, request: web.Request) -> web.Response:
        body = await request.read()
        asked = {"path": request.raw_path, "method": request.method, "headers": dict(request.headers)}
        self.asked.append(asked)
        return web.json_response(asked | {"size": len(body)}, status=201)

    async def login(self, request: web.Request) -> web.Response:
        response = web.Response(status=302, headers={"Location": "/home", "Content-Security-Policy": "default-src x"})
        response.set_cookie("one", "1", httponly=True, samesite="Strict")
        response.set_cookie("two", "2")
        return response

    async def refuse(self, _: web.Request) -> web.Response:
        return web.Response(status=403)

    async def broken(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport
        request.transport.abort()
        return response

    async def join(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=["chat"])
        await socket.prepare(request)
        async for message in socket:
            if message.data == "bye":
                await socket.close()
            elif isinstance(message.data, str):
                await socket.send_str(f"{message.data} to {request.headers.get('Cookie')} over {socket.ws_protocol}")
            else:
                await socket.send_bytes(message.data[::-1])
        self.closed.append(request.raw_path)
        return socket


@dataclass
class World:
    """A gate on a free port, with a page behind its socket."""

    port: int
    state: State
    page: Page

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    thread, page, state = LoopThread(), Page(), State(up=True)
    gate = Gate(free_port(), state, "./page.sock")
    with ExitStack() as ends:
        ends.callback(thread.stop)
        stops = [
            thread.call(serve(page.app(), lambda runner: web.UnixSite(runner, "./page.sock"))),
            thread.call(serve(gate.app(), lambda runner: web.TCPSite(runner, "127.0.0.1", gate.port))),
        ]
        for stop in stops:
            ends.callback(lambda work=stop: thread.call(work()))  # type: ignore[misc]
        yield World(gate.port, state, page)


def ask(world: World, method: str, path: str, **options: Any) -> tuple[int, bytes, CIMultiDictProxy[str]]:
    """Status, body and headers of one request."""

    async def go() -> Any:
        jar = aiohttp.DummyCookieJar()
        async with (
            aiohttp.ClientSession(cookie_jar=jar) as session,
            session.request(method, world.url + path, allow_redirects=False, **options) as reply,
        ):
            return reply.status, await reply.read(), reply.headers

    return asyncio.run(go())  # type: ignore[no-any-return]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_a_request_arrives_as_it_was_sent(world: World, method: str) -> None:
    headers = {"Authorization": "Bearer jwt", "X-Own": "1"}
    status, body, _ = ask(world, method, "/api/a%2Fb?q=a%20b", headers=headers)
    arrived = json.loads(body)
    assert (status, arrived["method"], arrived["path"]) == (201, method, "/api/a%2Fb?q=a%20b")
    assert headers.items() <= arrived["headers"].items()
    assert arrived["headers"]["Host"] == f"127.0.0.1:{world.port}"


def test_nothing_is_added_to_it(world: World) -> None:
    """Who asked for no compression gets none."""
    connection = http.client.HTTPConnection("127.0.0.1", world.port, timeout=20)
    connection.putrequest("POST", "/api", skip_accept_encoding=True)
    connection.putheader("Content-Length", "2")
    connection.endheaders(b"{}")
    arrived = json.loads(connection.getresponse().read())
    connection.close()
    assert (set(arrived["headers"]), arrived["size"]) == ({"Host", "Content-Length"}, 2)


def test_a_large_upload_passes(world: World) -> None:
    assert json.loads(ask(world, "POST", "/files", data=BIG)[1])["size"] == len(BIG)


def test_cookies_redirects_and_the_policy_reach_the_browser(world: World) -> None:
    status, _, headers = ask(world, "GET", "/login")
    assert (status, headers["Location"], headers["Content-Security-Policy"]) == (302, "/home", "default-src x")
    assert [cookie.split(";")[0] for cookie in headers.getall("Set-Cookie")] == [
        f"dbx-{world.port}-one=1",
        f"dbx-{world.port}-two=2",
    ]


def test_of_a_browsers_cookies_the_box_gets_its_own_and_no_others(world: World) -> None:
    """A browser sends to each port of this laptop what any of them has set: Jupyter's, or another box's login."""
    mark = f"dbx-{world.port}-"
    sent = f"username-127-0-0-1-8888=jupyter; {mark}token=jwt; token=of-another; dbx-1-token=b; {mark}two=a=b"
    ask(world, "GET", "/api", headers={"Cookie": sent})
    assert world.page.asked[-1]["headers"]["Cookie"] == "token=jwt; two=a=b"
    ask(world, "GET", "/api", headers={"Cookie": "token=of-another"})
    assert "Cookie" not in world.page.asked[-1]["headers"]


def test_no_cookie_of_one_browser_is_sent_for_another(world: World) -> None:
    ask(world, "GET", "/login")
    ask(world, "GET", "/api")
    assert "Cookie" not in world.page.asked[-1]["headers"]


def test_an_answer_that_breaks_off_breaks_off_here_too(world: World) -> None:
    with pytest.raises(aiohttp.ClientError):
        ask(world, "GET", "/broken")


@pytest.mark.parametrize("upgrade", [False, True], ids=["page", "websocket"])
@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example"}, {"Host": "evil.example:{port}"}, {"Origin": "http://evil.example"}, {"Origin": "null"}],
    ids=str,
)
def test_who_calls_it_by_another_name_or_from_another_page_is_refused(
    world: World, headers: dict[str, str], upgrade: bool
) -> None:
    sent = {name: text.format(port=world.port) for name, text in headers.items()}
    sent |= {"Upgrade": "websocket", "Connection": "Upgrade"} if upgrade else {}
    assert ask(world, "GET", "/ws" if upgrade else "/api", headers=sent)[0] == 403
    assert world.page.asked == []


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_its_own_page_may_ask_it(world: World, name: str) -> None:
    here = f"{name}:{world.port}"
    assert ask(world, "POST", "/api", headers={"Host": here, "Origin": f"http://{here}"})[0] == 201


def test_while_ssh_is_down_it_says_so_and_the_browser_comes_back(world: World) -> None:
    world.state.up, world.state.word = False, "ssh was ended by SIGKILL"
    status, body, headers = ask(world, "GET", "/")
    assert status == 503 and b"ssh was ended by SIGKILL" in body
    assert headers["Refresh"] == "2"


def test_while_nothing_answers_behind_the_tunnel_it_names_the_command(world: World) -> None:
    Path("page.sock").unlink()
    status, body, _ = ask(world, "GET", "/")
    assert status == 503 and b"fab webui" in body


def test_websockets_pass_in_both_directions_with_cookie_and_protocol(world: World) -> None:
    async def go() -> tuple[str, bytes, bytes]:
        async with (
            aiohttp.ClientSession(headers={"Cookie": f"a=b; dbx-{world.port}-token=jwt"}) as session,
            session.ws_connect(f"{world.url}/ws?EIO=4", protocols=["chat"], max_msg_size=0) as socket,
        ):
            await socket.send_str("hello")
            told = await socket.receive_str(timeout=10)
            await socket.send_bytes(b"abc")
            small = await socket.receive_bytes(timeout=10)
            await socket.send_bytes(BIG)
            return told, small, await socket.receive_bytes(timeout=10)

    told, small, big = asyncio.run(go())
    assert (told, small, len(big)) == ("hello to token=jwt over chat", b"cba", len(BIG))


def test_a_websocket_that_the_page_ends_is_ended_for_the_browser(world: World) -> None:
    async def go() -> aiohttp.WSMsgType:
        async with (
            aiohttp.ClientSession(headers={"Cookie": "a=b"}) as session,
            session.ws_connect(f"{world.url}/ws") as socket,
        ):
            await socket.send_str("bye")
            return (await socket.receive(timeout=10)).type

    assert asyncio.run(go()) == aiohttp.WSMsgType.CLOSE


def test_a_websocket_that_the_page_refuses_is_refused_and_not_told_to_wait(world: World) -> None:
    headers = {"Upgrade": "websocket", "Connection": "Upgrade"}
    status, body, told = ask(world, "GET", "/refused", headers=headers)
    assert (status, b"does not answer" in body, "Refresh" in told) == (403, False, False)


def test_a_browser_that_goes_away_takes_its_websocket_with_it(world: World) -> None:
    async def go() -> None:
        async with aiohttp.ClientSession(headers={"Cookie": "a=b"}) as session:
            socket = await session.ws_connect(f"{world.url}/ws?gone")
            await socket.close()
        for _ in range(500):
            if world.page.closed:
                return
            await asyncio.sleep(0.02)

    asyncio.run(go())
    assert world.page.closed == ["/ws?gone"]


def test_a_header_that_comes_twice_passes_twice_and_what_is_of_the_connection_not_at_all() -> None:
    found = passed(CIMultiDict([("Set-Cookie", "a"), ("Set-Cookie", "b"), ("Transfer-Encoding", "chunked")]))
    assert list(found.items()) == [("Set-Cookie", "a"), ("Set-Cookie", "b")]
