"""A vLLM on loopback, as far as the box's programs look: completions with a key, metrics without."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Vllm:
    """statuses: given before the right answer, in turn; asked: the bodies of the requests with their key."""

    key: str = "box-key"
    statuses: list[int] = field(default_factory=list)
    metrics: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""


class Answer(http.server.BaseHTTPRequestHandler):
    """One request."""

    vllm: Vllm

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.vllm.asked.append({**body, "path": self.path})
        if self.headers["Authorization"] != f"Bearer {self.vllm.key}":
            self.say(401, '{"error": "Unauthorized"}')
        elif self.vllm.statuses:
            self.say(self.vllm.statuses.pop(0), "not yet")
        else:
            self.say(200, json.dumps({"choices": [{"message": {"content": "Yes"}}]}))

    def do_GET(self) -> None:
        self.say(200 if self.vllm.metrics else 404, self.vllm.metrics)

    def say(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """pytest's output is for pytest."""


@contextmanager
def running(vllm: Vllm) -> Iterator[Vllm]:
    """It answers, on a port of loopback."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Answer", (Answer,), {"vllm": vllm}))
    vllm.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield vllm
    finally:
        server.shutdown()
        server.server_close()
