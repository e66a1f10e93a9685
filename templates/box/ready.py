#!/usr/bin/env python3
"""Stage ready: one real completion came back. A port or /health proves nothing: /health stays 200 on a dead engine."""

import json
import os
import re
import subprocess
import time
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

ROOT = Path(os.environ.get("DAYBOX_ROOT", "/"))  # these two are set by tests only
VLLM = os.environ.get("DAYBOX_VLLM", "http://127.0.0.1:8000")
LOOK_S = 2  # between two questions to Docker
RESTARTS = 2  # once may be chance; the second end of the same start is its fault
# The lines that name an error, for the very last ones are often only the clean-up.
LOG = "(docker logs --tail 3 vllm; docker logs --tail 300 vllm | grep -i 'error: ' | tail -n 3) 2>&1"


def completion(model: str) -> str:
    """Empty if a completion came back, else why not. Raises SystemExit if waiting will not help."""
    key = (ROOT / "etc/daybox/vllm-key").read_text().strip()
    body = {"model": model, "max_tokens": 1, "messages": [{"role": "user", "content": "Say yes."}]}
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    try:
        with urlopen(Request(VLLM + "/v1/chat/completions", json.dumps(body).encode(), headers), timeout=120) as reply:
            answer = json.load(reply)
        note_own_work(answer)
        return "" if answer["choices"] else "no choices"
    except HTTPError as error:
        if error.code < 500:  # a wrong key or name does not mend itself
            raise SystemExit(f"vLLM refuses: {error}: {error.read(300)!r}") from None
        return str(error)
    except (OSError, HTTPException, ValueError) as error:
        return str(error)


def note_own_work(answer: dict[str, Any]) -> None:
    """Tell the watchdog what was ours of vLLM's counters: else every reboot made an idle box look busy."""
    file = ROOT / "var/lib/daybox/own-work.json"
    with suppress(OSError, HTTPException, ValueError, KeyError):  # then it looks busy once
        with urlopen(VLLM + "/metrics", timeout=10) as reply:
            began = sum(map(float, re.findall(r"^process_start_time_seconds\S* (\S+)", reply.read().decode(), re.M)))
        known = json.loads(file.read_text()) if file.is_file() else {"began": began, "work": 0}
        before = known["work"] if known["began"] == began else 0
        work = answer["usage"]["total_tokens"] + 2  # the request is counted twice: by vLLM and by its server
        file.write_text(json.dumps({"began": began, "work": before + work}))


def container() -> tuple[str, int]:
    """State and number of restarts of the container."""
    words = ["docker", "inspect", "--format", "{{.State.Status}} {{.RestartCount}}", "vllm"]
    said = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False).stdout.split() or ["absent", "0"]
    return said[0], int(said[1])


def main() -> None:
    """Ask until an answer comes, or until the container shows that none will."""
    model = json.loads((ROOT / "opt/daybox/facts.json").read_text())["model"]["served"]
    begun = looked = time.monotonic()
    _, restarts = container()
    why = completion(model)
    if not why:
        print("@outcome already")
    while why:
        time.sleep(0.1)
        if time.monotonic() - looked > LOOK_S:
            looked, (state, count) = time.monotonic(), container()
            if state not in ("running", "restarting", "created") or count >= restarts + RESTARTS:
                subprocess.run(LOG, shell=True, check=False)
                raise SystemExit(f"the container is {state} after {count - restarts} restarts: {why}")
        why = completion(model)
    print(f"@word {model} answered after {time.monotonic() - begun:.1f} s")


if __name__ == "__main__":
    main()
