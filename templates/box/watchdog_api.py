"""The one address that the watchdog knows of its provider's API: our own Instance's."""

import time
from contextlib import suppress
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from templates.box.watchdog_rules import Limits

LONGEST_PAUSE_S = 10.0  # between two DELETEs of one look; the first is 1 s


class Unmoved(HTTPRedirectHandler):
    """Follows nothing: a token goes where it belongs, or nowhere."""

    def redirect_request(self, *_: object) -> None:
        """Never."""
        return None


def call(method: str, limits: Limits, token: Path) -> tuple[int, bytes, float | None, str]:
    """Status, body, the API's time, None if it does not tell, and the token's scopes.

    The one address it knows is our own Instance's. Raises OSError, HTTPException.
    """
    url = f"{limits.api_url}/v4/linode/instances/{int(limits.instance_id)}"
    headers = {"Authorization": f"Bearer {token.read_text().strip()}", "User-Agent": "daybox-watchdog"}
    try:
        reply = build_opener(Unmoved, ProxyHandler({})).open(Request(url, headers=headers, method=method), timeout=10)
    except HTTPError as error:
        reply = error
    with reply:
        told = None  # our own clock would be one that can be set
        with suppress(TypeError, ValueError):
            told = parsedate_to_datetime(reply.headers["Date"]).timestamp()
        return reply.status, reply.read(1 << 16), told, reply.headers.get("X-OAuth-Scopes") or ""


def refusal(status: int) -> str:
    """What is wrong with the token, if that is what the API says."""
    return f"the API refuses the token: HTTP {status}" if status in (401, 403) else ""


def end_box(limits: Limits, token: Path, tries_s: float) -> str:
    """Delete the box, again and again until the API knows it no more; returns how far that came in this look."""
    until, said, pause = time.monotonic() + tries_s, "", 1.0
    while time.monotonic() < until:
        try:
            status, *_ = call("DELETE", limits, token)
            said = refusal(status) or f"DELETE answered HTTP {status}"
            if status == 404 or refusal(status):
                break
        except (OSError, HTTPException) as error:
            said = f"the API was not reached: {error}"
        time.sleep(min(pause, tries_s))
        pause = min(2 * pause, LONGEST_PAUSE_S)
    return said
