"""How a client is started so that it reaches the gateway and nothing else.

Sealed, on Linux: in a network of its own whose only way out is the gateway (see sealed.py). Unsealed: it is led through
a port that the launcher itself holds, so that nobody else can take it while the client runs.
"""

import asyncio
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from playbooks import seal_kernel as kernel
from playbooks.boxes import ROOT
from playbooks.seal_door import open_door
from playbooks.seal_hidden import moved
from stacks.places import state_dir

# Isolated (-I): no variable of the client's, and no file of the folder it is started in, has a say in what is imported.
PROGRAM = "import sys; sys.path.insert(0, {root!r}); from playbooks.sealed import main; sys.exit(main(sys.argv[1:]))"
# Who forbids it, and where that is switched: file of the kernel, the value that forbids, and what to do.
SWITCHES = (
    ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "AppArmor forbids it: sysctl -w kernel.{name}=0"),
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "the kernel forbids it: sysctl -w kernel.{name}=1"),
    ("/proc/sys/user/max_user_namespaces", "0", "the kernel forbids it: sysctl -w user.{name}=10000"),
)


def sealed(words: Sequence[str], port: int, socket: Path, *, kept: Sequence[Path] = ()) -> list[str]:
    """The words that run `words` sealed; there, 127.0.0.1:`port` is the gateway's Unix socket.

    kept: of daybox's own folder, what the client still sees; it needs its own files, and nothing else of it.
    """
    start = [sys.executable, "-I", "-c", PROGRAM.format(root=str(ROOT)), "--port", str(port)]
    places = [str(state_dir().resolve()), *moved(os.environ, os.getuid())]
    hidden = ["--socket", str(socket.resolve()), *(word for place in places for word in ("--hide", place))]
    return [*start, *hidden, *(word for path in kept for word in ("--keep", str(path.resolve()))), "--", *words]


def refusal() -> str:
    """Why this laptop cannot seal; empty if it can. Found by doing all of it in a process that ends at once."""
    if sys.platform != "linux":
        return "a seal is made of Linux's namespaces, and this is no Linux"
    reader, writer = os.pipe()
    tried = os.fork()
    if not tried:
        try_it(writer)
    os.close(writer)
    with open(reader, "rb") as said:
        word = said.read().decode()
    os.waitpid(tried, 0)
    return "" if word == "sealed" else because(word or "the attempt broke")


def because(word: str) -> str:
    """What forbids it here, with the way out where one is known."""
    for file, forbids, way_out in SWITCHES:
        with suppress(OSError):
            if Path(file).read_text().strip() == forbids and not kernel.may_administer():
                return f"this laptop does not let users have networks of their own ({word}); {way_out}".format(
                    name=Path(file).name
                )
    return f"this laptop does not let a program have a network of its own ({word})"


def try_it(writer: int) -> None:
    """Do what a seal does, as far as anything can forbid it, and say how it went. Does not return."""
    word = "sealed"
    try:
        kernel.leave(as_user=not kernel.may_administer())
        inner = os.fork()
        if inner:
            os.waitpid(inner, 0)
            os._exit(0)
        kernel.own_mounts()
        kernel.loopback_up()
        kernel.cover("/tmp")
        kernel.mount_proc()
    except BaseException as error:
        word = str(error) or type(error).__name__
    os.write(writer, word.encode())
    os._exit(0)


@contextmanager
def guard(way: Path) -> Iterator[int]:
    """A port of IPv4's loopback that leads to the gateway's Unix socket, held by this process.

    If the gateway ends, the client that was given this port is told 503, and no other user of this laptop can take the
    port in its stead: it is never free. A new gateway is reached through it again.
    """
    ready, told, loop = threading.Event(), asyncio.Event(), asyncio.new_event_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]

        async def hold() -> None:
            # Signals are for the main thread: taken here they would not wake it from its wait for the client.
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            servers = await open_door([listener], way.resolve())
            ready.set()
            await told.wait()
            for server in servers:
                server.close()

        def run() -> None:
            # A runner, because it ends and awaits what is left of connections.
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                runner.run(hold())

        holding = threading.Thread(target=run, daemon=True)
        holding.start()
        ready.wait()
        try:
            yield port
        finally:
            loop.call_soon_threadsafe(told.set)
            holding.join()
