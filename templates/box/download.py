#!/usr/bin/env python3
"""Download the model from the Hub, each file checked, and make /var/lib/daybox/models/<name> mean it.

Safetensors, JSON, templates and tokenizers only: never pickle, never code. Pieces come side by side; what was cut off
goes on where it stopped. The Hub's token, if there is one, goes to the Hub alone.
"""

import hashlib
import json
import math
import os
import re
import shutil
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import HTTPRedirectHandler, Request, build_opener

ROOT = Path(os.environ.get("DAYBOX_ROOT", "/"))  # set by tests only, as all of the environment here
PIECE = int(os.environ.get("DAYBOX_PIECE", 128 << 20))  # bytes; 240 requests for 30 GiB, far below the Hub's limits
PAUSE_S = float(os.environ.get("DAYBOX_PAUSE", 5))
FACTS = json.loads((ROOT / "opt/daybox/facts.json").read_text())
HUB = os.environ.get("HF_ENDPOINT") or FACTS["hub"]
NAME, HUB_ID, ASKED = (str(FACTS["model"][key]) for key in ("name", "hub_id", "revision"))
MODELS, TOKEN = ROOT / "var/lib/daybox/models", ROOT / "run/daybox/hub-token"
# Top level only: folders hold other forms of the same weights.
WANTED = re.compile(r"\w[\w.-]*\.(safetensors|json|jinja)|tokenizer[\w.-]*|(merges|vocab)\.txt")
UNSAFE = re.compile(r".*\.(bin|pt|pth|ckpt|pkl|gguf)")  # pickle runs code when it is read; vLLM serves no GGUF
LANES, TRIES = 8, 6
VOLUME = ROOT / "opt/daybox/volume"  # names its device, on a box that has one
FILE_SYSTEM_SHARE = 1.03  # what ext4 keeps to itself, as in stacks/volume_size.py
SPARE = 2 << 30  # bytes that stay free beside the weights, for logs and caches
GIB = 2**30


@dataclass(frozen=True)
class HubFile:
    """One file of a commit. digest: sha256 of a large file, git's own sha1 of a small one."""

    name: str
    size: int
    digest: str
    large: bool

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> "HubFile":
        """From a row of the Hub's listing."""
        return cls(row["path"], row["size"], row.get("lfs", row)["oid"], "lfs" in row)


class WithoutToken(HTTPRedirectHandler):
    """Follows the Hub to whoever stores the file; that one gets no token."""

    def redirect_request(self, *args: Any) -> Request | None:
        """The next request, without the token if it leaves the Hub."""
        request = super().redirect_request(*args)
        if request and not request.full_url.startswith(f"{HUB}/"):
            request.remove_header("Authorization")
        return request


def hub(path: str, **headers: str) -> HTTPResponse:
    """The Hub's answer; asked again after what may pass. Raises SystemExit with the reason."""
    headers["User-Agent"] = "daybox"
    if TOKEN.is_file() and HUB.startswith(("https://", "http://127.0.0.1:")):
        headers["Authorization"] = f"Bearer {TOKEN.read_text().strip()}"
    for number in range(1, TRIES + 1):
        try:
            reply: HTTPResponse = build_opener(WithoutToken).open(Request(f"{HUB}/{path}", headers=headers), timeout=60)
            return reply
        except (OSError, HTTPException) as error:
            # Another host's 403 is a link that expired.
            code = error.code if isinstance(error, HTTPError) and error.url.startswith(f"{HUB}/") else 0
            if code in (401, 403):
                raise SystemExit(
                    f"{HUB_ID} is gated, private or not there (HTTP {code}); with a token that may read it in HF_TOKEN,"
                    " `fab bootstrap` tries again"
                ) from None
            if code == 404 or number == TRIES:
                raise SystemExit(f"{HUB_ID}: {path}: {error}") from None
            time.sleep(PAUSE_S * number)
        except ValueError:  # its own words hold the token
            raise SystemExit(f"{HUB_ID}: {path}: HF_TOKEN is no token that can be sent") from None
    raise AssertionError


def commit() -> str:
    """The revision asked for, as 40 digits: a branch is resolved here, once."""
    if re.fullmatch("[0-9a-f]{40}", ASKED):
        return ASKED
    with hub(f"api/models/{HUB_ID}/revision/{quote(ASKED, safe='')}") as reply:
        return str(json.load(reply)["sha"])


def listing(revision: str) -> list[HubFile]:
    """The files of a commit that vLLM reads."""
    path, rows = f"api/models/{HUB_ID}/tree/{revision}?recursive=true", list[dict[str, Any]]()
    while path:
        with hub(path) as reply:
            rows += json.load(reply)
            following = re.search(rf'<{re.escape(HUB)}/([^>]+)>; *rel="next"', reply.headers.get("Link") or "")
        path = following[1] if following else ""
    return chosen([row for row in rows if row["type"] == "file"])


def chosen(rows: list[dict[str, Any]]) -> list[HubFile]:
    """Of all files those that vLLM reads. Raises SystemExit if the weights are in no form that is safe to load."""
    wanted = [HubFile.from_row(row) for row in rows if WANTED.fullmatch(row["path"])]
    if not any(file.name.endswith(".safetensors") for file in wanted):
        others = ", ".join([row["path"] for row in rows if UNSAFE.fullmatch(row["path"])][:3])
        also = f", and what else it has is never loaded: {others}" if others else " at its top level"
        raise SystemExit(f"{HUB_ID} has no safetensors{also}")
    return wanted


class Download:
    """A folder that fills: `.NAME.part` while pieces come, each noted in `.NAME.pieces`; NAME once it is checked."""

    def __init__(self, revision: str, store: Path) -> None:
        self.revision, self.store = revision, store

    def part(self, file: HubFile) -> Path:
        """Where the pieces of a file come together."""
        return self.store / f".{file.name}.part"

    def noted(self, file: HubFile) -> Path:
        """Where it is written which pieces have come."""
        return self.store / f".{file.name}.pieces"

    def missing(self, file: HubFile) -> list[int]:
        """Where the pieces begin that did not come yet."""
        if (self.store / file.name).exists():
            return []
        done = self.noted(file).read_text().split() if self.noted(file).exists() and self.part(file).exists() else []
        return [start for start in range(0, max(file.size, 1), PIECE) if str(start) not in done]

    def bytes_missing(self, file: HubFile) -> int:
        """How much of it has to come."""
        return sum(min(PIECE, file.size - start) for start in self.missing(file))

    def piece(self, file: HubFile, start: int) -> None:
        """Fetch one piece; a connection that breaks in the middle goes on from there."""
        at, end = start, min(start + PIECE, file.size)
        target = os.open(self.part(file), os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            for _ in range(TRIES):
                at = self.rest(file, target, at, end)
                if at == end:
                    break
            else:
                raise SystemExit(f"{file.name}: cut off {TRIES} times, last after {at} of {file.size} bytes")
        finally:
            os.close(target)
        with self.noted(file).open("a") as note:
            note.write(f"{start}\n")

    def rest(self, file: HubFile, target: int, at: int, end: int) -> int:
        """Fetch the bytes from `at` to `end`; returns how far that came. Raises OSError if the disk is full."""
        asked = {"Range": f"bytes={at}-{end - 1}"} if file.size else {}
        try:
            with hub(f"{HUB_ID}/resolve/{self.revision}/{quote(file.name)}", **asked) as reply:
                if reply.status != 206:
                    at = 0  # a small file may come whole, whatever was asked for
                while at < end and (block := reply.read(min(1 << 20, end - at))):
                    at += os.pwrite(target, block, at)
        except (TimeoutError, ConnectionError, HTTPException) as error:
            print(f"{file.name}: {error} at {at}", flush=True)
        return at

    def finish(self, file: HubFile) -> None:
        """Check the whole file, and only then give it its name."""
        part = self.part(file)
        seen = hashlib.sha256() if file.large else hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)
        with part.open("rb+") as content:
            while block := content.read(1 << 20):
                seen.update(block)
            os.fsync(content.fileno())
        self.noted(file).unlink(missing_ok=True)
        if seen.hexdigest() != file.digest:
            part.unlink()
            raise SystemExit(f"{file.name}: the Hub announced digest {file.digest}, what came has {seen.hexdigest()}")
        part.rename(self.store / file.name)
        print(f"{file.name}: {file.size} bytes, checked", flush=True)

    def run(self, files: list[HubFile]) -> None:
        """Bring and check what is missing, as many pieces at once as there are lanes."""
        wanted = [file for file in files if not (self.store / file.name).exists()]
        with ThreadPoolExecutor(LANES) as lanes, ThreadPoolExecutor(2) as checks:
            jobs = [(file, [lanes.submit(self.piece, file, start) for start in self.missing(file)]) for file in wanted]
            try:
                done: list[Future[None]] = []
                for file, pieces in jobs:
                    for piece in pieces:
                        piece.result()
                    done.append(checks.submit(self.finish, file))
                for check in done:
                    check.result()
            except BaseException:
                lanes.shutdown(cancel_futures=True)
                raise


def check_disk(store: Path, size: int) -> None:
    """Before the first byte. Raises SystemExit naming the disk, what is free and needed, and a volume's ways out."""
    disk, need = shutil.disk_usage(store), size + SPARE
    if disk.free < need:
        gib = math.ceil((disk.total - disk.free + need) * FILE_SYSTEM_SHARE / GIB)
        larger = f"`pulumi config set daybox:volumeGib {gib}` and `pulumi up` enlarge it with the box's next boot"
        ways_out = f"; `fab doctor --fix` removes other models and revisions, or {larger}" if VOLUME.is_file() else ""
        fact = f"the disk of {MODELS} has {disk.free / GIB:.1f} GiB free, the model needs {need / GIB:.1f} GiB"
        raise SystemExit(fact + ways_out)


def refuse_code(store: Path) -> None:
    """Raises SystemExit if the model asks for code of its own: vLLM is never told to trust that."""
    path = store / "config.json"
    try:
        config = json.loads(path.read_bytes()) if path.exists() else {}
    except ValueError:
        raise SystemExit(f"config.json of {HUB_ID} is not JSON") from None
    if isinstance(config, dict) and config.get("auto_map"):
        raise SystemExit(f"{HUB_ID} needs code of its own (auto_map in config.json), which is never run")


def link(store: Path) -> None:
    """Make the model's folder mean `store`, at once: whoever finds it finds all of the model."""
    draft = MODELS / f".{NAME}"
    draft.unlink(missing_ok=True)
    draft.symlink_to(store)
    draft.rename(MODELS / NAME)


def main() -> None:
    """Download, check, and only then link."""
    revision = commit()
    store = MODELS / f".{NAME}-{revision}"
    store.mkdir(parents=True, exist_ok=True)
    files, download = listing(revision), Download(revision, store)
    size = sum(download.bytes_missing(file) for file in files)
    check_disk(store, size)
    download.run([file for file in files if not file.name.endswith(".safetensors")])
    refuse_code(store)  # before gigabytes are fetched
    download.run(files)
    (store / ".daybox.json").write_text(json.dumps([HUB_ID, ASKED, revision]))  # read by `weights`
    link(store)
    total = sum(file.size for file in files)
    print(f"@word {HUB_ID} at {revision[:12]}, {total / GIB:.2f} GiB, every digest checked\n@bytes {size}")


if __name__ == "__main__":
    main()
