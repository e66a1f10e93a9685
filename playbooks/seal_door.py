"""The door of a client: a port on loopback behind which is the gateway's Unix socket, and nothing else."""

import asyncio
import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

PIECE = 65536
PATIENCE_SECONDS = 1.0  # how long a request is waited for that will be refused in any case
SHUT_BODY = b'{"error": {"type": "no_gateway", "message": "the gateway of daybox does not answer; see `fab tunnel`"}}'
SHUT = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(SHUT_BODY), SHUT_BODY)
)


async def open_door(listeners: Sequence[socket.socket], way: Path) -> list[asyncio.Server]:
    """Pass on whoever comes to one of the listeners to the Unix socket `way`, both ways, to its end.

    While nobody answers there, who comes is told so: a client gets an error, not another way.
    """

    async def come(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Cancelled means that the door is closed for good; Python 3.11 prints a traceback for a task that says so.
        with suppress(OSError, asyncio.CancelledError):
            try:
                inner_reader, inner_writer = await connect(way)
            except OSError:
                await tell_shut(reader, writer)
            else:
                await pass_both(reader, writer, inner_reader, inner_writer)
        with suppress(OSError):
            writer.close()

    return [await asyncio.start_server(come, sock=listener) for listener in listeners]


async def connect(way: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the Unix socket, however long its path: the kernel takes 107 bytes. Raises OSError."""
    if len(os.fsencode(way)) < 100 or not os.path.isdir("/proc/self/fd"):
        return await asyncio.open_unix_connection(way)
    folder = os.open(way.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return await asyncio.open_unix_connection(f"/proc/self/fd/{folder}/{way.name}")
    finally:
        os.close(folder)


async def tell_shut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the request that comes, whatever it is. What is not read when a connection closes would break it."""
    with suppress(TimeoutError):
        await asyncio.wait_for(reader.read(PIECE), PATIENCE_SECONDS)
    writer.write(SHUT)
    await writer.drain()
    writer.write_eof()
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await reader.read(PIECE):
                pass


async def pass_both(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    inner_reader: asyncio.StreamReader,
    inner_writer: asyncio.StreamWriter,
) -> None:
    """Pass bytes on as they come. When the gateway ends, so does the client's connection; a half is closed as one."""
    asking = asyncio.create_task(pass_on(reader, inner_writer))
    try:
        await pass_on(inner_reader, writer)
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        inner_writer.close()


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Everything from one to the other, then the end of it."""
    with suppress(OSError):
        while piece := await reader.read(PIECE):
            writer.write(piece)
            await writer.drain()
        writer.write_eof()
