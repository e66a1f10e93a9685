#!/usr/bin/env python3
"""Free a box's disk of what nobody needs, and say what each step gave: `python3 -` over ssh reads this program.

Nothing that runs loses anything: what goes was replaced by something newer, or can be fetched again.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

ROOT = Path(os.environ.get("DAYBOX_ROOT", "/"))  # set by tests only
PLACES = ("", "var/lib/docker", "var/lib/daybox", "var/log")
MODELS = ROOT / "var/lib/daybox/models"
STEP_S = 300
JOURNAL = "--vacuum-size=16M"  # of a box that lives for a day


def free_mib() -> int:
    """What is free on all its disks together, each counted once."""
    disks = {path.stat().st_dev: path for path in (ROOT / place for place in PLACES) if path.is_dir()}
    return sum(shutil.disk_usage(path).free for path in disks.values()) >> 20


def ran(*words: str) -> str:
    """What the program prints. Raises OSError with its last words if it fails."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=STEP_S, check=False)
    except subprocess.TimeoutExpired:
        raise OSError(f"{words[0]}: not done within {STEP_S} s") from None
    if done.returncode:
        raise OSError((done.stderr.strip() or f"{words[0]}: exit status {done.returncode}").splitlines()[-1])
    return done.stdout


def images() -> None:
    """Layers that no image has a name for: what a newer image took the place of."""
    ran("docker", "image", "prune", "--force")


def store(model: dict[str, str]) -> str:
    """How the name of the folder begins in which `download` has a model of the stack's, or goes on with it.

    A branch may mean any revision. A pinned one means itself: on a volume that was made for one revision, what is there
    of the last would keep the next from coming for good.
    """
    is_pinned = re.fullmatch("[0-9a-f]{40}", model["revision"])
    return f".{model['name']}-{model['revision'] if is_pinned else ''}"


def is_idle() -> bool:
    """Whether no vLLM runs, which might read its weights again."""
    try:
        return not ran("docker", "ps", "--quiet", "--filter", "name=^vllm(-architect)?$").strip()
    except OSError:
        return False


def other_models() -> None:
    """Weights of earlier models and revisions, and what is left of downloads that were never finished."""
    facts = json.loads((ROOT / "opt/daybox/facts.json").read_text())
    models = [facts[role] for role in ("model", "architect") if role in facts]
    ours = {model["name"] for model in models}
    if not is_idle():
        ours |= {(MODELS / name).resolve().name for name in ours}
    for path in MODELS.iterdir() if MODELS.is_dir() else ():
        if path.name in ours or path.name.startswith(tuple(map(store, models))):
            continue
        if path.is_symlink() or not path.is_dir():
            path.unlink()
        else:
            shutil.rmtree(path)


def journals() -> None:
    """Old words of systemd's journal."""
    ran("journalctl", "--rotate", JOURNAL)


def packages() -> None:
    """Archives of packages that are installed already."""
    ran("apt-get", "clean")


STEPS: tuple[tuple[str, Callable[[], None]], ...] = (
    ("dangling images", images),
    ("models that are not the stack's", other_models),
    ("old journals", journals),
    ("package archives", packages),
)


def freed(what: str, step: Callable[[], None]) -> dict[str, object]:
    """What a step gave, MiB; and why it could not be done, if so."""
    before, why = free_mib(), ""
    try:
        step()
    except Exception as error:
        why = str(error)
    return {"what": what, "mib": free_mib() - before, "why": why}


if __name__ == "__main__":
    print(json.dumps([freed(*step) for step in STEPS]))
