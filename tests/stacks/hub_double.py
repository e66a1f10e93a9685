"""A Hub on loopback as huggingface_hub sees it: what it says of a repository, its files, and how it says no.

Shapes: huggingface_hub 2.4 (hf_api.py, utils/_http.py) parses these and no others; headers as its tests quote them.
"""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.loopback import Quiet, answering

COMMIT = "c0ffee" * 6 + "c0ff"
MODEL = "some/Model-8B"


@dataclass
class Reply:
    """What is answered in place of the right thing. wait_s: before it."""

    status: int = 200
    body: str = ""
    content_type: str = "application/json"
    wait_s: float = 0
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class HubDouble:
    """One repository. files: path -> content; sizes: of files that nobody fetches here, such as weights.

    gated: file by file, unless the right token comes; listing is open. said: parts of the listing that differ.
    instead: path -> what comes in place of the right answer. requests: `METHOD path [token]`, in order.
    """

    files: dict[str, str]
    sizes: dict[str, int]
    token: str = ""
    gated: bool = False
    said: dict[str, Any] = field(default_factory=dict)
    instead: dict[str, Reply] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    url: str = ""

    def listing(self) -> dict[str, Any]:
        """As /api/models/<id>/revision/main?blobs=true says it."""
        rows = {**{name: len(text.encode()) for name, text in self.files.items()}, **self.sizes}
        return {
            "_id": "65f0c0ffee", "id": MODEL, "modelId": MODEL, "author": "some", "sha": COMMIT, "private": False,
            "gated": "manual" if self.gated else False, "disabled": False, "lastModified": "2026-03-01T12:00:00.000Z",
            "createdAt": "2026-02-01T12:00:00.000Z", "tags": ["safetensors", "llama"], "downloads": 7, "likes": 1,
            "pipeline_tag": "text-generation", "library_name": "transformers", "config": {"model_type": "llama"},
            "cardData": {"license": "apache-2.0", "pipeline_tag": "text-generation"},
            "safetensors": {"parameters": {"BF16": 8_030_261_248}, "total": 8_030_261_248}, "usedStorage": 16,
            "siblings": [self.sibling(name, size) for name, size in rows.items()], "spaces": [], **self.said,
        }  # fmt: skip

    def sibling(self, name: str, size: int) -> dict[str, Any]:
        """One file of the listing; large ones are in the store."""
        row: dict[str, Any] = {"rfilename": name, "size": size, "blobId": hashlib.sha1(name.encode()).hexdigest()}
        if name in self.sizes:
            row["lfs"] = {"sha256": hashlib.sha256(name.encode()).hexdigest(), "size": size, "pointerSize": 135}
        return row

    def reply(self, path: str, token: str) -> Reply:
        """The answer to a path."""
        if path in self.instead:
            return self.instead[path]
        if path == f"/api/models/{MODEL}/revision/main":
            return Reply(body=json.dumps(self.listing()))
        if path.startswith(f"/{MODEL}/resolve/{COMMIT}/"):
            return self.file(path.rpartition("/")[2], token)
        return refusal(404, "RepoNotFound", "Repository not found") if token else refusal(401, "", NOBODY)

    def file(self, name: str, token: str) -> Reply:
        """One file of the commit."""
        if self.gated and token != self.token:
            return refusal(403 if token else 401, "GatedRepo", f"Access to model {MODEL} is restricted.")
        if name not in self.files:
            return refusal(404, "EntryNotFound", "Entry not found")
        etag = hashlib.sha1(self.files[name].encode()).hexdigest()
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{etag}"', "Accept-Ranges": "bytes"}
        return Reply(body=self.files[name], content_type="text/plain; charset=utf-8", headers=headers)


NOBODY = "Invalid username or password."


def refusal(status: int, code: str, message: str) -> Reply:
    """How the Hub says no."""
    named = {"X-Error-Code": code} if code else {}
    body = json.dumps({"error": message})
    return Reply(status, body, headers={"X-Error-Message": message, **named})


class Answer(Quiet):
    """One request."""

    hub: HubDouble

    def do_GET(self) -> None:
        path, token = unquote(urlsplit(self.path).path), (self.headers["Authorization"] or "").removeprefix("Bearer ")
        self.hub.requests.append(" ".join(filter(None, [self.command, path, token])))
        reply = self.hub.reply(path, token)
        time.sleep(reply.wait_s)
        self.send_response(reply.status)
        body = reply.body.encode()
        always = {"Content-Type": reply.content_type, "Content-Length": str(len(body))}
        for name, value in {**always, **reply.headers}.items():
            self.send_header(name, value)
        with suppress(ConnectionError):  # who asked has given up
            self.end_headers()
            self.wfile.write(body if self.command == "GET" else b"")

    do_HEAD = do_GET


@contextmanager
def running(hub: HubDouble) -> Iterator[HubDouble]:
    """The hub, answering on a port of loopback."""
    with answering(Answer, hub=hub) as hub.url:
        yield hub
