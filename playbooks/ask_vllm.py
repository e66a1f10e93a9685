"""Asking vLLM on the box itself: over the pinned ssh, with no tunnel. Key and prompt are never words of a command."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from playbooks.report import last_line
from playbooks.usage import note
from playbooks.usage_meter import used_of
from stacks.errors import ModelError
from stacks.ssh import Target, run

VLLM, ARCHITECT = "http://127.0.0.1:8000", "http://127.0.0.1:8001"
NOTED_AS = "verify"  # among the clients of `fab usage`, though it asks past the gateway
KEY_FILE = "/etc/daybox/vllm-key"
# The distribution's own python3: curl would need the key in its words, or in a file more.
PROGRAM = """
import sys, urllib.error, urllib.request
url, key_file, seconds = sys.argv[1:]
headers = {"Authorization": "Bearer " + open(key_file).read().strip(), "Content-Type": "application/json"}
request = urllib.request.Request(url, sys.stdin.buffer.read(), headers)
try:
    with urllib.request.urlopen(request, timeout=float(seconds)) as reply:
        status, text = reply.status, reply.read()
except urllib.error.HTTPError as error:
    status, text = error.code, error.read(2000)
print(status, flush=True)
sys.stdout.buffer.write(text)
"""
TIMED_OUT = 124  # timeout(1)'s
SSH_SECONDS = 4  # beside the answer's: a box that is up is reached within one
HINT = "`fab doctor` says why"


def ask(
    target: Target, path: str, body: Mapping[str, Any], *, seconds: float, architect: bool = False
) -> dict[str, Any]:
    """What vLLM answers to a POST, within `seconds`. architect: the second one.

    Raises BoxError if the box is not reached, ModelError if vLLM does not answer, or with anything but an object.
    """
    url = ARCHITECT if architect else VLLM
    words = ["timeout", f"{seconds:.1f}", "python3", "-c", PROGRAM, url + path, KEY_FILE, f"{seconds:.1f}"]
    done = run(target, shlex.join(words), stdin=json.dumps(body), timeout=seconds + SSH_SECONDS)
    status, _, text = done.stdout.partition("\n")
    if done.returncode == TIMED_OUT:
        raise ModelError(f"vLLM did not answer {path} within {seconds:.0f} s", hint=HINT)
    if done.returncode or not status.isdigit():
        raise ModelError(f"vLLM does not answer {path}: {last_line(done)}", hint=HINT)
    return answer(int(status), text, path)


def answer(status: int, text: str, path: str) -> dict[str, Any]:
    """The object in vLLM's reply. Raises ModelError with its own words if it refused, or if that is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if status == 200 and isinstance(found, dict):
        return found
    said = found.get("error", found) if isinstance(found, dict) else text
    said = said.get("message", said) if isinstance(said, dict) else said
    raise ModelError(f"vLLM answered {path} with {status}: {' '.join(str(said).split())[:200]}", hint=HINT)


def chat(
    target: Target, served: str, messages: list[dict[str, str]], *, seconds: float, architect: bool = False, **more: Any
) -> tuple[dict[str, Any], str]:
    """The message of one completion, as certain as the model can be, and why it ended (`stop`, `length`, …)."""
    body = {"model": served, "messages": messages, "temperature": 0, **more}
    reply = ask(target, "/v1/chat/completions", body, seconds=seconds, architect=architect)
    note(target.stack, NOTED_AS, used_of(reply))
    try:
        choice = reply["choices"][0]
        return dict(choice["message"]), str(choice.get("finish_reason"))
    except (KeyError, IndexError, TypeError, ValueError):
        raise ModelError("vLLM's answer holds no message", hint=HINT) from None


def token_ids(target: Target, served: str, *, seconds: float, **what: Any) -> list[int]:
    """The tokens of `messages=`, through the model's chat template, or of the text `prompt=`."""
    found = ask(target, "/tokenize", {"model": served, **what}, seconds=seconds).get("tokens")
    if not isinstance(found, list):
        raise ModelError("vLLM's /tokenize gave no tokens", hint=HINT)
    return [int(token) for token in found]


def text_of(target: Target, served: str, tokens: list[int], *, seconds: float) -> str:
    """What tokens say."""
    body = {"model": served, "tokens": tokens}
    return str(ask(target, "/detokenize", body, seconds=seconds).get("prompt", ""))
