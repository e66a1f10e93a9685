"""The gateway with a real upstream on a Unix socket and a real client."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from playbooks.gateway_models import merged
from playbooks.usage import Used, read_rows, sums
from stacks.places import write_private
from tests.playbooks.fake_box import (
    ARCHITECT,
    ARCHITECT_WINDOW,
    BOX_KEY,
    CLIENT_KEY,
    PIECES,
    SERVED,
    WINDOW,
    GatewayWorld,
    eventually,
    gateway_world,
)

KEYED = {"Authorization": f"Bearer {CLIENT_KEY}"}
CHAT = "/v1/chat/completions"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[GatewayWorld]:
    with gateway_world(tmp_path) as running:
        yield running


@asynccontextmanager
async def chat(world: GatewayWorld, *, stream: bool) -> AsyncIterator[aiohttp.ClientResponse]:
    """The answer to a chat request, its body still to come."""
    async with (
        aiohttp.ClientSession(headers=KEYED) as session,
        session.post(world.url + CHAT, json={"stream": stream}) as reply,
    ):
        yield reply


def ask(world: GatewayWorld, method: str, path: str, **options: Any) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Status, JSON and headers of one request."""

    async def go() -> tuple[int, dict[str, Any], dict[str, str]]:
        async with aiohttp.ClientSession() as session, session.request(method, world.url + path, **options) as reply:
            return reply.status, json.loads(await reply.read()), dict(reply.headers)

    return asyncio.run(go())


def counted(world: GatewayWorld, client: str = "aider") -> Used:
    """What the client used, once anything was counted: a client has its answer a moment before."""
    assert asyncio.run(eventually(lambda: client in world.usage.by_client))
    return world.usage.by_client[client]


def test_a_completion_comes_back_through_the_gateway(world: GatewayWorld) -> None:
    status, answer, _ = ask(world, "POST", CHAT, headers=KEYED, json={"model": "coder"})
    assert (status, answer["choices"][0]["message"]["content"]) == (200, "ok")


def test_the_box_sees_its_own_key_and_never_the_clients(world: GatewayWorld) -> None:
    ask(world, "POST", CHAT, headers=KEYED | {"Cookie": "a=b"}, json={"model": "coder"})
    assert world.box.asked[0]["headers"]["Authorization"] == f"Bearer {BOX_KEY}"
    assert CLIENT_KEY not in json.dumps(world.box.asked)
    assert "Cookie" not in world.box.asked[0]["headers"]


def test_the_window_is_read_from_the_box(world: GatewayWorld) -> None:
    assert ask(world, "GET", "/v1/models", headers=KEYED)[1]["data"][0]["max_model_len"] == WINDOW


def test_the_anthropic_key_header_is_as_good_and_the_query_travels(world: GatewayWorld) -> None:
    assert ask(world, "POST", "/v1/messages?beta=true", headers={"x-api-key": CLIENT_KEY}, json={})[0] == 200


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"x-api-key": BOX_KEY}, {"x-api-key": "ä"}])
def test_without_a_client_key_nothing_reaches_the_box(world: GatewayWorld, headers: dict[str, str]) -> None:
    status, answer, _ = ask(world, "POST", CHAT, headers=headers, json={"model": "coder"})
    assert (status, answer["error"]["type"]) == (401, "wrong_key")
    assert world.box.asked == []


@pytest.mark.parametrize("path", ["/metrics", "/invocations", "/tokenize", "/pause"])
def test_the_unguarded_paths_of_vllm_are_not_reachable(world: GatewayWorld, path: str) -> None:
    assert ask(world, "POST", path, headers=KEYED, json={})[0] == 404
    assert world.box.asked == []


@pytest.mark.parametrize(
    ("host", "tcp", "socket"),
    [
        ("127.0.0.1:4321", 403, 200),
        ("localhost:4321", 403, 200),
        ("evil.example:4321", 403, 403),
        ("127.0.0.1", 403, 403),
    ],
)
def test_a_launchers_own_port_of_loopback_is_good_at_the_socket_and_nowhere_else(
    world: GatewayWorld, host: str, tcp: int, socket: int
) -> None:
    """The port that `seal.guard` holds: a web page that finds it comes with another Host, or with an Origin."""

    async def status(way: aiohttp.BaseConnector | None) -> int:
        headers = {**KEYED, "Host": host}
        async with (
            aiohttp.ClientSession(connector=way) as session,
            session.get(f"{world.url}/v1/models", headers=headers) as reply,
        ):
            return reply.status

    async def both() -> tuple[int, int]:
        return await status(None), await status(aiohttp.UnixConnector(str(world.socket)))

    assert asyncio.run(both()) == (tcp, socket)


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}])
def test_a_web_page_gets_nothing_even_with_the_key(world: GatewayWorld, headers: dict[str, str]) -> None:
    assert ask(world, "POST", CHAT, headers=KEYED | headers, json={"model": "coder"})[0] == 403
    assert world.box.asked == []


def test_while_the_tunnel_is_down_the_answer_is_503_and_says_since_when(world: GatewayWorld) -> None:
    world.state.up, world.state.word, world.state.since = False, "Connection refused", 0.0
    status, answer, headers = ask(world, "POST", CHAT, headers=KEYED, json={"model": "coder"})
    assert (status, headers["Retry-After"]) == (503, "2")
    assert answer["error"]["message"] == (
        "daybox/tunnel: down since 1970-01-01T00:00:00Z: Connection refused;"
        " it comes back by itself: `fab tunnel.status`"
    )
    assert world.box.asked == []


@pytest.mark.parametrize("ended", [False, True])
def test_while_a_box_is_gone_that_deleted_itself_the_answer_says_why(world: GatewayWorld, ended: bool) -> None:
    world.state.up, world.state.word, world.state.since = False, "Connection refused", 0.0
    world.state.last_words, world.state.ended = "idle for 30 min", ended
    assert ask(world, "POST", CHAT, headers=KEYED, json={})[1]["error"]["message"] == (
        "daybox/tunnel: down since 1970-01-01T00:00:00Z: Connection refused; the box's last words: idle for 30 min;"
        " `fab tunnel.close`"
    )


def test_a_silent_box_behind_a_living_tunnel_is_503_too(tmp_path: Path) -> None:
    with gateway_world(tmp_path) as world:
        (tmp_path / "vllm.sock").unlink()
        status, answer, _ = ask(world, "POST", CHAT, headers=KEYED, json={"model": "coder"})
    assert (status, answer["error"]["type"]) == (503, "box_silent")


def test_a_key_that_the_box_does_not_know_is_our_fault_and_not_the_clients(world: GatewayWorld) -> None:
    world.box.key = "another"
    status, answer, _ = ask(world, "POST", CHAT, headers=KEYED, json={"model": "coder"})
    assert (status, answer["error"]["type"]) == (503, "box_key")


def test_anybody_on_this_laptop_may_ask_how_the_tunnel_is(world: GatewayWorld) -> None:
    assert ask(world, "GET", "/daybox")[1] | {"since": ""} == {
        "stack": "s",
        "lease": "lease-1",
        "instance_id": 12345678,
        "up": True,
        "since": "",
        "word": "open",
        "ended": False,
    }


def test_the_first_piece_of_a_stream_arrives_before_the_last_is_sent(world: GatewayWorld) -> None:
    world.box.next_piece.clear()

    async def go() -> tuple[bytes, bool, bytes]:
        async with chat(world, stream=True) as reply:
            first = await asyncio.wait_for(reply.content.readany(), 5)
            sent_all = world.box.next_piece.is_set()
            world.box.next_piece.set()
            return first, sent_all, await reply.content.read()

    first, sent_all, rest = asyncio.run(go())
    assert first.count(b"data:") == 1
    assert not sent_all
    assert rest.count(b"data:") == PIECES - 1 + 2
    assert rest.endswith(b"data: [DONE]\n\n")


def test_no_web_page_may_read_a_stream(world: GatewayWorld) -> None:
    async def headers() -> list[str]:
        async with chat(world, stream=True) as reply:
            return [name.lower() for name in reply.headers]

    assert not [name for name in asyncio.run(headers()) if name.startswith("access-control")]


def test_a_large_prompt_streams_through(world: GatewayWorld) -> None:
    prompt = "x" * 5_000_000
    assert ask(world, "POST", CHAT, headers=KEYED, json={"prompt": prompt})[0] == 200
    assert len(world.box.asked[0]["body"]["prompt"]) == len(prompt)


def test_a_client_that_goes_away_takes_its_request_with_it(world: GatewayWorld) -> None:
    world.box.next_piece.clear()

    async def go() -> bool:
        async with chat(world, stream=True) as reply:
            await reply.content.readany()
        return await eventually(lambda: world.box.aborted == 1)

    assert asyncio.run(go())


def test_a_stream_that_breaks_off_does_not_look_whole(world: GatewayWorld) -> None:
    world.box.die_after = 2
    with pytest.raises(aiohttp.ClientPayloadError):
        ask(world, "POST", CHAT, headers=KEYED, json={"stream": True})
    assert counted(world) == Used(requests=1, failed=1)


@pytest.mark.parametrize("stream", [False, True])
def test_tokens_are_counted_for_the_client(world: GatewayWorld, stream: bool) -> None:
    async def go() -> None:
        async with chat(world, stream=stream) as reply:
            await reply.read()

    asyncio.run(go())
    assert replace(counted(world), milliseconds=0) == Used(requests=1, prompt_tokens=11, completion_tokens=7)


def test_a_client_that_asks_what_its_stream_cost_is_told(world: GatewayWorld) -> None:
    async def go() -> bytes:
        options = {"stream": True, "stream_options": {"include_usage": True}}
        async with aiohttp.ClientSession(headers=KEYED) as session, session.post(world.url + CHAT, json=options) as one:
            return await one.read()

    assert b'"choices": [], "usage"' in asyncio.run(go())


def test_a_client_that_does_not_ask_is_not_told_and_counted_all_the_same(world: GatewayWorld) -> None:
    """Not every client can read an event without a choice."""

    async def go() -> bytes:
        async with chat(world, stream=True) as reply:
            return await reply.read()

    assert b"usage" not in asyncio.run(go())
    assert world.box.asked[0]["body"]["stream_options"]["include_usage"]
    assert counted(world).completion_tokens == 7


def test_a_client_reads_its_own_usage(world: GatewayWorld) -> None:
    ask(world, "POST", CHAT, headers=KEYED, json={})
    counted(world)
    assert ask(world, "GET", "/daybox/usage")[0] == 401
    usage = Used(**ask(world, "GET", "/daybox/usage", headers=KEYED)[1])
    assert (usage.requests, usage.failed, usage.prompt_tokens) == (1, 0, 11)
    assert sums(read_rows(world.folder))["aider"] == usage, "whoever asks finds it in the file, too"


def test_work_that_finds_the_tunnel_down_is_refused_and_no_request(world: GatewayWorld) -> None:
    world.state.up = False
    ask(world, "POST", CHAT, headers=KEYED, json={})
    ask(world, "GET", "/v1/models", headers=KEYED)
    assert world.usage.by_client == {"aider": Used(refused=2, down=1)}


@pytest.mark.parametrize(
    ("method", "path", "headers", "client"),
    [
        ("POST", CHAT, {"x-api-key": "wrong"}, ""),
        ("POST", CHAT, {}, ""),
        ("POST", "/metrics", {}, ""),
        ("POST", "/metrics", KEYED, "aider"),
        ("DELETE", CHAT, KEYED, "aider"),
        ("POST", CHAT, {"Origin": "https://evil.example", **KEYED}, "aider"),
    ],
)
def test_what_is_refused_is_no_work_and_is_whose_key_it_shows(
    world: GatewayWorld, method: str, path: str, headers: dict[str, str], client: str
) -> None:
    ask(world, method, path, headers=headers, json={})
    assert world.usage.by_client == {client: Used(refused=1)}


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/models"), ("POST", "/v1/messages/count_tokens")])
def test_what_computes_nothing_is_no_work(world: GatewayWorld, method: str, path: str) -> None:
    assert ask(world, method, path, headers=KEYED, json={})[0] == 200
    assert world.usage.by_client == {}


def test_a_client_that_gives_up_is_neither_answered_nor_failed(world: GatewayWorld) -> None:
    world.box.next_piece.clear()

    async def go() -> None:
        async with chat(world, stream=True) as reply:
            await reply.content.readany()

    asyncio.run(go())
    assert counted(world) == Used(requests=1, left=1)


def test_a_revoked_key_is_refused_at_once(world: GatewayWorld) -> None:
    assert ask(world, "GET", "/v1/models", headers=KEYED)[0] == 200
    write_private(world.folder / "keys.json", "{}")
    assert ask(world, "GET", "/v1/models", headers=KEYED)[0] == 401


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[GatewayWorld]:
    with gateway_world(tmp_path, architect=True) as running:
        yield running


@pytest.mark.parametrize("path", [CHAT, "/v1/messages", "/v1/responses", "/v1/messages/count_tokens"])
def test_what_names_the_architect_goes_to_it_and_all_else_to_the_other(pair: GatewayWorld, path: str) -> None:
    for model in (ARCHITECT, SERVED, "another"):
        assert ask(pair, "POST", path, headers=KEYED, json={"model": model})[0] == 200
    assert [one["body"]["model"] for one in pair.architect.asked] == [ARCHITECT]
    assert [one["body"]["model"] for one in pair.box.asked] == [SERVED, "another"]
    assert pair.architect.asked[0]["headers"]["Authorization"] == f"Bearer {BOX_KEY}"


def test_a_stream_of_the_architect_is_counted_as_its_own(pair: GatewayWorld) -> None:
    async def go() -> None:
        body = {"model": ARCHITECT, "stream": True}
        async with aiohttp.ClientSession(headers=KEYED) as session, session.post(pair.url + CHAT, json=body) as reply:
            await reply.read()

    asyncio.run(go())
    counted(pair)
    pair.usage.save()
    [row] = read_rows(pair.folder)
    assert (row.client, row.architect, row.used.prompt_tokens) == ("aider", True, 11)


def test_both_models_are_in_one_list_each_with_its_own_window(pair: GatewayWorld) -> None:
    rows = ask(pair, "GET", "/v1/models", headers=KEYED)[1]["data"]
    found = {row["id"]: row["max_model_len"] for row in rows}
    assert found == {SERVED: WINDOW, f"{SERVED}-commit": WINDOW, ARCHITECT: ARCHITECT_WINDOW}


@pytest.mark.parametrize(
    ("socket", "silent", "living"), [("architect.sock", ARCHITECT, SERVED), ("vllm.sock", SERVED, ARCHITECT)]
)
def test_if_one_of_two_is_down_the_other_works_on(pair: GatewayWorld, socket: str, silent: str, living: str) -> None:
    (pair.folder / socket).unlink()
    assert living in [row["id"] for row in ask(pair, "GET", "/v1/models", headers=KEYED)[1]["data"]]
    assert ask(pair, "POST", CHAT, headers=KEYED, json={"model": living})[0] == 200
    status, answer, _ = ask(pair, "POST", CHAT, headers=KEYED, json={"model": silent})
    who = f"the architect's vLLM ({ARCHITECT})" if silent == ARCHITECT else "vLLM"
    assert (status, answer["error"]["type"]) == (503, "box_silent")
    assert answer["error"]["message"].startswith(f"daybox/box: the tunnel is up, but {who} does not answer (")


def test_if_both_are_down_there_is_no_list(pair: GatewayWorld) -> None:
    for socket in ("architect.sock", "vllm.sock"):
        (pair.folder / socket).unlink()
    status, answer, _ = ask(pair, "GET", "/v1/models", headers=KEYED)
    assert (status, answer["error"]["type"]) == (503, "box_silent")


def test_a_new_client_needs_no_restart(world: GatewayWorld) -> None:
    fresh = world.folder / "fresh"
    fresh.write_text(json.dumps({"aider": CLIENT_KEY, "llm": "dbx-new"}))
    fresh.replace(world.folder / "keys.json")
    assert ask(world, "GET", "/v1/models", headers={"x-api-key": "dbx-new"})[0] == 200


@pytest.mark.parametrize("status", [301, 302, 303, 304, 307, 308])
def test_a_box_that_leads_elsewhere_is_followed_by_nobody(world: GatewayWorld, status: int) -> None:
    """A client would send its whole prompt again, to there."""
    away = {"Location": "http://elsewhere.example/v1/chat/completions", "Refresh": "0;url=http://elsewhere.example"}

    async def led(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=status, headers=away)

    world.box.instead = led
    got, answer, headers = ask(world, "POST", CHAT, headers=KEYED, json={"model": "m"}, allow_redirects=False)
    assert (got, answer["error"]["type"], counted(world).failed) == (502, "box_redirects", 1)
    assert "elsewhere" not in str(headers)


def test_more_than_a_hundred_streams_run_at_once(world: GatewayWorld) -> None:
    world.box.next_piece.clear()

    async def begun() -> bool:
        everywhere = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(headers=KEYED, connector=everywhere) as session:
            asking = [asyncio.create_task(session.post(world.url + CHAT, json={"stream": True})) for _ in range(110)]
            found = await eventually(lambda: len(world.box.asked) == 110, 5)
            world.box.next_piece.set()
            for reply in await asyncio.gather(*asking):
                reply.close()
            return found

    assert asyncio.run(begun())


def test_if_neither_of_two_has_a_list_it_is_not_the_tunnel_that_is_blamed(pair: GatewayWorld) -> None:
    async def ill(_request: web.Request) -> web.Response:
        return web.json_response({"error": "x"}, status=500)

    pair.box.instead = pair.architect.instead = ill
    status, answer, _ = ask(pair, "GET", "/v1/models", headers=KEYED)
    assert (status, answer["error"]["type"]) == (503, "box_silent")
    assert "(HTTP 500)" in answer["error"]["message"]


def test_a_list_too_deep_to_read_is_an_empty_one() -> None:
    assert merged([b"[" * 99_999])["data"] == []
