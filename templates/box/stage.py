#!/usr/bin/env python3
"""Run one stage's program and write its story down: `stage NAME [PROGRAM]`.

The program speaks on stdout: `@word TEXT` (one line for people), `@bytes N`, `@outcome already|passed`. Every other
line goes to the journal. If it fails, its last lines are the word.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(os.environ.get("DAYBOX_ROOT", "/"))  # set by tests only
STATE = ROOT / "var/lib/daybox"
FULL_MIB = 64  # with less than this free, "no space left" is the cause whatever the program said
WAITED_FOR = ("ready",)  # what arming brings, for which user-data has no room
STAGE = sys.argv[1]


def write(event: str, **more: object) -> None:
    """Append one event: a single write, so that stages side by side do not mix, and on disk before we go on.

    Where the disk takes nothing more, the journal has it.
    """
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    line = json.dumps({"stage": STAGE, "event": event, "at": round(time.time(), 3), "boot": boot, **more})
    try:
        with open(STATE / "stages.jsonl", "ab", buffering=0) as file:
            file.write(f"{line}\n".encode())
            os.fsync(file.fileno())
    except OSError as error:
        print(line, error, flush=True)


def full_disk() -> str:
    """Names the disk that is full, or nothing."""
    for path in (STATE, ROOT / "var/lib/docker", ROOT):
        free_mib = shutil.disk_usage(path).free >> 20 if path.is_dir() else FULL_MIB
        if free_mib < FULL_MIB:
            return f"the disk of {path} is full, {free_mib} MiB free: "
    return ""


def stop(*_: object) -> None:
    """At a reboot the stage has not failed: it starts again with the next boot."""
    said = subprocess.run(["systemctl", "is-system-running"], capture_output=True, check=False)
    if said.stdout.strip() != b"stopping":
        write("end", outcome="failed", word="stopped by hand or by its time limit", bytes=None)
    os._exit(1)


def run(program: str) -> int:
    """Run it to its end; returns its exit status."""
    signal.signal(signal.SIGTERM, stop)
    said = {"word": "", "bytes": "", "outcome": "done"}
    lines: list[str] = []
    path = ROOT / "opt/daybox/bin" / program
    while program in WAITED_FOR and not path.exists():
        time.sleep(0.2)
    with subprocess.Popen(path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace") as child:
        for line in child.stdout or ():
            key, _, text = line.strip().partition(" ")
            if key[1:] in said and key[0] == "@":
                said[key[1:]], lines = text, []
            elif key:
                lines = [*lines[-3:], line.strip()]
                print(line, end="", flush=True)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # one end, not two
    word = said["word"] or " | ".join(lines)
    if child.returncode:
        said["outcome"] = "failed"
        word = full_disk() + (" | ".join(lines) or word or f"exit status {child.returncode}")
    write("end", outcome=said["outcome"], word=word, bytes=int(said["bytes"]) if said["bytes"] else None)
    return child.returncode


if __name__ == "__main__":
    STATE.mkdir(parents=True, exist_ok=True)
    write("start")
    sys.exit(run(sys.argv[-1]))
