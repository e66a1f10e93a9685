"""aiohttp's connections to a gateway: over none of them is anything sent before its other end has proved itself."""

import asyncio
import socket

from aiohttp import BaseConnector, ClientRequest, ClientTimeout
from aiohttp.client_proto import ResponseHandler
from aiohttp.tracing import Trace

from playbooks.endpoint import Endpoint, silent


class ProvedConnector(BaseConnector):
    """Connects to this endpoint, whatever host a request names.

    No TCPConnector: should aiohttp rename the method that it is asked by, nothing connects, instead of unproved.
    """

    def __init__(self, endpoint: Endpoint, *, limit: int = 1) -> None:
        super().__init__(limit=limit)
        self._endpoint = endpoint
        self._ready = list[socket.socket]()

    async def open_all(self) -> None:
        """Connect as often as the limit allows, so that no proof is a part of an answer's time. Raises BoxError."""
        try:
            for _ in range(self.limit):
                self._ready.append(await self._proved())
        except OSError as error:
            raise silent(self._endpoint.port, error) from None

    async def _proved(self) -> socket.socket:
        return (await asyncio.to_thread(self._endpoint.proved)).sock

    async def _create_connection(
        self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout
    ) -> ResponseHandler:
        connected = self._ready.pop() if self._ready else await self._proved()
        _, protocol = await self._loop.create_connection(self._factory, sock=connected)
        return protocol
