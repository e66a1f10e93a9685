"""The gateway's checks as they hold on the wire: whatever bytes a program sends, only the API's paths reach the box."""

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from playbooks.gateway_checks import API_PATHS
from tests.playbooks.fake_box import CLIENT_KEY, GatewayWorld, gateway_world

CHAT = "/v1/chat/completions"
BODY = b'{"model": "coder"}'
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
SECONDS = 2.0


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayWorld]:
    """One gateway for all: none of this changes it."""
    with gateway_world(tmp_path_factory.mktemp("w")) as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(world: GatewayWorld) -> None:
    world.box.asked.clear()


def say(world: GatewayWorld, text: bytes) -> bytes:
    """What comes back until the gateway hangs up."""
    with socket.create_connection(("127.0.0.1", world.port), timeout=SECONDS) as connection:
        return spoken(connection, text)


def spoken(connection: socket.socket, text: bytes) -> bytes:
    """Who stops talking would be taken for gone, so the connection stays open until the gateway is done with it."""
    found = b""
    with suppress(ConnectionError, TimeoutError):
        connection.sendall(text)
        while piece := connection.recv(65536):
            found += piece
    return found


def request(
    world: GatewayWorld,
    method: str = "POST",
    target: str = CHAT,
    *more: str,
    body: bytes = BODY,
    version: str = "1.1",
    host: str | None = None,
) -> bytes:
    """A request that would pass, but for what the test changes."""
    hosts = [f"Host: {host if host is not None else f'127.0.0.1:{world.port}'}"]
    sized = (
        []
        if any(line.lower().startswith(("transfer-encoding", "content-length")) for line in more)
        else [f"Content-Length: {len(body)}"]
    )
    head = [f"{method} {target} HTTP/{version}", *hosts, f"Authorization: Bearer {CLIENT_KEY}", *sized, *more]
    return "\r\n".join([*head, "Connection: close", "", ""]).encode("latin-1") + body


def statuses(answer: bytes) -> list[int]:
    return [int(status) for status in STATUS.findall(answer)]


def test_the_request_that_the_others_are_changed_from_passes(world: GatewayWorld) -> None:
    assert statuses(say(world, request(world))) == [200]
    assert world.box.asked[0]["path"] == CHAT


@pytest.mark.parametrize(
    "target",
    [
        "//v1/chat/completions",
        "/v1//chat/completions",
        "/v1/./chat/completions",
        "/v1/models/../chat/completions",
        "/v1/%63hat/completions",
        "/v1%2fchat/completions",
        "/%2e%2e/v1/chat/completions",
        "/v1/chat/completions/",
        "/v1/chat/completions;x",
        "/v1/chat/completions%00",
        "/v1/chat/completions%3fx",
        "/V1/chat/completions",
        "/v1/chat/completions%20",
        "/metrics",
        "/invocations",
        "/v1/chat/completions/../../../metrics",
        "*",
        "http://127.0.0.1:{port}/v1/chat/completions",
        "http://evil.example/v1/chat/completions",
        "https://127.0.0.1:{port}/v1/chat/completions",
        "\\v1\\chat\\completions",
    ],
)
def test_no_other_way_to_write_a_path_reaches_the_box(world: GatewayWorld, target: str) -> None:
    answer = say(world, request(world, target=target.format(port=world.port)))
    assert statuses(answer) in ([404], [400])
    assert world.box.asked == []


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40),
    st.sampled_from(["", CHAT, "/v1/"]),
)
def test_what_reaches_the_box_is_literally_a_path_of_the_api(world: GatewayWorld, text: str, before: str) -> None:
    world.box.asked.clear()
    answer = say(world, request(world, target=before + text))
    literally = (before + text).partition("?")[0] in API_PATHS
    assert literally or (world.box.asked == [] and statuses(answer) in ([404], [400], [405]))


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "post", "PRI", "X"])
def test_no_other_method_reaches_the_box(world: GatewayWorld, method: str) -> None:
    assert statuses(say(world, request(world, method, body=b""))) in ([405], [400])
    assert world.box.asked == []


@pytest.mark.parametrize("target", ["evil.example:443", "127.0.0.1:22", CHAT])
def test_the_gateway_is_no_proxy(world: GatewayWorld, target: str) -> None:
    answer = say(world, request(world, "CONNECT", target, body=b""))
    assert statuses(answer) in ([400], [404], [405])
    assert world.box.asked == []


@pytest.mark.parametrize("upgrade", ["websocket", "h2c"])
def test_no_connection_changes_its_protocol(world: GatewayWorld, upgrade: str) -> None:
    """What follows is no tunnel to vLLM: one request is answered as any other, or refused."""
    more = (f"Upgrade: {upgrade}", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13")
    answer = say(world, request(world, "GET", "/v1/models", "Connection: Upgrade", *more, body=b""))
    assert 101 not in statuses(answer) and b"101" not in answer[:20]
    assert all("Upgrade" not in one["headers"] for one in world.box.asked)


@pytest.mark.parametrize("host", ["", "evil.example", "127.0.0.1", "127.0.0.1:1", "127.0.0.1:{port}@evil.example"])
def test_a_foreign_host_is_refused_on_the_wire_too(world: GatewayWorld, host: str) -> None:
    assert statuses(say(world, request(world, host=host.format(port=world.port)))) in ([403], [400])
    assert world.box.asked == []


def test_without_a_host_nothing_passes_even_where_http_allows_it(world: GatewayWorld) -> None:
    text = request(world, version="1.0").replace(f"Host: 127.0.0.1:{world.port}\r\n".encode(), b"")
    assert statuses(say(world, text)) == [403]
    assert world.box.asked == []


@pytest.mark.parametrize("second", ["evil.example", "127.0.0.1:{port}"])
@pytest.mark.parametrize("first", [True, False])
def test_of_two_hosts_none_is_believed(world: GatewayWorld, second: str, first: bool) -> None:
    line = f"Host: {second.format(port=world.port)}\r\n".encode()
    text = request(world)
    text = (
        text.replace(b"Host:", line + b"Host:", 1)
        if first
        else text.replace(b"Authorization", line + b"Authorization", 1)
    )
    assert statuses(say(world, text)) in ([403], [400])
    assert world.box.asked == []


@pytest.mark.parametrize(
    "more",
    [
        ("Content-Length: 18", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Content-Length: 18"),
        ("Content-Length: 18", "Content-Length: 19"),
        ("Content-Length: -1",),
        ("Content-Length: +18",),
        ("Content-Length: 18, 18",),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding: identity, chunked, identity",),
        ("Transfer-Encoding : chunked",),
        ("X: y\r\n folded",),
    ],
)
def test_a_body_with_two_lengths_smuggles_nothing(world: GatewayWorld, more: tuple[str, ...]) -> None:
    """A second request that hides in the body of the first would have passed no check."""
    hidden = request(world, "POST", "/invocations")
    answer = say(world, request(world, "POST", CHAT, *more, body=b"0\r\n\r\n" + hidden))
    assert [one["path"] for one in world.box.asked if one["path"] != CHAT] == []
    assert statuses(answer)[:1] != [200]


def test_requests_that_come_at_once_are_each_checked(world: GatewayWorld) -> None:
    """And answered in their order."""
    one, other = request(world), request(world, target="/invocations")
    keep = [text.replace(b"Connection: close", b"Connection: keep-alive") for text in (one, other, one)]
    assert statuses(say(world, b"".join(keep))) == [200, 404, 200]
    assert [one["path"] for one in world.box.asked] == [CHAT, CHAT]


@pytest.mark.parametrize("size", [9_000, 100_000, 5_000_000])
def test_a_huge_header_ends_the_connection_and_not_the_gateway(world: GatewayWorld, size: int) -> None:
    assert statuses(say(world, request(world, "POST", CHAT, f"X: {'y' * size}"))) in ([400], [431], [])
    assert world.box.asked == []
    assert statuses(say(world, request(world))) == [200]


@pytest.mark.parametrize(
    "text", [b"", b"\x00", b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"SSH-2.0-x\r\n", b"\r\n" * 50]
)
def test_what_is_no_http_reaches_nobody(world: GatewayWorld, text: bytes) -> None:
    assert set(statuses(say(world, text))) <= {400}
    assert world.box.asked == []


def test_a_body_in_chunks_travels_whole(world: GatewayWorld) -> None:
    body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
    assert statuses(say(world, request(world, "POST", CHAT, "Transfer-Encoding: chunked", body=body))) == [200]
    assert world.box.asked[0]["body"] == json.loads(BODY)


def test_no_header_of_a_proxy_or_of_a_browser_travels(world: GatewayWorld) -> None:
    more = ("X-Forwarded-For: a", "Forwarded: for=a", "Cookie: a", "Referer: a", "Proxy-Authorization: a", "Via: a")
    say(world, request(world, "POST", CHAT, *more))
    assert {name.lower() for name in world.box.asked[0]["headers"]} <= {
        *("accept", "accept-encoding", "authorization", "content-length", "content-type", "host", "user-agent"),
    }


def through_the_socket(world: GatewayWorld, text: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(SECONDS)
        connection.connect(str(world.socket))
        return spoken(connection, text)


def test_the_unix_socket_is_the_same_gateway(world: GatewayWorld) -> None:
    assert statuses(through_the_socket(world, request(world))) == [200]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda text: text.replace(b"127.0.0.1", b"evil.example", 1), 403),
        (lambda text: text.replace(b"127.0.0.1:", b"127.0.0.1:" + b"9" * 5000, 1), 403),
        (lambda text: text.replace(CLIENT_KEY.encode(), b"wrong"), 401),
        (lambda text: text.replace(CHAT.encode(), b"/metrics"), 404),
        (lambda text: text.replace(b"Connection:", b"Origin: http://evil.example\r\nConnection:"), 403),
    ],
    ids=["host", "port", "key", "path", "origin"],
)
def test_the_unix_socket_has_the_same_checks(
    world: GatewayWorld, change: Callable[[bytes], bytes], status: int
) -> None:
    assert statuses(through_the_socket(world, change(request(world)))) == [status]
    assert world.box.asked == []


def test_nobody_else_may_open_the_unix_socket(world: GatewayWorld) -> None:
    assert world.socket.stat().st_mode & 0o777 == 0o600


def test_a_body_larger_than_any_window_is_refused_and_not_kept(world: GatewayWorld) -> None:
    text = request(world, "POST", CHAT, f"Content-Length: {65 * 2**20}", body=b"x" * 2**20)
    assert statuses(say(world, text)) in ([413], [])
    assert world.box.asked == []


def test_paths_are_compared_as_they_are_written(tmp_path: Path) -> None:
    assert all(path == path.lower() and "%" not in path and "//" not in path for path in API_PATHS)


def test_a_key_that_is_taken_away_while_a_body_comes_opens_nothing(tmp_path: Path) -> None:
    with gateway_world(tmp_path) as world:
        whole, keys = request(world), tmp_path / "keys.json"
        with socket.create_connection(("127.0.0.1", world.port), timeout=SECONDS) as connection:
            connection.sendall(whole[:-5])
            time.sleep(0.2)  # the head was read, and the key was good
            keys.with_name("fresh").write_text("{}")
            keys.with_name("fresh").replace(keys)
            assert statuses(spoken(connection, whole[-5:])) == [401]
        assert world.box.asked == []


def test_with_a_damaged_list_of_keys_nobody_gets_in_and_the_gateway_answers(tmp_path: Path) -> None:
    with gateway_world(tmp_path) as world:
        (tmp_path / "fresh").write_text("{bad")
        (tmp_path / "fresh").replace(tmp_path / "keys.json")
        assert statuses(say(world, request(world))) == [401]
        assert statuses(say(world, request(world, "GET", "/daybox", body=b""))) == [200]


@pytest.mark.parametrize("body", ['{"model": "coder"}'.encode("utf-16"), b'{"model": "\xff"}'], ids=["16", "none"])
def test_a_body_in_no_utf8_is_refused_before_it_reaches_a_model(world: GatewayWorld, body: bytes) -> None:
    assert statuses(say(world, request(world, body=body))) == [400]
    assert world.box.asked == []
