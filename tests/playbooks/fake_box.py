"""A stand-in for vLLM behind the tunnel, and a thread for it and the gateway: real sockets, real HTTP, no ssh."""

import asyncio
import json
import random
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web

from playbooks.gateway_app import Gateway
from playbooks.keys import KeyFile
from playbooks.port import hold_socket
from playbooks.tunnel_files import ARCHITECT_SOCKET, GATEWAY_SOCKET, Orders
from playbooks.tunnel_ssh import State
from playbooks.usage import UsageFile
from playbooks.witness import Witness

T = TypeVar("T")

BOX_KEY = "the-key-of-the-box"
CLIENT_KEY = "dbx-the-key-of-aider"
SERVED = "coder"
WINDOW = 32_768
ARCHITECT, ARCHITECT_WINDOW = "thinker", 65_536
PIECES = 5
USAGE = {"prompt_tokens": 11, "completion_tokens": 7}


@dataclass
class FakeBox:
    """vLLM as far as clients see it. asked: every request; aborted: those whose client went away."""

    key: str = BOX_KEY
    answer: str = "ok"
    answers: dict[str, str] = field(default_factory=dict)  # served name -> answer, where it is another
    asked: list[dict[str, Any]] = field(default_factory=list)
    aborted: int = 0
    die_after: int = PIECES + 1  # the connection breaks after so many pieces of a stream
    served: tuple[str, ...] = (SERVED, f"{SERVED}-commit")
    window: int = WINDOW
    holds: int = 2**31  # characters of messages; more is too long
    next_piece: threading.Event = field(default_factory=threading.Event)
    instead: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None  # of all of this

    def app(self) -> web.Application:
        """The application; any path and method."""
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/{path:.*}", self.reply)
        return app

    async def reply(self, request: web.Request) -> web.StreamResponse:
        """One answer, with what was asked written down."""
        if self.instead:
            return await self.instead(request)
        body = json.loads(await request.read() or b"null")
        self.asked.append({"path": request.path, "headers": dict(request.headers), "body": body})
        if request.path == "/v1/models":
            return web.json_response({"data": [{"id": name, "max_model_len": self.window} for name in self.served]})
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            return web.json_response({"error": "Unauthorized"}, status=401)
        if len(json.dumps(body.get("messages"))) > self.holds:
            return web.json_response({"error": too_long(self.window, body.get("max_tokens") or 0)}, status=400)
        if body.get("stream"):
            return await self.stream(request, body.get("stream_options") or {})
        text = self.answers.get(body.get("model", ""), self.answer)
        message = {"role": "assistant", "content": text}
        choices = [{"index": 0, "finish_reason": "stop", "message": message}]
        return web.json_response({"id": "1", "object": "chat.completion", "choices": choices, "usage": USAGE})

    async def stream(self, request: web.Request, options: dict[str, Any]) -> web.StreamResponse:
        """Server-sent events: the answer piece by piece, each when `next_piece` is set (and it stays set)."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Access-Control-Allow-Origin": "*"})
        await response.prepare(request)
        try:
            for number in range(PIECES):
                if number == self.die_after and request.transport:
                    request.transport.abort()
                    return response
                delta = {"index": 0, "delta": {"content": self.answer if number == 0 else ""}, "finish_reason": None}
                await response.write(event({"choices": [delta]}))
                while not self.next_piece.is_set():
                    await asyncio.sleep(0.01)
            last = {"index": 0, "delta": {}, "finish_reason": "stop"}
            await response.write(event({"choices": [last]}))
            if options.get("include_usage"):
                await response.write(event({"choices": [], "usage": USAGE}))
            await response.write(b"data: [DONE]\n\n")
        except (ConnectionError, asyncio.CancelledError):
            self.aborted += 1
            raise
        return response


def too_long(window: int, answer: int) -> dict[str, object]:
    """What vLLM says of such a prompt. Source: 0.32, renderers/params.py: it counts no further than one too many."""
    message = (
        f"This model's maximum context length is {window} tokens. However, your prompt contains at least"
        f" {window - answer + 1} input tokens, which exceeds this limit even without any output tokens. Please reduce"
        " the length of the input prompt. (parameter=input_tokens)"
    )
    return {"message": message, "type": "BadRequestError", "param": "input_tokens", "code": 400}


def event(value: dict[str, Any]) -> bytes:
    """One server-sent event."""
    whole = {"id": "1", "object": "chat.completion.chunk", "model": SERVED, **value}
    return f"data: {json.dumps(whole)}\n\n".encode()


class LoopThread:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`, run over there."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    def stop(self) -> None:
        """End the loop and its thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@dataclass
class GatewayWorld:
    """A gateway on a free port of loopback with a fake box behind it."""

    port: int
    state: State
    box: FakeBox
    folder: Path
    usage: UsageFile
    architect: FakeBox = field(default_factory=lambda: FakeBox(served=(ARCHITECT,), window=ARCHITECT_WINDOW))

    @property
    def socket(self) -> Path:
        """The gateway, for who has no network."""
        return self.folder / GATEWAY_SOCKET

    @property
    def url(self) -> str:
        """The gateway, without /v1."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def gateway_world(
    folder: Path, *, up: bool = True, witness: Callable[[int], Witness] | None = None, architect: bool = False
) -> Iterator[GatewayWorld]:
    """A running gateway; its only client key is CLIENT_KEY. witness: what it can prove on its port. architect: there
    is a second model, ARCHITECT, with a vLLM of its own."""
    box, state = FakeBox(), State(up=up, word="open" if up else "Connection refused")
    box.next_piece.set()
    (folder / "keys.json").write_text(json.dumps({"aider": CLIENT_KEY}))
    port, usage, thread = free_port(), UsageFile(folder), LoopThread()
    orders = Orders("s", "lease-1", 12345678, port, 8000, "daybox-12345678", "", "", "")
    if architect:
        orders = replace(orders, architect_box_port=8001, architect_name=ARCHITECT)
    world = GatewayWorld(port, state, box, folder, usage)
    world.architect.next_piece.set()
    gateway = Gateway(
        orders,
        state,
        str(folder / "vllm.sock"),
        keys=KeyFile(folder / "keys.json"),
        usage=usage,
        box_key=lambda: BOX_KEY,
        witness=witness(port) if witness else None,
        architect_socket=str(folder / ARCHITECT_SOCKET),
    )
    stops = [
        thread.call(serve_at(folder / "vllm.sock", box.app())),
        *([thread.call(serve_at(folder / ARCHITECT_SOCKET, world.architect.app()))] if architect else []),
        thread.call(serve(gateway.app(), lambda runner: web.TCPSite(runner, "127.0.0.1", port))),
        thread.call(
            serve(gateway.app(), lambda runner: web.SockSite(runner, hold_socket(str(folder / GATEWAY_SOCKET))))
        ),
    ]
    try:
        yield world
    finally:
        box.next_piece.set()
        for stop in reversed(stops):
            thread.call(stop())
        thread.stop()


async def serve_at(path: Path, app: web.Application) -> Callable[[], Coroutine[Any, Any, None]]:
    """Serve `app` at a Unix socket; returns what ends it."""
    return await serve(app, lambda runner: web.UnixSite(runner, str(path)))


async def serve(
    app: web.Application, site: Callable[[web.AppRunner], web.BaseSite]
) -> Callable[[], Coroutine[Any, Any, None]]:
    """Serve `app`; returns what ends it."""
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    await site(runner).start()
    return runner.cleanup


def free_port() -> int:
    """A port that nobody holds now, below those that the kernel hands out to others a moment later."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as one, suppress(OSError):
            one.bind(("127.0.0.1", port))
            return port


async def eventually(happened: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Whether it happened within `seconds`."""
    for _ in range(int(seconds / 0.02)):
        if happened():
            return True
        await asyncio.sleep(0.02)
    return happened()
