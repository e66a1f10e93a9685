"""Measure what a kept compile cache spares: `python -m scripts.bench_cache --python python3.13`.

The real vLLM starts on this machine with what a box would have: without compiling, with an empty cache, and with the
cache of that start, carried by the box's own program. It needs what the local cloud is made of (scripts/setup try), the
Python of its boxes, and a C++ compiler, which vLLM compiles with on a CPU; boxes of the local cloud have none.
"""

import argparse
import hashlib
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from scripts.cloud import first_run
from scripts.cloud.prepare import parts
from stacks.places import cache_dir
from templates import program

PROMPT = b'{"model": "coder", "max_tokens": 8, "messages": [{"role": "user", "content": "Hello"}]}'
LONGEST_SECONDS = 600
HELD = "var/lib/daybox/vllm-cache"


def start(python: str, root: Path, *, eager: bool) -> float:
    """Seconds from the start of vLLM to its first completion, with the cache of the box whose `/` is `root`."""
    every, port = parts(cache_dir()), free_port()
    site, model = every["site"].target, every["model"].target
    (root / HELD).mkdir(parents=True, exist_ok=True)
    words = [word.replace("/mnt/model", str(model)).replace("8000", str(port)) for word in first_run.serve()]
    words = [python, *words[1:]] + ([] if eager else ["--no-enforce-eager"])
    moved = {name: text.replace("/mnt/site", str(site)) for name, text in first_run.environment().items()}
    (root / "home").mkdir(exist_ok=True)
    own = {"HOME": str(root / "home"), "VLLM_CACHE_ROOT": str(root / HELD), "PATH": os.environ["PATH"]}
    # On cards vLLM puts inductor's own cache below its root; on a CPU it leaves that in /tmp, which no container keeps.
    own |= {"TORCHINDUCTOR_CACHE_DIR": str(root / HELD / "inductor"), "TMPDIR": str(root / "home")}
    began = time.monotonic()
    with open(root / "log", "wb") as log, subprocess.Popen(words, env={**moved, **own}, stdout=log, stderr=log) as vllm:
        try:
            ask_until_it_answers(vllm, port, root / "log")
            return time.monotonic() - began
        finally:
            vllm.terminate()


def free_port() -> int:
    """A port of this machine that nobody has."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def ask_until_it_answers(vllm: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    """One completion. Exits with the end of the log if vLLM ends before, or takes too long."""
    deadline = time.monotonic() + LONGEST_SECONDS
    url, headers = f"http://127.0.0.1:{port}/v1/chat/completions", {"Content-Type": "application/json"}
    while vllm.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, PROMPT, headers), timeout=120) as reply:
                reply.read()
                return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"vLLM did not answer:\n{log.read_text()[-3000:]}")


def carry(source: Path, target: Path) -> tuple[float, float, int]:
    """Seconds to pack and to unpack, and the bytes between."""
    (target / "cache.py").write_text(program("cache"))
    words, began = [sys.executable, str(target / "cache.py")], time.monotonic()
    environment = {"PATH": os.environ["PATH"]}
    packed = subprocess.run(
        [*words, "pack"], env={**environment, "DAYBOX_ROOT": str(source)}, stdout=subprocess.PIPE, check=True
    )
    between = time.monotonic()
    unpack = [*words, "unpack", hashlib.sha256(packed.stdout).hexdigest()]
    subprocess.run(unpack, env={**environment, "DAYBOX_ROOT": str(target)}, input=packed.stdout, check=True)
    return between - began, time.monotonic() - between, len(packed.stdout)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default="python3.13", help="the Python of the boxes, 3.13")
    python = parser.parse_args().python
    with tempfile.TemporaryDirectory() as name:
        eager, box, gone = (Path(name) / root for root in ("eager", "box", "gone"))
        for root in (eager, box):
            root.mkdir()
        start(python, eager, eager=True)  # reads all files once, whose first reading counts for none of them
        print(f"without compiling              {start(python, eager, eager=True):6.1f} s", flush=True)
        print(f"compiling, its cache empty     {start(python, box, eager=False):6.1f} s", flush=True)
        box.rename(gone)  # the next box has the same paths, and nothing else of this one
        box.mkdir()
        packing, unpacking, size = carry(gone, box)
        print(f"carried: {size / 1e6:.1f} MB, packed in {packing:.1f} s, unpacked in {unpacking:.1f} s", flush=True)
        print(f"compiling, its cache carried   {start(python, box, eager=False):6.1f} s", flush=True)


if __name__ == "__main__":
    main()
