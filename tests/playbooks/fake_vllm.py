"""A stand-in for the box's vLLM on loopback, as far as `fab verify` and the pulse ask it: real HTTP, set answers.

The real one is met on the boxes of tests/e2e.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.playbooks.fake_box import LoopThread, free_port, serve

KEY = "the-key-of-the-box"
STARTED = "process_start_time_seconds"
PROMPT, GENERATED = "vllm:prompt_tokens_total", "vllm:generation_tokens_total"
QUERIES, HITS = "vllm:prefix_cache_queries_total", "vllm:prefix_cache_hits_total"
DONE, RUNNING = "vllm:request_success_total", "vllm:num_requests_running"


@dataclass
class FakeVllm:
    """counters: what /metrics shows. cached: the share of a repeated prompt that is known, turn by turn.
    others: requests of somebody else that end beside ours, turn by turn; the cache knows all of them.
    says: answers in turn, each a message; the last one goes on for good. refuses: status and body of every
    POST. template: good or bad. asked: every body.
    """

    counters: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys((QUERIES, HITS, DONE, RUNNING), 0.0) | {STARTED: 1.0}
    )
    cached: list[float] = field(default_factory=lambda: [0.0, 0.9])
    others: list[int] = field(default_factory=list)
    says: list[dict[str, Any]] = field(default_factory=lambda: [{"content": "yes"}])
    finish: str = "stop"
    refuses: tuple[int, str] | None = None
    template: str = "good"
    asked: list[dict[str, Any]] = field(default_factory=list)
    port: int = 0

    def app(self) -> web.Application:
        """The application."""
        app = web.Application()
        app.router.add_get("/metrics", self.metrics)
        app.router.add_post("/{path:.*}", self.reply)
        return app

    async def metrics(self, _request: web.Request) -> web.Response:
        """Prometheus' text."""
        rows = [f'{name}{{engine="0"}} {value}' for name, value in self.counters.items() if name != STARTED]
        return web.Response(text="\n".join([*rows, f"{STARTED} {self.counters[STARTED]}", ""]))

    async def reply(self, request: web.Request) -> web.StreamResponse:
        """One answer."""
        body = await request.json()
        self.asked.append({"path": request.path, "key": request.headers.get("Authorization"), **body})
        if self.refuses:
            return web.Response(status=self.refuses[0], text=self.refuses[1])
        if request.path == "/tokenize":
            return web.json_response({"tokens": self.tokens(body)})
        if request.path == "/detokenize":
            return web.json_response({"prompt": " ".join(map(chr, body["tokens"]))})
        tokens = sum(len(one["content"]) for one in body["messages"])
        known = tokens * (self.cached.pop(0) if self.cached else 0.0)
        others = self.others.pop(0) if self.others else 0
        for name, by in ((QUERIES, (1 + others) * tokens), (HITS, known + others * tokens), (DONE, 1 + others)):
            if name in self.counters:
                self.counters[name] += by
        message = self.says.pop(0) if len(self.says) > 1 else self.says[0]
        return web.json_response({"choices": [{"message": message, "finish_reason": self.finish}]})

    def tokens(self, body: dict[str, Any]) -> list[int]:
        """A token a letter; a bad template puts how much there is in front of it all."""
        if "prompt" in body:
            return [ord(letter) for letter in body["prompt"]]
        text = "".join(f"<{one['role']}>{one['content']}" for one in body["messages"])
        return [ord(letter) for letter in (f"{len(text)} letters:" if self.template == "bad" else "") + text]


@contextmanager
def fake_vllm() -> Iterator[FakeVllm]:
    """A running one, on a free port of loopback."""
    vllm, thread = FakeVllm(port=free_port()), LoopThread()
    stop = thread.call(serve(vllm.app(), lambda runner: web.TCPSite(runner, "127.0.0.1", vllm.port)))
    try:
        yield vllm
    finally:
        thread.call(stop())
        thread.stop()
