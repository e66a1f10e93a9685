"""An answer passed on as it comes: how each small proxy of this laptop does it."""

from collections.abc import Callable
from contextlib import suppress

from aiohttp import ClientError, ClientResponse, web


async def stream(
    request: web.Request,
    upstream: ClientResponse,
    response: web.StreamResponse,
    see: Callable[[bytes], object] = lambda _: None,
) -> bool:
    """Pass the answer on, each piece at once; whether all of it came. response: its head is out. see: told each piece.

    One that breaks off breaks off here, too: the head says 200, and nothing else tells the client the truth.
    """
    try:
        async for piece in upstream.content.iter_any():
            see(piece)
            await response.write(piece)
    except (ClientError, OSError):
        if request.transport is not None:
            request.transport.abort()
        return False
    with suppress(ConnectionError):  # the client has all of it; that it hung up first is no fault of the other side
        await response.write_eof()
    return True
