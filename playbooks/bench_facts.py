"""Where a figure comes from: what the box really runs, asked on it and not remembered."""

import json
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from playbooks.boxes import ROOT
from stacks.errors import BoxError
from stacks.ssh import Target, run

NO_GPU = "no GPU"
QUERY = "name,driver_version,memory.total"
CONTAINER = '{"args":{{json .Args}},"image":{{json .Config.Image}},"image_id":{{json .Image}}}'


@dataclass(frozen=True)
class Facts:
    """What answers. vllm: its version. entry: the words that start vLLM; flags: what follows `serve /model`.

    gpu: `name, driver, memory` of each card, or `no GPU`. revision: of the weights, as the box resolved it; empty where
    the cloud hands them in. bundle: sha256 of what is on the box.
    """

    vllm: str
    image: str
    image_id: str
    entry: tuple[str, ...]
    flags: tuple[str, ...]
    gpu: str
    revision: str
    bundle: str


def ask_box(model: str) -> str:
    """Shell command that prints a line for each fact: a word, and what the box says. model: name of its folder."""
    weights = shlex.quote(f"/var/lib/daybox/models/{model}/.daybox.json")
    rows = {
        "vllm": "curl --silent --max-time 5 http://127.0.0.1:8000/version",
        "container": f"docker inspect --format {shlex.quote(CONTAINER)} vllm",
        "gpu": f"nvidia-smi --query-gpu={QUERY} --format=csv,noheader 2>/dev/null | paste -sd ';'",
        "weights": f"cat {weights} 2>/dev/null",
        "bundle": "cat /opt/daybox/bundle.sha256",
    }
    return "; ".join(f'echo "{name} $({command})"' for name, command in rows.items())


def parse(text: str) -> Facts:
    """What the box said. Raises ValueError if it is not what we asked for."""
    said = dict(line.partition(" ")[::2] for line in text.splitlines())
    container = json.loads(said.get("container") or "null")
    if not container:
        raise ValueError("there is no container `vllm`")
    words = list(container["args"])
    serve = words.index("serve")
    return Facts(
        vllm=str(json.loads(said.get("vllm") or "{}").get("version", "")),
        image=container["image"],
        image_id=container["image_id"],
        entry=tuple(after_shell(words[:serve])),
        flags=tuple(words[serve + 2 :]),
        gpu=said.get("gpu", "").strip() or NO_GPU,
        revision=str((json.loads(said.get("weights") or "null") or [""])[-1]),
        bundle=said.get("bundle", "").strip(),
    )


def after_shell(words: list[str]) -> list[str]:
    """The words of a command without the shell that reads the key for it: `-c`, its script."""
    return words[2:] if words[:1] == ["-c"] else words


def read_facts(target: Target, model: str) -> Facts:
    """What the box runs now. Raises BoxError."""
    done = run(target, ask_box(model))
    try:
        return parse(done.stdout)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BoxError(f"box/{target.alias}: it does not say what it runs: {error}", hint="fab bootstrap") from None


def commit() -> str:
    """This checkout's commit, with a + if files differ from it; empty if git does not know."""
    found = git("rev-parse", "--short=12", "HEAD")
    return found + ("+" if found and git("status", "--porcelain", "--untracked-files=no") else "")


def git(*words: str) -> str:
    """What git says of this checkout; empty if it is none."""
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def as_row(facts: Facts) -> Mapping[str, Any]:
    """The facts as a line of the ledger has them."""
    kept = ("vllm", "image", "image_id", "flags", "gpu", "revision", "bundle")
    return {name: getattr(facts, name) for name in kept}
