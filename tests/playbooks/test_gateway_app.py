"""The gateway with a real upstream on a Unix socket and a real client."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from playbooks.usage import Used
from tests.playbooks.fake_box import BOX_KEY, CLIENT_KEY, PIECES, WINDOW, GatewayWorld, eventually, gateway_world

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
    assert world.usage.by_client["aider"].failed == 1


@pytest.mark.parametrize("stream", [False, True])
def test_tokens_are_counted_for_the_client(world: GatewayWorld, stream: bool) -> None:
    async def go() -> None:
        async with chat(world, stream=stream) as reply:
            await reply.read()
        await eventually(lambda: "aider" in world.usage.by_client)

    asyncio.run(go())
    assert world.usage.by_client == {"aider": Used(requests=1, prompt_tokens=11, completion_tokens=7)}


def test_a_client_reads_its_own_usage_and_a_refused_request_counts_as_failed(world: GatewayWorld) -> None:
    world.state.up = False
    ask(world, "POST", CHAT, headers=KEYED, json={})
    assert ask(world, "GET", "/daybox/usage")[0] == 401
    usage = ask(world, "GET", "/daybox/usage", headers=KEYED)[1]
    assert usage == {"requests": 1, "failed": 1, "prompt_tokens": 0, "completion_tokens": 0}


def test_a_new_client_needs_no_restart(world: GatewayWorld) -> None:
    fresh = world.folder / "fresh"
    fresh.write_text(json.dumps({"aider": CLIENT_KEY, "llm": "dbx-new"}))
    fresh.replace(world.folder / "keys.json")
    assert ask(world, "GET", "/v1/models", headers={"x-api-key": "dbx-new"})[0] == 200
