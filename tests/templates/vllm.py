"""A vLLM on loopback, as far as the box's programs look: completions with a key, metrics without."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.loopback import Quiet, answering


@dataclass
class Vllm:
    """statuses: given before the right answer, in turn; asked: the bodies of the requests with their key."""

    key: str = "box-key"
    statuses: list[int] = field(default_factory=list)
    metrics: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""


class Answer(Quiet):
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
            self.say(200, json.dumps({"choices": [{"message": {"content": "Yes"}}], "usage": {"total_tokens": 9}}))

    def do_GET(self) -> None:
        self.say(200 if self.vllm.metrics else 404, self.vllm.metrics)

    def say(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


@contextmanager
def running(vllm: Vllm) -> Iterator[Vllm]:
    """It answers, on a port of loopback."""
    with answering(Answer, vllm=vllm) as vllm.url:
        yield vllm
