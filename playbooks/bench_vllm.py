"""`fab bench --vllm`: vLLM's own benchmark against the same vLLM, for a number that others can compare.

It runs in vLLM's container, which has it, the tokenizer and the key, and no way out. The key is read there from its
file into an environment; nothing of it is on a command line.
"""

import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from playbooks.bench_facts import Facts
from playbooks.progress import say
from stacks.errors import BoxError, ModelError, NotReadyError
from stacks.ssh import Target, environment, remote, run

# What `vllm bench serve` does if nothing is said, for one developer: so do others. Random tokens tell nothing of drafts
# and little of the prefix cache. Source: vLLM 0.32, benchmarks/datasets/datasets.py.
PROMPTS, INPUT_TOKENS, OUTPUT_TOKENS = 10, 1024, 128
LIMIT_SECONDS = 1800
HERE, RESULT = "/tmp", "daybox-bench.json"  # in the container
WITH_KEY = 'OPENAI_API_KEY=$(cat /run/secrets/vllm-key); export OPENAI_API_KEY; exec "$0" "$@"'
NOTE = "random tokens: drafts find nothing in them, a cache little; `fab bench` shows what edits feel like"


def words_of(facts: Facts, served: str, window_tokens: int, clients: int, more: Sequence[str]) -> list[str]:
    """The benchmark's command line, inside the container. more: the user's own words, which come last and so win."""
    entry = [*facts.entry, "bench", "serve"]
    prompt = min(INPUT_TOKENS, window_tokens - 2 * OUTPUT_TOKENS)  # a small window; the chat's template takes a part
    return [
        *entry,
        *("--backend", "openai-chat", "--endpoint", "/v1/chat/completions", "--base-url", "http://127.0.0.1:8000"),
        *("--model", served, "--tokenizer", "/model", "--temperature", "0", "--ignore-eos"),
        *("--dataset-name", "random", "--random-input-len", str(prompt), "--random-output-len", str(OUTPUT_TOKENS)),
        *("--num-prompts", str(PROMPTS * clients), "--max-concurrency", str(clients), *more),
        *("--save-result", "--result-dir", HERE, "--result-filename", RESULT),
    ]


def on_box(words: Sequence[str]) -> str:
    """Shell command that runs it in the container."""
    inside = ["docker", "exec", "--interactive", "vllm", "sh", "-c", WITH_KEY, *words]
    return shlex.join(inside)


def result() -> str:
    """Shell command that prints what it gave, and forgets it."""
    return in_python(f'import os; print(open("{HERE}/{RESULT}").read()); os.remove("{HERE}/{RESULT}")')


def end() -> str:
    """Shell command that ends one that runs: it would go on after Ctrl-C, and keep the box busy."""
    return in_python(ending(RESULT))


def ending(word: str) -> str:
    """A Python program that ends every process with this word among its arguments."""
    lines = (
        "import glob, os",
        'for path in glob.glob("/proc/[0-9]*/cmdline"):',
        "    try:",
        f'        if b"{word}" in open(path, "rb").read().split(bytes(1)):',
        '            os.kill(int(path.split("/")[2]), 15)',
        "    except OSError:",  # gone already
        "        pass",
    )
    return "\n".join(lines)


def in_python(program: str) -> str:
    """Shell command that runs it in the container, which has Python, and need not have rm, grep or kill."""
    return shlex.join(["docker", "exec", "vllm", "python3", "-c", program])


def run_benchmark(target: Target, words: Sequence[str]) -> dict[str, Any]:
    """What the benchmark gave, its own words shown as they come. Raises BoxError, ModelError."""
    say(f"in vLLM's container: {shlex.join(words)}")
    say(NOTE)
    try:
        status = subprocess.run(
            remote(target, on_box(words)),
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            check=False,
            timeout=LIMIT_SECONDS,
        ).returncode
    except KeyboardInterrupt:
        run(target, end())
        raise
    except subprocess.TimeoutExpired:
        run(target, end())
        hint = "ask for less: fab bench --vllm -- --num-prompts 3"
        raise NotReadyError(f"box/vllm: its own benchmark took over {LIMIT_SECONDS} s", hint=hint) from None
    if status == 255:
        raise BoxError(f"box/{target.alias}: the connection broke off", hint="see `fab status`: is the box there?")
    if status:
        fact = f"box/vllm: its own benchmark ended with {status}"
        raise ModelError(fact, hint="it said why, above; nothing was kept")
    given = run(target, result())
    if given.returncode:
        raise ModelError("box/vllm: its own benchmark left no result", hint="nothing was kept")
    return completed(json.loads(given.stdout))


def completed(given: dict[str, Any]) -> dict[str, Any]:
    """The result without its longest lists. Raises ModelError if a request failed: a part is no result."""
    failed = given.get("failed") or given["num_prompts"] - given["completed"]
    if failed:
        raise ModelError(f"box/vllm: {failed} of {given['num_prompts']} requests failed", hint="nothing was kept")
    return {name: value for name, value in given.items() if not isinstance(value, list | dict)}
