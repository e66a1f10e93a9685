"""A small server that streams as vLLM does; `python -m tests.playbooks.small_vllm --port=N` starts one."""

import json
import sys
import time
from http.server import ThreadingHTTPServer
from typing import Any

from tests.loopback import Quiet

WORD_SECONDS = 0.02
METRICS = 'vllm:request_success_total{engine="0"} 1.0\nprocess_start_time_seconds 7.0\n'


class Vllm(Quiet):
    """Five words for each request, one after the other.

    seen: what was asked; refuses: first number in the last message, the turn -> HTTP status and body.
    """

    seen: list[dict[str, Any]]
    refuses: dict[int, tuple[int, dict[str, Any]]]
    words: tuple[str, ...] = ("a", "b", "c", "d", "e")
    breaks_off = False
    error = ""
    reason = "stop"

    def do_GET(self) -> None:
        """Its metrics."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(METRICS.encode())

    def do_POST(self) -> None:
        """One answer, streamed."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.seen.append(body | {"authorization": self.headers["Authorization"]})
        turns = [int(word) for word in body["messages"][-1]["content"].split() if word.isdigit()]
        status, refusal = self.refuses.get(turns[0], (200, {})) if turns else (200, {})
        self.send_response(status)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        if refusal:
            self.wfile.write(json.dumps(refusal).encode())
        elif body.get("stream"):
            self.stream()
        else:
            self.wfile.write(json.dumps({"choices": [{"message": {"content": "yes"}}]}).encode())

    def stream(self) -> None:
        """Word by word."""
        for word in self.words:
            time.sleep(WORD_SECONDS)
            self.tell({"choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]})
        if self.error:
            self.tell({"error": {"message": self.error}})
        if not self.breaks_off:
            self.tell({"choices": [{"index": 0, "delta": {}, "finish_reason": self.reason}]})
            self.tell({"choices": [], "usage": {"completion_tokens": len(self.words)}})
            self.wfile.write(b"data: [DONE]\n\n")

    def tell(self, event: dict[str, Any]) -> None:
        """One event, at once."""
        self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
        self.wfile.flush()


if __name__ == "__main__":
    [port] = [int(word.removeprefix("--port=")) for word in sys.argv if word.startswith("--port=")]
    ThreadingHTTPServer(("127.0.0.1", port), type("Started", (Vllm,), {"seen": [], "refuses": {}})).serve_forever()
