#!/usr/bin/env python3
"""Download the box's models from the Hub, each file checked, and make /var/lib/daybox/models/<name> mean them.

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
class Model:
    """What is wanted. asked: a revision, or a branch."""

    name: str
    hub_id: str
    asked: str

    @classmethod
    def of(cls, role: str) -> "Model":
        """The box's model in that role."""
        return cls(*(str(FACTS[role][key]) for key in ("name", "hub_id", "revision")))

    @property
    def is_there(self) -> bool:
        """Whether its folder means it already, or was handed in."""
        note = MODELS / self.name / ".daybox.json"
        hub_id, *revisions = json.loads(note.read_text()) if note.is_file() else [""]
        handed_in = (ROOT / "var/cache/daybox/models" / self.name).is_dir()
        return handed_in or (hub_id == self.hub_id and self.asked in revisions)


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


def hub(hub_id: str, path: str, **headers: str) -> HTTPResponse:
    """The Hub's answer; asked again after what may pass. Raises SystemExit with the reason, which names the model."""
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
                    f"{hub_id} is gated, private or not there (HTTP {code}); with a token that may read it in HF_TOKEN,"
                    " `fab bootstrap` tries again"
                ) from None
            if code == 404 or number == TRIES:
                raise SystemExit(f"{hub_id}: {path}: {error}") from None
            time.sleep(PAUSE_S * number)
        except ValueError:  # its own words hold the token
            raise SystemExit(f"{hub_id}: {path}: HF_TOKEN is no token that can be sent") from None
    raise AssertionError


def commit(model: Model) -> str:
    """The revision asked for, as 40 digits: a branch is resolved here, once."""
    if re.fullmatch("[0-9a-f]{40}", model.asked):
        return model.asked
    with hub(model.hub_id, f"api/models/{model.hub_id}/revision/{quote(model.asked, safe='')}") as reply:
        return str(json.load(reply)["sha"])


def listing(hub_id: str, revision: str) -> list[HubFile]:
    """The files of a commit that vLLM reads."""
    path, rows = f"api/models/{hub_id}/tree/{revision}?recursive=true", list[dict[str, Any]]()
    while path:
        with hub(hub_id, path) as reply:
            rows += json.load(reply)
            following = re.search(rf'<{re.escape(HUB)}/([^>]+)>; *rel="next"', reply.headers.get("Link") or "")
        path = following[1] if following else ""
    return chosen(hub_id, [row for row in rows if row["type"] == "file"])


def chosen(hub_id: str, rows: list[dict[str, Any]]) -> list[HubFile]:
    """Of all files those that vLLM reads. Raises SystemExit if the weights are in no form that is safe to load."""
    wanted = [HubFile.from_row(row) for row in rows if WANTED.fullmatch(row["path"])]
    if not any(file.name.endswith(".safetensors") for file in wanted):
        others = ", ".join([row["path"] for row in rows if UNSAFE.fullmatch(row["path"])][:3])
        also = f", and what else it has is never loaded: {others}" if others else " at its top level"
        raise SystemExit(f"{hub_id} has no safetensors{also}")
    return wanted


class Download:
    """A folder that fills: `.NAME.part` while pieces come, each noted in `.NAME.pieces`; NAME once it is checked."""

    def __init__(self, model: Model, revision: str) -> None:
        self.model, self.revision, self.store = model, revision, MODELS / f".{model.name}-{revision}"
        self.store.mkdir(parents=True, exist_ok=True)
        self.files = listing(model.hub_id, revision)
        self.size = sum(map(self.bytes_missing, self.files))  # still to come, bytes

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
            path = f"{self.model.hub_id}/resolve/{self.revision}/{quote(file.name)}"
            with hub(self.model.hub_id, path, **asked) as reply:
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


def check_disk(size: int, models: int) -> None:
    """Before the first byte. Raises SystemExit naming the disk, what is free and needed, and a volume's ways out."""
    disk, need = shutil.disk_usage(MODELS), size + SPARE
    who = "the model needs" if models == 1 else "the models need"
    if disk.free < need:
        gib = math.ceil((disk.total - disk.free + need) * FILE_SYSTEM_SHARE / GIB)
        larger = f"`pulumi config set daybox:volumeGib {gib}` and `pulumi up` enlarge it with the box's next boot"
        ways_out = f"; `fab doctor --fix` removes other models and revisions, or {larger}" if VOLUME.is_file() else ""
        fact = f"the disk of {MODELS} has {disk.free / GIB:.1f} GiB free, {who} {need / GIB:.1f} GiB"
        raise SystemExit(fact + ways_out)


def refuse_code(hub_id: str, store: Path) -> None:
    """Raises SystemExit if the model asks for code of its own: vLLM is never told to trust that."""
    path = store / "config.json"
    try:
        config = json.loads(path.read_bytes()) if path.exists() else {}
    except ValueError:
        raise SystemExit(f"config.json of {hub_id} is not JSON") from None
    if isinstance(config, dict) and config.get("auto_map"):
        raise SystemExit(f"{hub_id} needs code of its own (auto_map in config.json), which is never run")


def link(name: str, store: Path) -> None:
    """Make the model's folder mean `store`, at once: whoever finds it finds all of the model."""
    draft = MODELS / f".{name}"
    draft.unlink(missing_ok=True)
    draft.symlink_to(store)
    draft.rename(MODELS / name)


def bring(download: Download) -> str:
    """Download, check, and only then link; what came, for people."""
    model, store, revision = download.model, download.store, download.revision
    download.run([file for file in download.files if not file.name.endswith(".safetensors")])
    refuse_code(model.hub_id, store)  # before gigabytes are fetched
    download.run(download.files)
    (store / ".daybox.json").write_text(json.dumps([model.hub_id, model.asked, revision]))  # read by `weights`
    link(model.name, store)
    total = sum(file.size for file in download.files)
    return f"{model.hub_id} at {revision[:12]}, {total / GIB:.2f} GiB"


def main() -> None:
    """Bring what is not there, one model after the other, once the disk is known to hold them all."""
    wanted = [Model.of(role) for role in ("model", "architect") if role in FACTS]
    missing = [model for model in wanted if not model.is_there] or wanted[:1]
    downloads = [Download(model, commit(model)) for model in missing]
    size = sum(download.size for download in downloads)
    check_disk(size, len(downloads))
    words = [bring(download) for download in downloads]
    print(f"@word {'; '.join(words)}, every digest checked\n@bytes {size}")


if __name__ == "__main__":
    main()
