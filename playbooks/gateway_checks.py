"""What the gateway lets pass, as data and pure functions: paths, Host, Origin, key."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

# What clients need and nothing else. vLLM's own key guards only /v1; /invocations, /tokenize, /pause, /abort_requests
# and /metrics stay open to whoever reaches it. Source: vLLM's security guide, read 2026-11-20.
API_PATHS: Mapping[str, str] = {
    "/v1/models": "GET",
    "/v1/chat/completions": "POST",
    "/v1/completions": "POST",
    "/v1/embeddings": "POST",
    "/v1/responses": "POST",  # Codex
    "/v1/messages": "POST",  # Claude Code
    "/v1/messages/count_tokens": "POST",
}
MODELS_PATH = "/v1/models"
COUNT_PATH = "/v1/messages/count_tokens"  # reads a prompt and computes nothing
STATUS_PATH = "/daybox"  # how the tunnel is; for anybody on this laptop
USAGE_PATH = "/daybox/usage"  # what the asking client used
LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})

# The only headers that travel to the box: no cookie and no key of the client is among them.
REQUEST_HEADERS = frozenset(
    {"accept", "anthropic-beta", "anthropic-version", "content-type", "user-agent", "x-request-id"}
)
# What `fab bench --record` does not keep of an answer: of one connection, or not for who reads it later.
HIDDEN_RESPONSE_HEADERS = frozenset(
    {
        "connection",
        "date",
        "keep-alive",
        "proxy-authenticate",
        "server",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
# The only headers of an answer that reach a client: nothing that would lead it elsewhere (Location, Refresh, Alt-Svc,
# Link), set a cookie, or let a web page read answers (CORS).
RESPONSE_HEADERS = frozenset(
    {
        "anthropic-version",
        "cache-control",
        "content-encoding",  # without it, what a box compresses unasked would be garbage
        "content-length",
        "content-type",
        "openai-processing-ms",
        "openai-version",
        "request-id",
        "retry-after",
        "x-request-id",
    }
)


@dataclass(frozen=True)
class Refusal:
    """Why a request is not passed on: HTTP status, a word for programs, a sentence for people."""

    status: int
    kind: str
    message: str


def refusal(method: str, path: str, host: str, origin: str | None, port: int) -> Refusal | None:
    """Why the gateway on `port` refuses this request before it looks at its key; None if it does not.

    path: as on the wire, without the query, not decoded: what is not literally one of ours is not ours.
    """
    if not is_ours(f"http://{host}", port):
        # A web page can point a name of its own at 127.0.0.1; its requests still carry that name.
        return Refusal(403, "foreign_host", f"Host {host!r} is not this laptop's loopback on port {port}")
    if origin is not None and not is_ours(origin, port):
        return Refusal(403, "foreign_origin", f"Origin {origin!r}: web pages have no access")
    if path in (STATUS_PATH, USAGE_PATH) and method == "GET":
        return None
    if API_PATHS.get(path) is None:
        return Refusal(404, "not_found", f"{path} is not passed on; what is: {', '.join(API_PATHS)}")
    if API_PATHS[path] != method:
        return Refusal(405, "method_not_allowed", f"{path} takes {API_PATHS[path]}, not {method}")
    return None


def is_work(method: str, path: str) -> bool:
    """Whether the model is asked to compute something: a list of models is no work, and counting a prompt is none."""
    return method == "POST" and path in API_PATHS and path != COUNT_PATH


def is_ours(origin: str, port: int) -> bool:
    """Whether `origin`, as `http://localhost:8011`, is the gateway itself."""
    try:
        parts = urlsplit(origin)
        return (
            parts.scheme == "http"
            and parts.hostname in LOOPBACK_NAMES
            and parts.port == port
            and parts.username is None
            and not (parts.path or parts.query or parts.fragment)
        )
    except ValueError:
        return False


def presented_key(headers: Mapping[str, str]) -> str:
    """The key a client shows: `Authorization: Bearer` as OpenAI's clients do, or `x-api-key` as Anthropic's; or ""."""
    scheme, _, key = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return key.strip()
    return headers.get("x-api-key", "").strip()


def request_headers(headers: Mapping[str, str], box_key: str) -> dict[str, str]:
    """What travels to the box: the few headers it needs, and its own key."""
    passed = {name: value for name, value in headers.items() if name.lower() in REQUEST_HEADERS}
    # Plain text, so that usage can be read while it passes.
    return {**passed, "Authorization": f"Bearer {box_key}", "Accept-Encoding": "identity"}


def response_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """What of the box's answer reaches the client."""
    return {name: value for name, value in headers.items() if name.lower() in RESPONSE_HEADERS}


def leads_elsewhere(status: int) -> bool:
    """Whether an answer is none, but the way to another: a redirect, or another protocol."""
    return status < 200 or 300 <= status < 400


def error_body(kind: str, message: str, status: int) -> dict[str, object]:
    """An error as OpenAI's and Anthropic's clients both read it."""
    return {"type": "error", "error": {"type": kind, "code": status, "message": message}}
