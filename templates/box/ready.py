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

ROOT = Path(os.environ.get("DAYBOX_ROOT", "/"))  # these three are set by tests only
VLLM = {
    "model": os.environ.get("DAYBOX_VLLM", "http://127.0.0.1:8000"),
    "architect": os.environ.get("DAYBOX_ARCHITECT", "http://127.0.0.1:8001"),
}
CONTAINERS = {"model": "vllm", "architect": "vllm-architect"}
OWN_WORK = {"model": "own-work", "architect": "own-work-architect"}
LOOK_S = 2  # between two questions to Docker
RESTARTS = 2  # once may be chance; the second end of the same start is its fault
# The lines that name an error, for the very last ones are often only the clean-up.
LOG = "(docker logs --tail 3 $0; docker logs --tail 300 $0 | grep -i 'error: ' | tail -n 3) 2>&1"


def completion(model: str, role: str = "model") -> str:
    """Empty if a completion came back, else why not. Raises SystemExit if waiting will not help."""
    key = (ROOT / "etc/daybox/vllm-key").read_text().strip()
    body = {"model": model, "max_tokens": 1, "messages": [{"role": "user", "content": "Say yes."}]}
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    try:
        request = Request(VLLM[role] + "/v1/chat/completions", json.dumps(body).encode(), headers)
        with urlopen(request, timeout=120) as reply:
            answer = json.load(reply)
        note_own_work(answer, role)
        return "" if answer["choices"] else "no choices"
    except HTTPError as error:
        if error.code < 500:  # a wrong key or name does not mend itself
            raise SystemExit(f"vLLM refuses: {error}: {error.read(300)!r}") from None
        return str(error)
    except (OSError, HTTPException, ValueError) as error:
        return str(error)


def note_own_work(answer: dict[str, Any], role: str = "model") -> None:
    """Tell the watchdog what was ours of vLLM's counters: else every reboot made an idle box look busy."""
    file = ROOT / f"var/lib/daybox/{OWN_WORK[role]}.json"
    with suppress(OSError, HTTPException, ValueError, KeyError):  # then it looks busy once
        with urlopen(VLLM[role] + "/metrics", timeout=10) as reply:
            began = sum(map(float, re.findall(r"^process_start_time_seconds\S* (\S+)", reply.read().decode(), re.M)))
        known = json.loads(file.read_text()) if file.is_file() else {}
        before = known if known.get("began") == began else {"work": 0}
        work = before["work"] + answer["usage"]["total_tokens"] + 2  # counted twice: by vLLM and by its server
        file.write_text(json.dumps({"began": began, "work": work, "requests": before.get("requests", 0) + 1}))


def container(role: str) -> tuple[str, int]:
    """State and number of restarts of the container."""
    words = ["docker", "inspect", "--format", "{{.State.Status}} {{.RestartCount}}", CONTAINERS[role]]
    said = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False).stdout.split() or ["absent", "0"]
    return said[0], int(said[1])


def wait(model: str, role: str, restarts: int) -> bool:
    """Ask until an answer comes, or until the container shows that none will; whether it came at once."""
    looked = time.monotonic()
    at_once = not (why := completion(model, role))
    while why:
        time.sleep(0.1)
        if time.monotonic() - looked > LOOK_S:
            looked, (state, count) = time.monotonic(), container(role)
            if state not in ("running", "restarting", "created") or count >= restarts + RESTARTS:
                subprocess.run(["sh", "-c", LOG, CONTAINERS[role]], check=False)
                raise SystemExit(f"{CONTAINERS[role]} is {state} after {count - restarts} restarts: {why}")
        why = completion(model, role)
    return at_once


def main() -> None:
    """One answer of each model."""
    begun, facts = time.monotonic(), json.loads((ROOT / "opt/daybox/facts.json").read_text())
    served = {role: facts[role]["served"] for role in VLLM if role in facts}
    restarts = {role: container(role)[1] for role in served}
    if all([wait(model, role, restarts[role]) for role, model in served.items()]):
        print("@outcome already")
    print(f"@word {' and '.join(served.values())} answered after {time.monotonic() - begun:.1f} s")


if __name__ == "__main__":
    main()
