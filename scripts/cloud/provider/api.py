"""The Linode API v4, as the real provider's client speaks it: bearer token, error bodies, retries."""

import json
import threading
from urllib.parse import urlsplit

import requests

from .endpoint import Endpoint
from .errors import ApiError, ProviderError
from .values import Plain

# Source: linodego's defaults (client.go, retries.go), May 2026.
TRIES = 1000
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0  # 30 in linodego; a cloud on this machine is not spared by waiting longer
CONNECT_AND_READ_SECONDS = (5.0, 60.0)


class Api:
    """One account on one API. Any thread may use it."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.cancelled = threading.Event()

    def get(self, path: str, *, query: Plain | None = None, where: Plain | None = None) -> Plain:
        """GET; where: the X-Filter. Raises ProviderError, as all of these."""
        headers = {"X-Filter": json.dumps(where)} if where else {}
        return self._call(requests.Request("GET", path, params=query, headers=headers))

    def all(self, path: str) -> list[Plain]:
        """Every entry of a list, page for page."""
        first = self.get(path, query={"page": 1})
        rest = [self.get(path, query={"page": page}) for page in range(2, int(first.get("pages", 1)) + 1)]
        return [entry for page in (first, *rest) for entry in page["data"]]

    def post(self, path: str, body: Plain) -> Plain:
        """POST; retried only where the API says that nothing was done."""
        return self._call(requests.Request("POST", path, json=body))

    def put(self, path: str, body: Plain) -> Plain:
        """PUT."""
        return self._call(requests.Request("PUT", path, json=body))

    def delete(self, path: str) -> None:
        """DELETE."""
        self._call(requests.Request("DELETE", path))

    def pause(self, seconds: float) -> None:
        """Wait, unless the engine calls everything off meanwhile. Raises ProviderError then."""
        if self.cancelled.wait(seconds):
            raise ProviderError("called off by the engine")

    def _call(self, request: requests.Request) -> Plain:
        for attempt in range(TRIES):
            reply = self._send(request)
            if not is_worth_a_retry(reply):
                break
            self.pause(pause_seconds(reply, attempt))
        return content(reply)

    def _send(self, request: requests.Request) -> requests.Response:
        url, token = f"{self.endpoint.url}{request.url}", f"Bearer {self.endpoint.token}"
        whole = requests.Request(
            request.method,
            url,
            headers={**request.headers, "Authorization": token},
            json=request.json,
            params=request.params,
        )
        with requests.Session() as session:
            session.trust_env = False  # no proxy and no netrc between us and this machine
            sent = session.prepare_request(whole)
            try:
                # No redirects: the token goes nowhere else.
                return session.send(sent, timeout=CONNECT_AND_READ_SECONDS, allow_redirects=False)
            except requests.RequestException as error:
                raise ProviderError(silence(self.endpoint.url, error)) from error


def silence(url: str, error: requests.RequestException) -> str:
    """One line for an API that gave no reply."""
    fact = "no reply in time" if isinstance(error, requests.Timeout) else "no reply"
    return f"http://{urlsplit(url).netloc}: {fact}; see scripts/cloud/status, and start it with scripts/cloud/start"


def is_worth_a_retry(reply: requests.Response) -> bool:
    """Whether the API refused without doing anything, and may not do so again. Never 403, never 404, no other 5xx."""
    if reply.status_code == 503:
        return "X-Maintenance-Mode" not in reply.headers
    if reply.status_code == 400:
        is_nginx = reply.headers.get("Server") == "nginx" and reply.headers.get("Content-Type") == "text/html"
        return is_nginx or any(reason == "Linode busy." for _, reason in reasons(reply))
    return reply.status_code in (408, 429)


def pause_seconds(reply: requests.Response, attempt: int) -> float:
    """How long to wait before try number `attempt + 1` (from 0): what the API says, else longer each time."""
    told = reply.headers.get("Retry-After", "")
    return float(told) if told.isdigit() else min(FIRST_PAUSE_SECONDS * 2.0 ** min(attempt, 10), LONGEST_PAUSE_SECONDS)


def content(reply: requests.Response) -> Plain:
    """The body of a reply that says yes. Raises ApiError."""
    if reply.status_code != 200:
        raise ApiError(reply.status_code, reasons(reply))
    return dict(reply.json())


def reasons(reply: requests.Response) -> list[tuple[str, str]]:
    """(field or "", reason) of each error in the body; the status' own words if the body is not the API's."""
    try:
        return [(error.get("field", ""), error["reason"]) for error in reply.json()["errors"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        return [("", reply.reason or "no reason given")]
