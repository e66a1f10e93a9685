"""What the gateway lets pass: each check by itself, no socket."""

import pytest

from playbooks.gateway_checks import (
    API_PATHS,
    error_body,
    is_ours,
    is_work,
    presented_key,
    refusal,
    request_headers,
    response_headers,
)

PORT = 18_001
HOST = f"127.0.0.1:{PORT}"


@pytest.mark.parametrize(("path", "method"), API_PATHS.items())
def test_each_path_of_the_api_passes_with_its_own_method(path: str, method: str) -> None:
    assert refusal(method, path, HOST, None, PORT) is None


@pytest.mark.parametrize("path", ["/daybox", "/daybox/usage"])
def test_our_own_paths_pass(path: str) -> None:
    assert refusal("GET", path, HOST, None, PORT) is None


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/metrics",
        "/health",
        "/invocations",
        "/tokenize",
        "/detokenize",
        "/pause",
        "/resume",
        "/abort_requests",
        "/sleep",
        "/v1/load_lora_adapter",
        "/v1/models/../../metrics",
        "/v1/%2e%2e/metrics",
        "//v1/models",
        "/v1/models/",
        "/V1/models",
        f"http://{HOST}/v1/models",
    ],
)
def test_nothing_but_the_api_passes(path: str) -> None:
    found = refusal("POST", path, HOST, None, PORT)
    assert found is not None
    assert (found.status, found.kind) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/chat/completions"), ("DELETE", "/v1/models"), ("OPTIONS", "/v1/models")]
)
def test_another_method_is_refused(method: str, path: str) -> None:
    found = refusal(method, path, HOST, None, PORT)
    assert found is not None
    assert found.status == 405


@pytest.mark.parametrize("host", [HOST, f"localhost:{PORT}", f"[::1]:{PORT}", f"LOCALHOST:{PORT}"])
def test_each_name_of_loopback_is_a_good_host(host: str) -> None:
    assert refusal("GET", "/v1/models", host, None, PORT) is None


@pytest.mark.parametrize(
    "host",
    [
        "",
        "127.0.0.1",
        "localhost:18002",
        f"evil.example:{PORT}",
        f"127.0.0.1.evil.example:{PORT}",
        f"127.0.0.2:{PORT}",
        f"0.0.0.0:{PORT}",
        f"a@127.0.0.1:{PORT}",
        f"127.0.0.1:{PORT}/x",
        f"127.0.0.1:{PORT}?x",
        "127.0.0.1:port",
    ],
)
def test_a_foreign_host_is_refused_before_its_path_is_looked_at(host: str) -> None:
    found = refusal("GET", "/daybox", host, None, PORT)
    assert found is not None
    assert (found.status, found.kind) == (403, "foreign_host")


@pytest.mark.parametrize(
    "origin",
    ["", "null", "https://evil.example", "http://localhost:3000", f"https://{HOST}", f"http://evil.example:{PORT}"],
)
def test_a_foreign_origin_is_refused(origin: str) -> None:
    found = refusal("GET", "/daybox", HOST, origin, PORT)
    assert found is not None
    assert (found.status, found.kind) == (403, "foreign_origin")


@pytest.mark.parametrize(
    ("method", "path", "work"),
    [
        ("POST", "/v1/chat/completions", True),
        ("POST", "/v1/messages", True),
        ("POST", "/v1/messages/count_tokens", False),
        ("GET", "/v1/models", False),
        ("POST", "/metrics", False),
    ],
)
def test_only_what_computes_is_work(method: str, path: str, work: bool) -> None:
    assert is_work(method, path) == work


def test_our_own_origin_passes() -> None:
    assert is_ours(f"http://localhost:{PORT}", PORT)


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({"Authorization": "Bearer abc"}, "abc"),
        ({"Authorization": "bearer  abc "}, "abc"),
        ({"x-api-key": "abc"}, "abc"),
        ({"Authorization": "Basic abc", "x-api-key": "def"}, "def"),
        ({"Authorization": "Bearer", "x-api-key": "def"}, "def"),
        ({}, ""),
    ],
)
def test_the_key_is_read_from_either_header(headers: dict[str, str], key: str) -> None:
    assert presented_key(headers) == key


def test_only_the_needed_headers_and_the_key_of_the_box_travel() -> None:
    shown = {"Authorization": "Bearer mine", "x-api-key": "mine", "Cookie": "c", "Host": HOST, "Content-Type": "a/b"}
    assert request_headers(shown, "its-own") == {
        "Content-Type": "a/b",
        "Authorization": "Bearer its-own",
        "Accept-Encoding": "identity",
    }


def test_no_web_page_is_allowed_to_read_an_answer() -> None:
    answer = {"Content-Type": "a/b", "Access-Control-Allow-Origin": "*", "Set-Cookie": "c", "Server": "uvicorn"}
    assert response_headers(answer) == {"Content-Type": "a/b"}


def test_no_header_that_leads_elsewhere_reaches_a_client() -> None:
    kept = {"Content-Type": "a/b", "Retry-After": "2", "X-Request-Id": "1", "cache-control": "no-cache"}
    away = {"Location": "http://x", "Refresh": "0;http://x", "Alt-Svc": "h3=x:443", "Link": "<http://x>", "X-New": "x"}
    assert response_headers({**kept, **away}) == kept


def test_an_error_has_the_shape_that_both_kinds_of_clients_read() -> None:
    assert error_body("k", "m", 503) == {"type": "error", "error": {"type": "k", "code": 503, "message": "m"}}
