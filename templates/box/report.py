#!/usr/bin/env python3
"""What the laptop wants to know of this box, as one JSON, so that one ssh command is enough."""

import json
import os
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

ROOT = Path(os.environ.get("DAYBOX_ROOT", "/"))


def text(path: str) -> str:
    """The file's text without its end, empty if it is not there."""
    try:
        return (ROOT / path).read_text().strip()
    except OSError:
        return ""


def said(*words: str | Path) -> str:
    """What a program prints, whatever becomes of it; nothing if it is not installed yet."""
    try:
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


def events() -> list[dict[str, Any]]:
    """Every event that was written whole."""
    found = []
    for line in text("var/lib/daybox/stages.jsonl").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:  # cut off by a full disk or a power failure
            continue
    return found


def containers() -> tuple[str, float]:
    """`running`, `exited` or `absent`, and since when; of two vLLMs the worse, and the later moment."""
    architect = '"architect"' in text("opt/daybox/facts.json")
    found = [container(name) for name in ("vllm", *(["vllm-architect"] if architect else []))]
    worst = min((state for state, _ in found), key=("absent", "exited", "running").index)
    return worst, max(since for _, since in found)


def container(name: str) -> tuple[str, float]:
    """`running`, `exited` or `absent`, and since when."""
    words = said("docker", "inspect", "--format", "{{.State.Running}} {{.State.StartedAt}}", name).split()
    if len(words) != 2:
        return "absent", 0
    return "running" if words[0] == "true" else "exited", datetime.fromisoformat(words[1][:19] + "+00:00").timestamp()


def report() -> dict[str, Any]:
    """All of it."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    stages, (vllm, since) = events(), containers()
    # A completion of this boot, from the processes that run now.
    ends = [event for event in stages if event["stage"] == "ready" and event["boot"] == boot]
    proofs = [event["at"] for event in ends if event.get("outcome") in ("done", "already")]
    return {
        "boot": boot,
        "bundle": text("opt/daybox/bundle.sha256"),
        "stages": stages,
        "watchdog": json.loads(said(ROOT / "opt/daybox/bin/watchdog", "--status") or "{}"),
        "vllm": vllm,
        "ready": vllm == "running" and bool(proofs) and proofs[-1] >= since,
    }


if __name__ == "__main__":
    print(json.dumps(report()))
