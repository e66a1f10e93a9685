"""A server of the test's own on loopback, for as long as it is wanted."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def answering(handler: type[http.server.BaseHTTPRequestHandler], **known: object) -> Iterator[str]:
    """The address at which `handler` answers, without a slash at its end. known: what it finds as its attributes."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Answer", (handler,), known))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


class Quiet(http.server.BaseHTTPRequestHandler):
    """A handler that reports to nobody: pytest's output is for pytest."""

    def log_message(self, *_: object) -> None:
        """Nothing."""
