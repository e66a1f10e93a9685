"""What the watchdog says to people, wherever they may be: on the box, on the laptop, on a phone. Never fails."""

import json
import os
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from urllib.request import ProxyHandler, Request, build_opener

NOTICE_S = 5.0  # what is deleted must not wait for a chat


def say(root: Path, row: Mapping[str, object]) -> None:
    """Tell `row` everywhere: its `text` on the box's terminals; all of it where the laptop reads, and by webhook."""
    text = str(row["text"])
    with suppress(OSError, subprocess.SubprocessError):
        subprocess.run(["wall", text], check=False, timeout=NOTICE_S, capture_output=True)
    with suppress(OSError):
        append(root / "var/lib/daybox/words.jsonl", json.dumps(row))
    with suppress(OSError, ValueError, AttributeError):
        notices = json.loads((root / "etc/daybox/notices.json").read_text())
        if notices.get("webhook"):  # Slack reads `text`, Discord `content`
            body = json.dumps({**row, "content": text}).encode()
            post(notices["webhook"], body, {"Content-Type": "application/json"})
        if notices.get("ntfy"):
            post(notices["ntfy"], text.encode(), {"Title": "daybox"})


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
