"""What the gateway adds to a request: the same small completion, straight to the tunnel's socket and through the port.

The gateway's real process is measured, from outside. In the place of ssh stands a program that answers at once, so that
neither the network nor a model is in the figures.
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
from pathlib import Path

from aiohttp import BaseConnector, ClientSession, TCPConnector, UnixConnector

ROOT = Path(__file__).resolve().parent.parent
REQUESTS = 300
WARM_UP = 30
START_SECONDS = 20.0
PATH = "/v1/chat/completions"
KEY = "bench"
INSTEAD_OF_SSH = """#!{python}
import sys
from aiohttp import web

async def answer(request):
    await request.read()
    usage = {{"prompt_tokens": 1, "completion_tokens": 1}}
    return web.json_response({{"choices": [{{"message": {{"content": "ok"}}}}], "usage": usage}})

if "-O" not in sys.argv:
    app = web.Application()
    app.router.add_post("{path}", answer)
    web.run_app(app, path="./vllm.sock", access_log=None, print=None)
"""


def gateway_overhead() -> float:
    """Milliseconds that the gateway adds to a request: the difference of two medians. Takes about two seconds."""
    with tempfile.TemporaryDirectory() as folder, running_gateway(Path(folder)) as (port, tunnel):
        return asyncio.run(difference_ms(port, str(tunnel / "vllm.sock")))


@contextmanager
def running_gateway(folder: Path) -> Iterator[tuple[int, Path]]:
    """A gateway of a stack `bench` with its own state: its port, and its tunnel's folder."""
    tunnel, program, port = folder / "stacks" / "bench" / "tunnel", folder / "bin" / "ssh", free_port()
    for made in (tunnel, program.parent):
        made.mkdir(parents=True, mode=0o700)
    program.write_text(INSTEAD_OF_SSH.format(python=sys.executable, path=PATH))
    program.chmod(0o700)
    texts = dict.fromkeys(("stack", "lease", "alias", "ssh_config", "host_key", "api_url"), "bench")
    (tunnel / "gateway.json").write_text(json.dumps({**texts, "instance_id": 0, "port": port, "box_port": 0}))
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


async def difference_ms(port: int, socket_path: str) -> float:
    """Median through the gateway less median to the socket itself."""
    direct = await median_ms(UnixConnector(socket_path), "http://box")
    return await median_ms(TCPConnector(), f"http://127.0.0.1:{port}") - direct


async def median_ms(connector: BaseConnector, url: str) -> float:
    """Median of many requests, one after the other, over one connection."""
    times = []
    async with ClientSession(connector=connector, headers={"Authorization": f"Bearer {KEY}"}) as session:
        for _ in range(REQUESTS + WARM_UP):
            started = time.perf_counter()
            async with session.post(url + PATH, json={"model": "m", "prompt": "x" * 4000}) as reply:
                reply.raise_for_status()
                await reply.read()
            times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times[WARM_UP:])


if __name__ == "__main__":
    print(f"the gateway adds {gateway_overhead():.2f} ms to a request (p50 of {REQUESTS})")
