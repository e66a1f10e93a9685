"""`fab verify` and `fab status --watch` on a real box with the real vLLM: what its model does, how that looks live."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import threading
import time
from pathlib import Path

from playbooks.verify_cards import NAMES
from tests.laptop import Laptop, wait_for

LONGEST_SECONDS = 60
# Tokens come one by one for some seconds: the key is read on the box.
STREAM = """
import json, urllib.request
body = {"model": "MODEL", "max_tokens": 400, "ignore_eos": True, "stream": True,
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


def test_the_live_screen_shows_tokens_as_they_come_and_leaves_nothing_on_the_box(
    laptop: Laptop, repository: Path
) -> None:
    far, near = pty.openpty()
    script = f"cd {laptop.root} && source scripts/env local >/dev/null && exec fab status --watch"
    shown = {"COLUMNS": "80", "LINES": "30", "TERM": "xterm-256color", "NO_COLOR": "1"}
    watching = subprocess.Popen(
        ["bash", "-c", script],
        env=laptop.environment(**shown),
        stdin=near,
        stdout=near,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a test run in the background ignores it
    )
    os.close(near)
    try:
        text = said_until(far, r"no GPU \(CPU\)")
        program = STREAM.replace("MODEL", laptop.outputs()["servedName"])
        asking = threading.Thread(target=laptop.on_box, args=["python3 -", program])
        asking.start()
        text += said_until(far, r"tokens/s +\S+ in, ([1-9]|0\.[1-9])\S* out")
        text += said_until(far, r"requests +1 running")
        asking.join()
        watching.send_signal(signal.SIGINT)
        assert watching.wait(timeout=10) == 0
    finally:
        watching.kill()
        watching.wait()
        os.close(far)
    assert re.search(r"cost +\$\d+\.\d\d so far, next hour in \d+ min", text)
    assert re.search(r"idle +(busy|\d+ min, since \d\d:\d\d); ends at ", text)
    wait_for(lambda: laptop.on_box("ps ax | grep -c '[p]ython3 -u -' || true").strip() == "0", 15)


def said_until(far: int, pattern: str, seconds: float = 40) -> str:
    """All that the terminal got until the pattern stood there."""
    text, deadline = "", time.monotonic() + seconds
    while not re.search(pattern, text):
        assert time.monotonic() < deadline, text[-3000:]
        if select.select([far], [], [], 0.2)[0]:
            text += os.read(far, 1 << 16).decode(errors="replace")
    return text
