"""What the gateway adds to a request: the same one, straight to the tunnel's socket and through the gateway.

The gateway's real process is measured, from outside. In the place of ssh stands a program that answers at once, so that
neither the network nor a model is in the figures. Medians; the machine's load stands beside them.
"""

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import BaseConnector, ClientSession, TCPConnector, UnixConnector

ROOT = Path(__file__).resolve().parent.parent
REQUESTS = 300
WARM_UP = 30
START_SECONDS = 20.0
PATH = "/v1/chat/completions"
KEY = "bench"
ARCHITECT = "architect"
PIECES, PIECE_SECONDS = 150, 0.01  # of a stream: as fast as a model on a large card writes
SMALL, LARGE = 4_000, 100_000  # bytes of a prompt: a question; a conversation of an agent
INSTEAD_OF_SSH = """#!{python}
import asyncio, json, sys, time
from aiohttp import web

async def answer(request):
    asked = json.loads(await request.read())
    if asked.get("stream"):
        return await stream(request, asked["pieces"])
    usage = {{"prompt_tokens": 1, "completion_tokens": 1}}
    return web.json_response({{"choices": [{{"message": {{"content": "ok"}}}}], "usage": usage}})

async def stream(request, pieces):
    response = web.StreamResponse(headers={{"Content-Type": "text/event-stream"}})
    await response.prepare(request)
    for _ in range(pieces):
        choice = {{"index": 0, "delta": {{"content": str(time.monotonic())}}}}
        await response.write(f"data: {{json.dumps({{'choices': [choice]}})}}\\n\\n".encode())
        await asyncio.sleep({pause})
    await response.write(b"data: [DONE]\\n\\n")
    return response

if "-O" not in sys.argv:
    app = web.Application(client_max_size=2**26)
    app.router.add_post("{path}", answer)
    paths = [word.partition(":")[0] for word in sys.argv if word.startswith("./") and ":" in word]
    web.run_app(app, path=paths, access_log=None, print=None)
"""


@dataclass(frozen=True)
class Case:
    """One row. size: bytes of the prompt; unix: through the gateway's own Unix socket; architect: to the second model.

    stream: what is measured is how late each piece of a stream is, not the whole request.
    """

    name: str
    size: int
    unix: bool = False
    architect: bool = False
    stream: bool = False

    def body(self) -> dict[str, Any]:
        """The request."""
        text = ('def f(x):\n\treturn "y"\n' * self.size)[: self.size]  # code: quotes and tabs are escaped in JSON
        model = ARCHITECT if self.architect else "m"
        more = {"stream": True, "pieces": PIECES} if self.stream else {}
        return {"model": model, "messages": [{"role": "user", "content": text}], **more}


CASES = (
    Case("4 KB", SMALL),
    Case("4 KB, Unix socket", SMALL, unix=True),
    Case("100 KB", LARGE),
    Case("100 KB, Unix socket", LARGE, unix=True),
    Case("100 KB, to the architect", LARGE, architect=True),
    Case("a piece of a stream", SMALL, stream=True),
    Case("a piece of a stream, Unix socket", SMALL, stream=True, unix=True),
)


def table() -> list[tuple[Case, float, float]]:
    """Each case with its medians in ms, straight and through the gateway. Takes about ten seconds."""
    with tempfile.TemporaryDirectory() as folder, running_gateway(Path(folder)) as (port, tunnel):
        return [(case, *asyncio.run(both_ms(case, port, tunnel))) for case in CASES]


def gateway_overhead() -> float:
    """Milliseconds that the gateway adds to a small request: the difference of two medians. Takes about two seconds."""
    with tempfile.TemporaryDirectory() as folder, running_gateway(Path(folder)) as (port, tunnel):
        direct, through = asyncio.run(both_ms(CASES[0], port, tunnel))
        return through - direct


@contextmanager
def running_gateway(folder: Path) -> Iterator[tuple[int, Path]]:
    """A gateway of a stack `bench` with its own state: its port, and its tunnel's folder."""
    tunnel, program, port = folder / "stacks" / "bench" / "tunnel", folder / "bin" / "ssh", free_port()
    for made in (tunnel, program.parent):
        made.mkdir(parents=True, mode=0o700)
    program.write_text(INSTEAD_OF_SSH.format(python=sys.executable, path=PATH, pause=PIECE_SECONDS))
    program.chmod(0o700)
    texts = dict.fromkeys(("stack", "lease", "alias", "ssh_config", "host_key", "api_url"), "bench")
    numbers = {"instance_id": 0, "port": port, "box_port": 1, "architect_box_port": 2}
    (tunnel / "gateway.json").write_text(json.dumps({**texts, **numbers, "architect_name": ARCHITECT}))
    (tunnel / "keys.json").write_text(json.dumps({"bench": KEY}))
    (tunnel.parent / "box_key").write_text(KEY)
    gateway = subprocess.Popen(
        [sys.executable, "-m", "playbooks.gateway", "--stack", "bench"],
        cwd=ROOT,
        env={**os.environ, "DAYBOX_STATE": str(folder), "PATH": f"{program.parent}:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_for(tunnel / "vllm.sock")
        yield port, tunnel
    finally:
        gateway.terminate()
        gateway.wait()


def free_port() -> int:
    """A port of loopback that nobody holds now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def wait_for(path: Path) -> None:
    """Wait until `path` is there, and a moment more: the gateway has to see it, too. Raises TimeoutError."""
    deadline = time.monotonic() + START_SECONDS
    while not path.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{path} did not appear within {START_SECONDS:.0f} s")
        time.sleep(0.02)
    time.sleep(0.2)


async def both_ms(case: Case, port: int, tunnel: Path) -> tuple[float, float]:
    """Medians in ms: straight to the tunnel's socket, and through the gateway."""
    direct = await median_ms(case, UnixConnector(str(tunnel / "vllm.sock")), "http://box")
    connector = UnixConnector(str(tunnel / "gateway.sock")) if case.unix else TCPConnector()
    return direct, await median_ms(case, connector, f"http://127.0.0.1:{port}")


async def median_ms(case: Case, connector: BaseConnector, url: str) -> float:
    """Median of many requests, one after the other, over one connection; or of the pieces of a few streams."""
    async with ClientSession(connector=connector, headers={"Authorization": f"Bearer {KEY}"}) as session:
        if case.stream:
            return statistics.median([ms for _ in range(2) for ms in await piece_delays_ms(session, case, url)])
        times = [await request_ms(session, case, url) for _ in range(REQUESTS + WARM_UP)]
    return statistics.median(times[WARM_UP:])


async def request_ms(session: ClientSession, case: Case, url: str) -> float:
    """How long one request takes, in ms."""
    body = case.body()
    started = time.perf_counter()
    async with session.post(url + PATH, json=body) as reply:
        reply.raise_for_status()
        await reply.read()
    return (time.perf_counter() - started) * 1000


async def piece_delays_ms(session: ClientSession, case: Case, url: str) -> list[float]:
    """How long after it was written each piece of a stream came, in ms: all of this machine have one clock."""
    delays = list[float]()
    async with session.post(url + PATH, json=case.body()) as reply:
        reply.raise_for_status()
        async for line in reply.content:
            if line.startswith(b"data: {"):
                written = float(json.loads(line[6:])["choices"][0]["delta"]["content"])
                delays.append((time.monotonic() - written) * 1000)
    return delays


def main() -> None:
    """Print the table."""
    rows = table()
    load = os.getloadavg()[0]
    print(f"p50 of {REQUESTS} requests or {2 * PIECES} pieces, in ms; load {load:.1f} on {os.cpu_count()} cores")
    print(f"{'':34}{'straight':>9}{'through':>9}{'adds':>7}")
    for case, direct, through in rows:
        print(f"{case.name:34}{direct:9.2f}{through:9.2f}{through - direct:7.2f}")


if __name__ == "__main__":
    main()
