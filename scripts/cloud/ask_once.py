"""Start the server given on the command line, ask it twice, end it. Runs in the boxes' root file system."""

import json
import subprocess
import sys
import time
import urllib.request

URL = "http://127.0.0.1:8000/v1/chat/completions"
DEADLINE_SECONDS = 300
REQUEST = {"model": "coder", "max_tokens": 8, "messages": [{"role": "user", "content": "Hello"}]}
WITH_SHAPE = REQUEST | {"structured_outputs": {"regex": "feat: [a-z]{2,10}"}}


def main() -> None:
    """Two answers, or a non-zero exit status."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    server = subprocess.Popen(sys.argv[1:], stdout=sys.stderr)
    try:
        wait_and_ask(server)
        ask(WITH_SHAPE)
    finally:
        server.terminate()
        server.wait()


def wait_and_ask(server: subprocess.Popen[bytes]) -> None:
    """Ask until it answers. Exits if it ends before, or takes too long."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            return ask(REQUEST)
        except OSError:
            time.sleep(0.2)
    sys.exit("vLLM did not answer")


def ask(request: dict[str, object]) -> None:
    """One completion. Raises OSError while there is none."""
    posted = urllib.request.Request(URL, json.dumps(request).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(posted, timeout=60) as reply:
        reply.read()


if __name__ == "__main__":
    main()
