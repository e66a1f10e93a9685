"""An API on loopback that answers whatever a test wants, and counts what it is asked."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.loopback import Quiet, answering

TYPES: list[dict[str, Any]] = [
    {"id": "g2-gpu-rtx4000a2-s", "class": "gpu", "price": {"hourly": 1.05, "monthly": None}, "region_prices": []},
    {
        "id": "g2-gpu-rtx4000a1-s",
        "class": "gpu",
        "price": {"hourly": 0.52, "monthly": 0},
        "region_prices": [{"id": "id-cgk", "hourly": 0.62, "monthly": None}],
    },
    {"id": "g6-nanode-1", "class": "nanode", "price": {"hourly": 0.0075, "monthly": 5.0}, "region_prices": []},
]
REGIONS = [{"id": "us-ord", "label": "Chicago, US"}, {"id": "id-cgk", "label": "Jakarta, ID"}]
STOCK = [
    {"region": "us-ord", "plan": "g2-gpu-rtx4000a2-s", "available": True},
    {"region": "id-cgk", "plan": "g2-gpu-rtx4000a2-s", "available": False},
    {"region": "id-cgk", "plan": "g2-gpu-rtx4000a1-s", "available": True},
]


@dataclass
class OddApi:
    """answers: path -> status and body; a list of rows is sent in pages of two. requests: paths with their queries."""

    answers: dict[str, tuple[int, Any]] = field(
        default_factory=lambda: {
            "/v4/linode/types": (200, TYPES),
            "/v4/regions": (200, REGIONS),
            "/v4/regions/availability": (200, STOCK),
        }
    )
    requests: list[str] = field(default_factory=list)
    url: str = ""

    def body(self, path: str, page: int) -> bytes:
        """What is sent for a path."""
        _, answer = self.answers[path]
        if isinstance(answer, bytes):
            return answer
        if isinstance(answer, list):
            size = 2 if path.endswith("availability") else 100
            pages = max(1, -(-len(answer) // size))
            rows = answer[(page - 1) * size : page * size]
            answer = {"data": rows, "page": page, "pages": pages, "results": len(answer)}
        return json.dumps(answer).encode()


class Answer(Quiet):
    """One request."""

    api: OddApi

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        self.api.requests.append(self.path)
        page = int(dict(part.split("=") for part in query.split("&") if part).get("page", 1))
        body = self.api.body(path, page)
        self.send_response(self.api.answers[path][0])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def odd_api() -> Iterator[OddApi]:
    """The API while it answers."""
    api = OddApi()
    with answering(Answer, api=api) as api.url:
        yield api
