"""vLLM on this machine with one set of flags or another, for `python -m scripts.bench_defaults`."""

import json
import os
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from scripts.bench_gateway import free_port
from scripts.cloud import first_run
from scripts.cloud.inside import nspawn
from scripts.cloud.prepare import parts
from stacks.catalog import Device
from stacks.models import NGRAM
from stacks.places import cache_dir

SERVED = "bench"
# For the exact answers: llguidance forces the tokens that the tokenizer makes of a text. With xgrammar, vLLM's own,
# SmolLM2 spelled the same text in half as many tokens again, in which drafts do not find the prompt. Measured.
EXACT = '--structured-outputs-config={"backend":"guidance"}'
START_SECONDS = 900.0  # of the largest model on a card
END_SECONDS = 60.0
LAST_LINES = 15  # of what a vLLM said that did not start


@dataclass(frozen=True)
class Variant:
    """One set of flags. without: the setting of daybox's that it leaves out, in words; empty for a whole set."""

    name: str
    flags: tuple[str, ...]
    without: str = ""


def variants(device: Device) -> tuple[Variant, ...]:
    """vLLM's defaults, daybox's flags on such a device, maider's, and daybox's with each setting left out.

    Source of maider's: its profile B, the default (commit 37377fe): --gpu-memory-utilization .90, --max-num-seqs 1. It
    says nothing of drafts, the prefix cache or the batch. Prefix caching is vLLM's default: daybox leaves it on.
    """
    batch = (f"--max-num-seqs={device.sequences}", f"--max-num-batched-tokens={device.batched_tokens}")
    drafts = (f"--speculative-config={NGRAM}",)
    memory = ("--gpu-memory-utilization=0.90",) if device.gpu else ()  # the CPU's cache has a size of its own
    return (
        Variant("vLLM's defaults", ()),
        Variant("daybox", (*batch, *drafts)),
        Variant("maider", ("--max-num-seqs=1", *memory)),
        Variant("daybox, no drafts", batch, "drafts"),
        Variant("daybox, no prefix cache", (*batch, *drafts, "--no-enable-prefix-caching"), "prefix cache"),
        Variant("daybox, vLLM's batch", drafts, "batch"),
    )


def on_cpu(context: int) -> list[str]:
    """The command line of the local cloud's vLLM, in the boxes' root file system; only its network is this machine's.

    What all variants share, as without it nothing starts here in reasonable time: eager, one process.
    """
    every = parts(cache_dir())
    folders = {"/mnt/site": every["site"].target, "/mnt/model": every["model"].target}
    cache = f"--bind-ro={every['first-run'].target}:/mnt/cache"
    serve = [*first_run.CPU.entry_words, "/mnt/model", f"--max-model-len={context}", *first_run.CPU.vllm_flags]
    words = nspawn(every["rootfs"].target, folders, first_run.environment(), serve)
    read_only = [word.replace("--bind=", "--bind-ro=", 1) for word in words if word != "--private-network"]
    return [read_only[0], cache, *read_only[1:]]


class Engine:
    """One vLLM that runs. started_s: seconds from its start to its first completion."""

    def __init__(self, variant: Variant, command: Sequence[str]) -> None:
        self.variant = variant
        self.port = free_port()
        self.started_s = 0.0
        log, name = tempfile.mkstemp(prefix="daybox-bench-")
        self._log = Path(name)
        own = (f"--served-model-name={SERVED}", "--host=127.0.0.1", f"--port={self.port}", EXACT, *variant.flags)
        began = time.monotonic()
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig=TERM", *command, *own],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        os.close(log)
        try:
            self._wait(began + START_SECONDS)
        except BaseException:
            self.stop()
            raise
        self.started_s = time.monotonic() - began

    def stop(self) -> None:
        """End it, with all that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._log.unlink(missing_ok=True)

    def _wait(self, deadline: float) -> None:
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = "\n".join(self._log.read_text(errors="replace").splitlines()[-LAST_LINES:])
                raise SystemExit(f"bench_defaults: {self.variant.name} did not start:\n{said}")
            time.sleep(0.1)

    def _answers(self) -> bool:
        body = {"model": SERVED, "max_tokens": 1, "messages": [{"role": "user", "content": "Say yes."}]}
        url, headers = f"http://127.0.0.1:{self.port}/v1/chat/completions", {"Content-Type": "application/json"}
        asked = urllib.request.Request(url, json.dumps(body).encode(), headers)
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=120) as reply:
                return bool(json.load(reply)["choices"])
        except (OSError, ValueError):
            return False
