"""One request to whoever answers at a port of this laptop: he may be anybody, and send anything for ever."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

MOST_BYTES = 1 << 20  # of an answer to what we ask: lists and counters
NO_ANSWER = (http.client.HTTPException, ValueError, RecursionError)  # what reading something else than ours comes to


def asked(
    connection: http.client.HTTPConnection,
    path: str,
    body: object = None,
    key: str = "",
    *,
    seconds: float,
) -> tuple[int, Any]:
    """HTTP status and JSON of one request over this connection. Raises OSError, or one of NO_ANSWER."""
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
    text = None if body is None else json.dumps(body)
    with hung_up_after(connection.sock, seconds):
        connection.sock.settimeout(seconds)
        connection.request("POST" if text else "GET", path, text, headers)
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read(MOST_BYTES) or b"null")


@contextmanager
def hung_up_after(connected: socket.socket, seconds: float) -> Iterator[None]:
    """End a connection that outlasts it: a timeout begins anew with each byte, and some send for ever."""

    def hang_up() -> None:
        with suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds + 1, hang_up)  # one that is silent has had its timeout by then
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
