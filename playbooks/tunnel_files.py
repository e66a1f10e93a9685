"""The tunnel's files on this laptop: what the gateway was told to do, and whether it lives."""

import fcntl
import json
import os
import signal
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from stacks.places import private_folder, stack_dir, state_dir, write_private

LOCK_SECONDS = 2.0  # a look at the lock holds it for a moment; the gateway tries again for so long
LOCK_FILE = "gateway.pid"
ORDERS_FILE = "gateway.json"
LOG_FILE = "gateway.log"
WORD_FILE = "last-word"
# ssh is started in the folder and gets these names as they stand: the path of a Unix socket has at most 107 bytes.
SOCKET = "./vllm.sock"
WEBUI_SOCKET = "./webui.sock"
ARCHITECT_SOCKET = "./architect.sock"
GATEWAY_SOCKET = "gateway.sock"  # the gateway's own, for clients that have no network; the others are ssh's
CONTROL = "./control"


@dataclass(frozen=True)
class Orders:
    """What one gateway was told: whose tunnel it keeps, on which port, over which pinned ssh. Nothing secret.

    port: on this laptop. box_port: vLLM's, on the box's loopback. address: the box's, empty if nobody needs to know.
    webui_port: on this laptop, 0 for no Open WebUI. architect_box_port, architect_name: of the second model, as it is
    published on the box's loopback, and served; 0 and empty for none. What has a default may be missing in orders of
    an older checkout.
    """

    stack: str
    lease: str
    instance_id: int
    port: int
    box_port: int
    alias: str
    ssh_config: str
    host_key: str
    api_url: str
    address: str = ""
    webui_port: int = 0
    architect_box_port: int = 0
    architect_name: str = ""

    def write(self) -> None:
        """Keep the orders in the stack's folder, where the gateway reads them."""
        write_private(tunnel_dir(self.stack) / ORDERS_FILE, json.dumps(asdict(self), indent=2) + "\n")


def over_tunnel(ssh_config: str, alias: str, command: str) -> list[str]:
    """Arguments of an ssh that runs a command on the box over the tunnel's connection, and never over one of its own.

    To be started in the stack's `tunnel_dir`.
    """
    return ["ssh", "-F", ssh_config, "-S", CONTROL, "-o", "ProxyCommand=false", alias, "--", command]


def read_orders(stack: str) -> Orders | None:
    """The orders of the stack's newest gateway, alive or not; None if there never was one of this form."""
    try:
        return Orders(**json.loads((tunnel_dir(stack) / ORDERS_FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def tunnel_dir(stack: str) -> Path:
    """The folder of the stack's tunnel, 0700: sockets, lock, log, client keys, usage."""
    return private_folder(stack_dir(stack) / "tunnel")


def box_key_file(stack: str) -> Path:
    """The box's own vLLM key, 0600, as read over ssh; only the gateway uses it."""
    return stack_dir(stack) / "box_key"


def known_tunnels() -> list[str]:
    """The stacks that ever had a tunnel on this laptop, by name."""
    return sorted(path.parent.parent.name for path in (state_dir() / "stacks").glob(f"*/tunnel/{ORDERS_FILE}"))


def take_lock(folder: Path) -> int | None:
    """The lock that says "the gateway lives", held until this process ends; None if another has it.

    A lock instead of a pid file alone: the kernel drops it with the process, so a recycled pid is never ours.
    """
    descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.truncate(descriptor, 0)
            os.write(descriptor, str(os.getpid()).encode())
            return descriptor
        if time.monotonic() > deadline:
            os.close(descriptor)
            return None
        time.sleep(0.05)


def living_pid(folder: Path) -> int | None:
    """The pid of the gateway that holds the folder's lock; None if none lives."""
    try:
        with open(folder / LOCK_FILE) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return None
            except BlockingIOError:
                return int(file.read() or 0) or None
    except FileNotFoundError:
        return None


def end_gateway(folder: Path, *, seconds: float = 5.0) -> bool:
    """End the gateway of `folder`, and with it its ssh; False if none lived. Waits until the port is free."""
    pid = living_pid(folder)
    if pid is None:
        (folder / GATEWAY_SOCKET).unlink(missing_ok=True)  # of one that was killed
        return False
    with suppress(ProcessLookupError):  # it may end by itself at any moment
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while living_pid(folder) == pid:
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)  # its ssh asked the kernel to die with it
            time.sleep(0.02)
    if living_pid(folder) is None:
        (folder / GATEWAY_SOCKET).unlink(missing_ok=True)
    return True
