"""The gateway: a process of its own that holds the stack's port on this laptop while the tunnel is wanted.

`python -m playbooks.gateway --stack S`; started by `fab tunnel`. It reads its orders from the stack's tunnel folder
and, from standard input, one line with the cloud's token (empty: the cloud is not asked). It keeps ssh alive and passes
requests on; while ssh is down it answers 503, so that no other program can take the port and be sent code.
"""

import argparse
import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from aiohttp import web

from playbooks.gateway_app import Gateway, save_now_and_then
from playbooks.keys import KEYS_FILE, KeyFile
from playbooks.port import hold_port, hold_socket
from playbooks.quiet_log import quiet_log, quiet_loop
from playbooks.tunnel_doubt import Doubt, probe_words
from playbooks.tunnel_files import (
    ARCHITECT_SOCKET,
    GATEWAY_SOCKET,
    WEBUI_SOCKET,
    WORD_FILE,
    Orders,
    box_key_file,
    read_orders,
    take_lock,
    tunnel_dir,
)
from playbooks.tunnel_ssh import Tunnel, leave_words, ssh_words
from playbooks.usage import UsageFile
from playbooks.webui_gate import Gate
from playbooks.witness import witness_in
from playbooks.words_ssh import Follower
from stacks.account import Account
from stacks.places import write_private

FAREWELL_SECONDS = 1.0  # what is still streaming when the gateway is closed


def deletion_check(orders: Orders, token: str) -> Callable[[], bool] | None:
    """Asks the cloud whether the box was deleted: not there, and the deletion is in the account's events.

    A 404 alone is no proof; it has been seen of living boxes.
    """
    if not token:
        return None

    def is_deleted() -> bool:
        account = Account(orders.api_url, token)
        return account.instance(orders.instance_id) is None and account.deleted_at(orders.instance_id) is not None

    return is_deleted


async def serve(orders: Orders, folder: Path, token: str) -> None:
    """Hold port and socket until a signal comes, and keep the tunnel until the box is deleted.

    folder: the tunnel's, which is the current one.
    """
    asyncio.get_running_loop().set_exception_handler(quiet_loop)
    listeners = [*hold_port(orders.port), hold_socket(GATEWAY_SOCKET)]
    pages = hold_port(orders.webui_port) if orders.webui_port else []
    doubt = Doubt(orders.address, probe_words(orders)) if orders.address else None
    tunnel = Tunnel(ssh_words(orders), folder, deletion_check(orders, token), doubt)
    usage = UsageFile(folder)
    key_file = box_key_file(orders.stack)
    gateway = Gateway(
        orders,
        tunnel.state,
        str(tunnel.socket),
        keys=KeyFile(folder / KEYS_FILE),
        usage=usage,
        box_key=lambda: key_file.read_text().strip(),
        witness=witness_in(orders),
        architect_socket=str(folder / ARCHITECT_SOCKET),
    )
    gate = Gate(orders.webui_port, tunnel.state, str(folder / WEBUI_SOCKET))
    runners = [await listen(gateway.app(), listeners), await listen(gate.app(), pages)]
    beside = [asyncio.create_task(work) for work in (save_now_and_then(usage), Follower(orders, tunnel).keep())]
    try:
        await keep_until_told(tunnel, folder)
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        for runner in runners:
            await runner.cleanup()
        Path(GATEWAY_SOCKET).unlink(missing_ok=True)
        usage.save(wait=True)


async def listen(app: web.Application, listeners: list[socket.socket]) -> web.AppRunner:
    """Answer on these; who is returned ends it."""
    # handler_cancellation: a client that goes away takes its request with it, and the box stops working for nobody.
    runner = web.AppRunner(
        app, handler_cancellation=True, access_log=None, logger=quiet_log(), shutdown_timeout=FAREWELL_SECONDS
    )
    await runner.setup()
    for listener in listeners:
        await web.SockSite(runner, listener).start()
    return runner


async def keep_until_told(tunnel: Tunnel, folder: Path) -> None:
    """Keep the tunnel until SIGTERM or SIGINT; if it ends by itself, keep the port and say why.

    A client may still run: whoever took the port then would be sent its next prompt.
    """
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    waiting = asyncio.create_task(told.wait())
    keeping = asyncio.create_task(tunnel.keep())
    try:
        await asyncio.wait({waiting, keeping}, return_when=asyncio.FIRST_COMPLETED)
        if keeping.done():
            keeping.result()  # raises what stopped it, if it was not a word
            write_private(folder / WORD_FILE, tunnel.state.told + "\n")
            await waiting
    finally:
        waiting.cancel()
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping


def main() -> int:
    """Run the gateway of one stack until it is told to end."""
    parser = argparse.ArgumentParser(prog="python -m playbooks.gateway")
    parser.add_argument("--stack", required=True)
    stack = parser.parse_args().stack
    token = sys.stdin.readline().strip()
    orders, folder = read_orders(stack), tunnel_dir(stack)
    if orders is None:
        print(f"daybox/tunnel: {stack} has no orders; start it by `fab tunnel`")
        return 1
    if take_lock(folder) is None:
        print(f"daybox/tunnel: {stack} has a gateway already")
        return 0
    (folder / WORD_FILE).unlink(missing_ok=True)
    os.chdir(folder)  # the sockets' paths are relative to it: a Unix socket's path is short
    with suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(leave_words(orders), capture_output=True, timeout=5, check=False)
    try:
        asyncio.run(serve(orders, Path("."), token))
    except OSError as error:
        print(f"daybox/tunnel: {error.strerror or error}", flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
