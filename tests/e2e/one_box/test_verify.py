"""`fab verify` and `fab status --watch` on a real box with the real vLLM: what its model does, how that looks live."""

import json
import os
import pty
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from playbooks.verify_cards import NAMES
from tests.laptop import Laptop, wait_for

LONGEST_SECONDS = 60
# Tokens come one by one for some seconds: the key is read on the box.
STREAM = """
import json, urllib.request
body = {"model": "MODEL", "max_tokens": 250, "ignore_eos": True, "stream": True,
        "messages": [{"role": "user", "content": "Tell a long story."}]}
headers = {"Authorization": "Bearer " + open("/etc/daybox/vllm-key").read(), "Content-Type": "application/json"}
url = "http://127.0.0.1:8000/v1/chat/completions"
print(len(urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers)).read()))
"""


def test_verify_tries_box_cards_and_model_within_a_minute(laptop: Laptop, repository: Path) -> None:
    began = time.monotonic()
    said = laptop.run("fab verify --json").ok()
    assert time.monotonic() - began < LONGEST_SECONDS
    rows = {row["check"]: row for row in json.loads(said.out)["checks"]}
    assert all(set(row) == {"check", "outcome", "seconds", "word"} for row in rows.values())
    assert [rows[name]["word"] for name in NAMES] == ["no GPU"] * len(NAMES)
    assert rows["tool_call_is_parsed"]["outcome"] == "skipped"
    tried = ("model_answers", "prefix_cache_is_hit_on_the_second_turn", "aider_requests_share_their_prompt")
    for name in (*tried, "edit_of_300_lines_applies", "test_docker_runs"):
        assert rows[name]["outcome"] == "passed", rows[name]
    assert rows["aider_requests_share_their_prompt"]["word"].startswith("100 % of what aider repeats")


class Terminal:
    """One of 80 columns. What is shown is read at all times: else whoever shows it would wait for ever."""

    def __init__(self) -> None:
        self.far, self.near = pty.openpty()
        self.text = ""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with suppress(OSError):  # nobody is at the other end any more
            while piece := os.read(self.far, 1 << 16):
                self.text += piece.decode(errors="replace")

    def shows(self, pattern: str) -> None:
        """Wait until it does."""
        wait_for(lambda: re.search(pattern, self.text), 40)


@contextmanager
def watching(laptop: Laptop) -> Iterator[tuple[Terminal, subprocess.Popen[bytes]]]:
    """`fab status --watch` on a terminal."""
    terminal = Terminal()
    script = f"cd {laptop.root} && source scripts/env local >/dev/null && exec fab status --watch"
    shown = {"COLUMNS": "80", "LINES": "30", "TERM": "xterm-256color", "NO_COLOR": "1"}
    process = subprocess.Popen(
        ["bash", "-c", script],
        env=laptop.environment(**shown),
        stdin=terminal.near,
        stdout=terminal.near,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a test run in the background ignores it
    )
    os.close(terminal.near)
    try:
        yield terminal, process
    finally:
        process.kill()
        process.wait()


def test_the_live_screen_shows_tokens_as_they_come_and_leaves_nothing_on_the_box(
    laptop: Laptop, repository: Path
) -> None:
    program = STREAM.replace("MODEL", laptop.outputs()["servedName"])
    with watching(laptop) as (terminal, process):
        terminal.shows(r"no GPU \(CPU\)")
        asking = threading.Thread(target=laptop.on_box, args=["python3 -", program])
        asking.start()
        terminal.shows(r"tokens/s +\S+ in, ([1-9]|0\.[1-9])\S* out")
        terminal.shows(r"requests +1 running")
        asking.join()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0
    assert re.search(r"cost +\$\d+\.\d\d so far, next hour in \d+ min", terminal.text)
    assert re.search(r"idle +(busy|\d+ min, since \d\d:\d\d); ends at ", terminal.text)
    wait_for(lambda: laptop.on_box("ps ax | grep -c '[p]ython3 -u -' || true").strip() == "0", 15)
