"""A program of its own that runs a client where the only way out is the gateway; started by `fab launch` on Linux.

Three processes. This one stays outside, holds the door and waits. `first` is the first process of the client's own
namespaces (network, mounts, process numbers): it makes them right, and when it ends the kernel ends whatever is left in
them. The client is its child, without capabilities, in the foreground of the same terminal.
"""

import argparse
import asyncio
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from playbooks import seal_kernel as kernel
from playbooks.port import hold_port
from playbooks.seal_door import open_door
from playbooks.seal_hidden import kept_variables, sockets_in, working_folders
from playbooks.seal_view import make_view

UNSEALED = 71  # exit status if the seal could not be made: nothing was started
NOT_FOUND, NOT_STARTED = 127, 126  # as a shell says it
WORD_BYTES = 4096
MAY_NOT_STAY = (signal.SIGTERM, signal.SIGHUP)
GRACE_SECONDS = 5.0  # from the first of these on; a client that does not heed them is ended
# The terminal sends these to all of us; they are the client's business.
CLIENTS_BUSINESS = (signal.SIGINT, signal.SIGQUIT)


@dataclass(frozen=True)
class Wish:
    """What is to be run, and where. hidden: folders that are covered beside those of the table; kept: what stays."""

    words: Sequence[str]
    port: int
    socket: Path
    hidden: Sequence[Path]
    kept: Sequence[Path]


def wish_of(words: Sequence[str]) -> Wish:
    """The command line, parsed."""
    parser = argparse.ArgumentParser(prog="python -m playbooks.sealed", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--hide", type=Path, action="append", default=[])
    parser.add_argument("--keep", type=Path, action="append", default=[])
    parser.add_argument("words", nargs="+")
    given = parser.parse_args(words)
    return Wish(given.words, given.port, given.socket, given.hide, given.keep)


def main(words: Sequence[str]) -> int:
    """The client's exit status; ends by the same signal if a signal ended it."""
    wish = wish_of(words)
    for number in CLIENTS_BUSINESS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    kernel.call("prctl", kernel.PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    kernel.call("prctl", kernel.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # `first` becomes our child when its maker ends
    leash, far = socket.socketpair()
    maker = os.fork()
    if not maker:
        leash.close()
        make_first(wish, far)
    far.close()
    os.waitpid(maker, 0)
    word, descriptors, _, _ = socket.recv_fds(leash, WORD_BYTES, 2)
    if not descriptors:
        print(f"fab launch: not sealed: {word.decode() or 'the seal broke'}", file=sys.stderr)
        return UNSEALED
    listeners = [socket.socket(fileno=number) for number in descriptors]
    status = asyncio.run(keep_door(listeners, wish.socket, leash))
    with suppress(ChildProcessError):
        os.wait()  # whatever was left in there is gone when it returns
    return end_as(status)


async def keep_door(listeners: Sequence[socket.socket], way: Path, leash: socket.socket) -> int:
    """Hold the door as long as the client lives; its status, as wait() gives it. -1: its namespace was ended."""
    loop = asyncio.get_running_loop()
    servers = await open_door(listeners, way)
    for number in MAY_NOT_STAY:
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, pass_signal, leash, number)
    leash.setblocking(False)
    await loop.sock_sendall(leash, b"\0")  # go
    told = b""
    while piece := await loop.sock_recv(leash, WORD_BYTES):
        told += piece
    for server in servers:
        server.close()
    return int(told or b"-1")


def pass_signal(leash: socket.socket, number: signal.Signals) -> None:
    """Have `first` send it to the client, and after some seconds let go of the leash: then everything in there ends."""
    with suppress(OSError):
        leash.send(bytes([number]))
    asyncio.get_running_loop().call_later(GRACE_SECONDS, let_go, leash)


def let_go(leash: socket.socket) -> None:
    """Say no more to `first`; what it still says is heard."""
    with suppress(OSError):
        leash.shutdown(socket.SHUT_WR)


def end_as(status: int) -> int:
    """End by the signal that ended the client, or give its exit status."""
    if status < 0:
        return 128 + signal.SIGKILL
    if not os.WIFSIGNALED(status):
        return os.waitstatus_to_exitcode(status)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # one core is enough, and it was the client's
    number = os.WTERMSIG(status)
    with suppress(OSError):  # SIGKILL cannot be caught in any case
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    return 128 + number


def make_first(wish: Wish, leash: socket.socket) -> NoReturn:
    """Leave the laptop's namespaces, fork the first process of the new ones, and end. Errors go over the leash."""
    with telling(leash):
        table = Path("/proc/net/unix").read_text(errors="surrogateescape")
        sockets = sockets_in(table, working_folders())  # before we leave: from there no process outside is seen
        as_user = not kernel.may_administer()
        kernel.leave(as_user=as_user)
        if not os.fork():
            first(wish, leash, sockets, () if as_user else tuple(kernel.OF_FILES))
    os._exit(0)


@contextmanager
def telling(leash: socket.socket) -> Iterator[None]:
    """Whatever goes wrong becomes a word over the leash, and the end of the process: nothing runs half sealed."""
    try:
        yield
    except BaseException as error:
        with suppress(OSError):
            leash.send(f"{error}"[:WORD_BYTES].encode(errors="replace"))
        os._exit(UNSEALED)


def first(wish: Wish, leash: socket.socket, sockets: Sequence[str], capabilities: Sequence[int]) -> NoReturn:
    """Make the namespaces right, start the client, and end when it does."""
    with telling(leash):
        for number in CLIENTS_BUSINESS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)  # the kernel keeps them from a first process
        kernel.loopback_up()
        make_view(wish.hidden, wish.kept, sockets)
        listeners = hold_port(wish.port)
        socket.send_fds(leash, [b"\0"], [listener.fileno() for listener in listeners])
        for listener in listeners:
            listener.close()
        if not leash.recv(1):
            os._exit(UNSEALED)
        client = os.fork()
        if not client:
            become_client(wish.words, capabilities)
        threading.Thread(target=obey, args=[leash, client], daemon=True).start()
        status = wait_for(client)
        leash.sendall(str(status).encode())
    os._exit(0)


def become_client(words: Sequence[str], capabilities: Sequence[int]) -> NoReturn:
    """Give up what made the seal, and be the client."""
    try:
        kernel.drop_capabilities(capabilities)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python had ignored it
        os.execvpe(words[0], list(words), kept_variables(os.environ))
    except OSError as error:
        print(f"fab launch: {words[0]}: {error.strerror}", file=sys.stderr, flush=True)
        os._exit(NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_STARTED)


def obey(leash: socket.socket, client: int) -> None:
    """Send the client the signals that come over the leash; if whoever holds it is gone, end everything."""
    while number := leash.recv(1):
        with suppress(ProcessLookupError):
            os.kill(client, number[0])
    os._exit(UNSEALED)


def wait_for(client: int, stop: Callable[[int, int], None] = os.kill) -> int:
    """The client's status. Orphans that come to the first process are buried meanwhile.

    If the client stops itself (Ctrl-Z in an editor), its whole job must stop, or the user's shell would wait for ever.
    """
    while True:
        child, status = os.waitpid(-1, os.WUNTRACED)
        if child != client:
            continue
        if not os.WIFSTOPPED(status):
            return status
        stop(0, signal.SIGTSTP)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
