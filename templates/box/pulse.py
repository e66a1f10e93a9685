#!/usr/bin/env python3
"""Says how this box is, a JSON object a line, until nobody listens any more: vLLM's figures, the cards, the report.

No file of the box: it comes over ssh's standard input. python3 - SECONDS REPORT_SECONDS CARDS_QUERY SERIES…
"""

import json
import os
import re
import subprocess
import sys
import time
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.request import urlopen

ROOT = Path(os.environ.get("DAYBOX_ROOT", "/"))  # these three are set by tests only
VLLM = os.environ.get("DAYBOX_VLLM", "http://127.0.0.1:8000")
ARCHITECT = os.environ.get("DAYBOX_ARCHITECT", "http://127.0.0.1:8001")
SCRAPE_S, CARDS_S, REPORT_S = 3, 5, 20
LINE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{.*\})? (\S+)", re.MULTILINE)


def has_architect() -> bool:
    """Whether a second vLLM serves beside the first."""
    with suppress(OSError, ValueError):
        return "architect" in json.loads((ROOT / "opt/daybox/facts.json").read_text())
    return False


def figures(names: list[str], vllm: str = VLLM) -> dict[str, float] | None:
    """Those of vLLM's series that it has, each the sum over its labels; None if it does not answer."""
    try:
        with urlopen(f"{vllm}/metrics", timeout=SCRAPE_S) as reply:
            text = reply.read().decode()
    except (OSError, HTTPException, ValueError):
        return None
    sums: dict[str, float] = {}
    for name, number in LINE.findall(text):
        if name in names and re.fullmatch(r"[\d.]+(e[+-]?\d+)?", number):  # NaN and Inf are no figures
            sums[name] = sums.get(name, 0.0) + float(number)
    return sums


def said(seconds: float, *words: str | Path) -> tuple[int, str]:
    """Exit status and words of a program; 127 if there is no such program, 124 if it takes too long."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return 124, f"no answer within {seconds:.0f} s"
    except OSError as error:
        return 127, str(error)
    return done.returncode, done.stdout if done.returncode == 0 else (done.stderr.strip() or done.stdout.strip())[-300:]


def main() -> None:
    """Look, say, sleep. Whoever hangs up is noticed with the next line."""
    seconds, report_seconds, query, *names = sys.argv[1:]
    due = time.monotonic()
    while True:
        began = time.monotonic()
        row: dict[str, Any] = {"at": began, "figures": figures(names)}
        if has_architect():
            row["architect"] = figures(names, ARCHITECT)
        row["cards"] = said(CARDS_S, "nvidia-smi", query, "--format=csv,noheader,nounits")
        if began >= due:
            due = began + float(report_seconds)
            row["report"] = said(REPORT_S, ROOT / "opt/daybox/bin/report")
        print(json.dumps(row), flush=True)
        time.sleep(max(0.1, float(seconds) - (time.monotonic() - began)))


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        main()
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python says so once more at its end
