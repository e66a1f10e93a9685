"""The one port of a stack on this laptop: who holds it."""

import errno
import socket

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


def check_port(stack: str, port: int) -> None:
    """Stop before anything is started if another program holds the stack's port.

    Raises UsageError, whose hint says how to find that program and how to take another port.
    """
    try:
        listeners = hold_port(port)
    except OSError:
        raise UsageError(
            f"stacks/{stack}/port: {port} on this laptop is taken by another program",
            hint=f"find it with `ss -ltnp 'sport = :{port}'` and end it, or set daybox:port to another and `pulumi up`",
        ) from None
    for listener in listeners:
        listener.close()
