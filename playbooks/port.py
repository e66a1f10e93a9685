"""The one port of a stack on this laptop: who holds it."""

import errno
import os
import socket
from contextlib import suppress

from playbooks.tunnel_files import known_tunnels, living_pid, read_orders, tunnel_dir
from stacks.errors import UsageError


def hold_port(port: int) -> list[socket.socket]:
    """Listen on this port of IPv4's loopback, and of IPv6's where there is one: `localhost` may mean either.

    Raises OSError if another program has one of them.
    """
    held = []
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            listener = socket.socket(family, socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, port))
            listener.listen(128)
        except OSError as error:
            if family == socket.AF_INET6 and error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                continue
            raise
        held.append(listener)
    return held


def hold_socket(path: str) -> socket.socket:
    """Listen on a Unix socket that only this user can open, in place of what an earlier gateway left there.

    path: relative to the current folder, for a socket's path is short. To be called by who holds the folder's lock.
    """
    with suppress(FileNotFoundError):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    os.fchmod(listener.fileno(), 0o600)  # Linux makes the file with the mode of the socket
    listener.bind(path)
    os.chmod(path, 0o600)
    listener.listen(128)
    return listener


def check_port(stack: str, port: int) -> None:
    """Stop before anything is started if another program holds the stack's port.

    Raises UsageError, whose hint says how to find that program and how to take another port.
    """
    try:
        listeners = hold_port(port)
    except OSError:
        raise taken(stack, port) from None
    for listener in listeners:
        listener.close()


def taken(stack: str, port: int) -> UsageError:
    """Who holds the port, and the way out."""
    another = "or set daybox:port to another and `pulumi up`"
    if holder := holder_of(port):
        return UsageError(
            f"stacks/{stack}/port: {port} on this laptop is held by the gateway of stack {holder}",
            hint=f"fab tunnel.close --stack {holder}, {another}",
        )
    return UsageError(
        f"stacks/{stack}/port: {port} on this laptop is taken by another program",
        hint=f"find it with `ss -ltnp 'sport = :{port}'` and end it, {another}",
    )


def holder_of(port: int) -> str:
    """The stack of ours whose gateway lives and was told to hold this port; empty if none."""
    for stack in known_tunnels():
        orders = read_orders(stack)
        if orders and port in (orders.port, orders.webui_port) and living_pid(tunnel_dir(stack)):
            return stack
    return ""
