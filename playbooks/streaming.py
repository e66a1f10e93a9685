"""An answer passed on as it comes: how each small proxy of this laptop does it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from aiohttp import ClientError, ClientResponse, web


class Filter(Protocol):
    """What takes something out of an answer."""

    def __call__(self, piece: bytes) -> bytes:
        """What of the answer so far may pass now."""

    def end(self) -> bytes:
        """What is left when the answer has ended."""


async def stream(
    request: web.Request,
    upstream: ClientResponse,
    response: web.StreamResponse,
    see: Callable[[bytes], object] = lambda _: None,
    through: Filter | None = None,
) -> bool:
    """Pass the answer on, each piece at once; whether all of it came. response: its head is out. see: told each piece.

    One that breaks off breaks off here, too: the head says 200, and nothing else tells the client the truth.
    """
    try:
        async for piece in upstream.content.iter_any():
            see(piece)
            if passed := through(piece) if through else piece:
                await response.write(passed)
        if rest := through.end() if through else b"":
            await response.write(rest)
    except (ClientError, OSError):
        await asyncio.sleep(0)  # if it was the client that left, our own cancellation is on its way
        if request.transport is not None:
            request.transport.abort()
        return False
    with suppress(ConnectionError):  # the client has all of it; that it hung up first is no fault of the other side
        await response.write_eof()
    return True
