"""What the watchdog says to people, wherever they may be: on the box, on the laptop, on a phone. Never fails."""

import json
import os
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import TypeVar
from urllib.request import ProxyHandler, Request, build_opener

T = TypeVar("T")
NOTICE_S = 5.0  # what is deleted must not wait for a chat, however slowly that answers


def say(root: Path, row: Mapping[str, object]) -> None:
    """Tell `row` everywhere: all of it where the laptop reads, and by webhook; its `text` on the box's terminals."""
    with suppress(OSError):
        append(root / "var/lib/daybox/words.jsonl", json.dumps(row))
    with suppress(OSError, subprocess.SubprocessError):
        subprocess.run(["wall", str(row["text"])], check=False, timeout=NOTICE_S, capture_output=True)
    with suppress(OSError, ValueError, AttributeError):
        notices = json.loads((root / "etc/daybox/notices.json").read_text())
        within(NOTICE_S, lambda: send(notices, row))


def send(notices: Mapping[str, str], row: Mapping[str, object]) -> None:
    """Post `row` to the webhook, and its `text` to ntfy, as far as there are such."""
    text = str(row["text"])
    if notices.get("webhook"):  # Slack reads `text`, Discord `content`
        post(notices["webhook"], json.dumps({**row, "content": text}).encode(), {"Content-Type": "application/json"})
    if notices.get("ntfy"):
        post(notices["ntfy"], text.encode(), {"Title": "daybox"})


def within(seconds: float, action: Callable[[], T]) -> T | None:
    """What `action` gives, None if it has not by then, or fails: a timeout of the network's is one of each byte."""
    found: list[T] = []

    def run() -> None:
        with suppress(Exception):  # there is nobody to hear of it
            found.append(action())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    return found[0] if found else None


def append(path: Path, line: str) -> None:
    """Add the line, on disk when this returns: these may be last words."""
    with path.open("a") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())


def post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Send a notice; whether it arrives, nobody can wait for."""
    with suppress(OSError, HTTPException, ValueError):
        request = Request(url, body, {"User-Agent": "daybox-watchdog", **headers})
        build_opener(ProxyHandler({})).open(request, timeout=NOTICE_S).close()
