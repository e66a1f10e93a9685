"""A Hub on loopback: listing in pages, redirects to a store on another port, ranges, and faults on request."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.loopback import Quiet, answering

COMMIT = "c0ffee" * 6 + "c0ff"


@dataclass
class Hub:
    """files: path -> content; those of at least `large` bytes lie in the store. All may be changed while it runs.

    cut_after: bytes of all answers of the store together, after which `cuts` connections break; faults: statuses that
    come before any right answer; requests: what was asked, as `path range token`.
    """

    files: dict[str, bytes]
    large: int = 100
    commit: str = COMMIT
    token: str = ""
    page: int = 2
    cut_after: int = 10**12
    cuts: int = 10**6
    faults: list[int] = field(default_factory=list)
    wrong: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    store_requests: list[str] = field(default_factory=list)
    url: str = ""
    store_url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def allowed(self, length: int) -> int:
        """How many bytes of an answer of the store go out before its connection breaks."""
        with self.lock:
            if self.cuts <= 0 or self.cut_after >= length:
                self.cut_after -= length
                return length
            allowed, self.cut_after = max(self.cut_after, 0), 0
            self.cuts -= 1
            return allowed

    def row(self, path: str) -> dict[str, object]:
        """The file as the Hub lists it."""
        content = self.files[path]
        git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        row: dict[str, object] = {"type": "file", "path": path, "size": len(content), "oid": git}
        if len(content) >= self.large:
            row["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
        return row


class Answer(Quiet):
    """One request, to the Hub or to its store."""

    hub: Hub
    store = False
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path, asked = unquote(urlsplit(self.path).path), self.headers["Range"] or ""
        noted = self.hub.store_requests if self.store else self.hub.requests
        noted.append(" ".join(filter(None, [self.path, asked, self.headers["Authorization"]])))
        if self.store:
            return self.file(path.removeprefix("/store/"), asked)
        if self.hub.faults:
            return self.say(self.hub.faults.pop(0), b"not now")
        if path.endswith("/revision/main"):
            return self.say(200, json.dumps({"sha": self.hub.commit}).encode())
        if "/tree/" in path:
            return self.tree()
        if self.hub.token and self.headers["Authorization"] != f"Bearer {self.hub.token}":
            return self.say(403 if self.headers["Authorization"] else 401, b"gated")
        name = path.partition(f"/resolve/{self.hub.commit}/")[2]
        if name not in self.hub.files:
            return self.say(404, b"Not Found")
        if len(self.hub.files[name]) >= self.hub.large:
            return self.say(302, b"", Location=f"{self.hub.store_url}/store/{name}")
        return self.file(name, asked)

    def tree(self) -> None:
        rows = [
            {"type": "directory", "path": "original", "size": 0, "oid": ""},
            *map(self.hub.row, sorted(self.hub.files)),
        ]
        query = urlsplit(self.path).query
        start = int(query.partition("cursor=")[2] or 0)
        more: dict[str, Any] = {}
        if start + self.hub.page < len(rows):
            path = self.path.partition("?")[0]
            more["Link"] = f'<{self.hub.url}{path}?recursive=true&cursor={start + self.hub.page}>; rel="next"'
        self.say(200, json.dumps(rows[start : start + self.hub.page]).encode(), **more)

    def file(self, name: str, asked: str) -> None:
        content, status = self.hub.wrong.get(name, self.hub.files[name]), 200
        headers: dict[str, Any] = {}
        if asked:
            start, end = (int(number) for number in asked.removeprefix("bytes=").split("-"))
            headers["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
            content, status = content[start : end + 1], 206
        self.say(status, content, only=self.hub.allowed(len(content)) if self.store else None, **headers)

    def say(self, status: int, body: bytes, only: int | None = None, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), "Connection": "close", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[:only])
        self.close_connection = True


@contextmanager
def running(hub: Hub) -> Iterator[Hub]:
    """The hub and its store, answering on two ports of loopback."""
    with answering(Answer, hub=hub) as hub.url, answering(Answer, hub=hub, store=True) as hub.store_url:
        yield hub
