"""The rate limit headers. They count, but nobody is refused: a test asks for a 429 through the faults."""

import time

from scripts.cloud.auth import Caller
from scripts.cloud.filters import FILTERABLE

WINDOW_SECONDS = 60
# Requests per minute. Source: Linode's page on rate limits, 2026-09-15.
LISTS, OTHERS = 200, 1600
PAGED = {("GET", path) for path in FILTERABLE}
OWN = {("POST", "/linode/instances"): 80, ("POST", "/volumes"): 100, ("GET", "/images"): 20}


class Rates:
    """How often each caller asked in this minute."""

    def __init__(self) -> None:
        self.window = 0
        self.counts: dict[tuple[str, int], int] = {}

    def headers(self, caller: Caller, method: str, path: str) -> dict[str, str]:
        """X-RateLimit-* for one request to the endpoint, which counts it."""
        limit = OWN.get((method, path), LISTS if (method, path) in PAGED else OTHERS)
        window = int(time.time()) // WINDOW_SECONDS
        if window != self.window:
            self.window, self.counts = window, {}
        used = self.counts[caller.label, limit] = self.counts.get((caller.label, limit), 0) + 1
        return {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(0, limit - used)),
            "X-RateLimit-Reset": str((window + 1) * WINDOW_SECONDS),
        }
