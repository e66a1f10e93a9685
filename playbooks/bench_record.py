"""`fab bench --record`: a session of one's own. A small proxy between aider and the gateway writes down what is asked.

It lives as long as the aider it was started for, on a port of loopback that nobody knew before, and for a sealed aider
on a Unix socket. Nothing is ever recorded without this flag.
"""

import asyncio
import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, web

from playbooks.bench_connector import ProvedConnector
from playbooks.bench_ledger import append
from playbooks.bench_session import Writer, first_line
from playbooks.clients.aider import AIDER
from playbooks.clients.program import dotted
from playbooks.clients.start import Door, start_client
from playbooks.endpoint import LOOPBACK, Endpoint, trusted
from playbooks.gateway_app import refuse
from playbooks.gateway_checks import HIDDEN_RESPONSE_HEADERS, Refusal, refusal
from playbooks.progress import say
from playbooks.streaming import stream
from playbooks.usage_meter import find_usage, first_number
from stacks.box import Box
from stacks.errors import BoxError, UsageError

CHAT = "/v1/chat/completions"
PASSED = frozenset({"authorization", "content-type", "accept", "user-agent"})  # of the client's headers
LARGEST_BYTES = 64 * 2**20  # of a request; a window of a million tokens has less
FAREWELL_SECONDS = 1.0  # for what is being written down when aider ends
TIMEOUT = ClientTimeout(total=None, sock_connect=5)
WARNING = "it holds your code and all that you type, readable by you alone: delete it when you are done with it"


class Recorder:
    """Passes everything on to the gateway and writes down each request of a chat that was answered.

    port: our own, once it is known. file: descriptor of where to; each line is whole, whenever we are ended.
    """

    def __init__(self, gateway: Endpoint, file: int) -> None:
        self.gateway = gateway
        self.port = 0
        self.written = 0
        self.full = False
        self._file = file
        self._writer = Writer()

    async def listen(self, way: Path) -> web.AppRunner:
        """Serve on a free port of loopback, and on the Unix socket `way`."""
        app = web.Application(client_max_size=LARGEST_BYTES)
        app.router.add_route("*", "/{path:.*}", self.answer)
        # A client that has its whole answer may be gone before it is written down: that must not end the writing.
        runner = web.AppRunner(app, access_log=None, handler_cancellation=False, shutdown_timeout=FAREWELL_SECONDS)
        await runner.setup()
        await web.TCPSite(runner, LOOPBACK, 0).start()
        await web.UnixSite(runner, str(way)).start()
        self.port = runner.addresses[0][1]
        return runner

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """What the gateway answers, as it comes. A web page gets nothing, as at the gateway."""
        path, headers = request.raw_path.partition("?")[0], request.headers
        refused = refusal(request.method, path, headers.get("Host", ""), headers.get("Origin"), self.port)
        if refused:
            return refuse(refused)
        body = await request.read()
        passed = {name: value for name, value in headers.items() if name.lower() in PASSED}
        url = f"http://{LOOPBACK}:{self.gateway.port}{request.raw_path}"
        connector = ProvedConnector(self.gateway)
        async with ClientSession(connector=connector, timeout=TIMEOUT, auto_decompress=False) as session:
            try:
                upstream = await session.request(request.method, url, headers=passed, data=body or None)
            except (ClientError, OSError) as error:
                word = f"port {self.gateway.port} does not answer ({type(error).__name__})"
                return refuse(Refusal(503, "gateway", f"daybox/tunnel: {word}; fab tunnel"))
            except BoxError as error:  # another program is there
                return refuse(Refusal(503, "gateway", error.line()))
            async with upstream:
                response, answered = await pass_back(request, upstream)
        if path == CHAT and upstream.status == 200 and answered is not None:
            self.write_down(json.loads(body), answered)
        return response

    def write_down(self, asked: Mapping[str, Any], answered: bytes) -> None:
        """Append one request; but for the one that only tries whether anybody answers, and none after a lost one."""
        if asked.get("max_tokens") == 1 or self.full:
            return
        text, tokens = whole_answer(answered)
        try:
            append(self._file, self._writer.line(asked["messages"], text, tokens).encode())
            self.written += 1
        except OSError as error:
            self.full = True
            say(f"NOT RECORDING any more: {error.strerror}; aider goes on")


async def pass_back(request: web.Request, upstream: ClientResponse) -> tuple[web.StreamResponse, bytes | None]:
    """Give the client what the gateway says, each piece at once; and all of it, None if it broke off."""
    headers = {name: text for name, text in upstream.headers.items() if name.lower() not in HIDDEN_RESPONSE_HEADERS}
    response, whole = web.StreamResponse(status=upstream.status, headers=headers), bytearray()
    await response.prepare(request)
    came = await stream(request, upstream, response, whole.extend)
    return response, bytes(whole) if came else None


def whole_answer(data: bytes) -> tuple[str, int | None]:
    """Text and tokens of an answer, streamed or not. tokens: None if it does not tell."""
    lines = data.split(b"\n")  # and at nothing else: a text may hold U+2028, where splitlines() cuts
    events = [json.loads(line[6:]) for line in lines if line.startswith(b"data: {")] or [json.loads(data)]
    parts = [part for event in events for choice in event.get("choices", ()) for part in parts_of(choice)]
    tokens = max((first_number(find_usage(event), ("completion_tokens",)) for event in events), default=0)
    return "".join(parts), tokens or None


def parts_of(choice: Mapping[str, Any]) -> Iterator[str]:
    """The text in one choice of an answer, or of one event."""
    for place in ("delta", "message"):
        yield (choice.get(place) or {}).get("content") or ""


@contextmanager
def recording(gateway: Endpoint, file: Path) -> Iterator[Door]:
    """A recorder in front of the gateway, in a thread of its own: its door. Raises UsageError if the file is there."""
    descriptor = new_file(file)
    recorder = Recorder(gateway, descriptor)
    try:
        # 0700, and a short path: that of a socket has at most 107 bytes
        with TemporaryDirectory(prefix="daybox-") as folder, running_loop() as loop:
            way = Path(folder) / "recorder.sock"
            runner = asyncio.run_coroutine_threadsafe(recorder.listen(way), loop).result()
            try:
                yield Door(way, recorder.port)
            finally:
                asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
    finally:
        os.close(descriptor)
        tell(file, recorder.written)


@contextmanager
def running_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop that runs in a thread of its own, for as long as the `with` block does."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def new_file(file: Path) -> int:
    """Descriptor of the file, 0600 and new, its first line written. Raises UsageError."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(f"--record: {file} is there already", hint="name a new file, or delete it") from None
    except OSError as error:
        raise unwritten(file, error) from None
    try:
        append(descriptor, first_line(f"aider {dotted(AIDER.oldest)}", f"{datetime.now(UTC):%Y-%m-%d}").encode())
    except OSError as error:
        os.close(descriptor)
        file.unlink()
        raise unwritten(file, error) from None
    return descriptor


def unwritten(file: Path, error: OSError) -> UsageError:
    """What it means that nothing can be written there."""
    return UsageError(f"--record: {file}: {error.strerror}", hint="name a file that can be written")


def tell(file: Path, written: int) -> None:
    """Say what was recorded; a file without a request goes."""
    if not written:
        file.unlink(missing_ok=True)
        say(f"{file}: nothing was asked, so nothing is kept")
        return
    say(f"{file}: {written} requests recorded; {WARNING}. Replay it: fab bench --session {file}")


def record(box: Box, file: Path, words: Sequence[str]) -> int:
    """Run aider with a recorder before the gateway; aider's exit status."""
    with recording(trusted(box, AIDER.name), file) as door:
        say(f"RECORDING into {file}: {WARNING}")
        return start_client(box, AIDER, words, recorder=door)
