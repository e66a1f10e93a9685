"""What the engine starts: serve, print the port, end with the engine."""

import asyncio

from .serve import serve

asyncio.run(serve())
