"""Why vLLM did not start, asked of its own log on the box: the newest start, and where that is not over, those before.

Docker starts a container that ended again and again. When somebody looks, its newest start has most often not failed
yet, so the log of that start alone says nothing.
"""

import shlex
import subprocess
from contextlib import suppress

from playbooks.log_causes import Diagnosis, diagnose
from stacks.errors import BoxError
from stacks.ssh import Target, run

NOTHING_WRONG = ("healthy", "stopped-cleanly")
SAYS_NOTHING = (*NOTHING_WRONG, "unknown")
LINES = 4000  # of a start: some hundred, more while it repeats itself
MARK = "@@ the starts before @@"
LOG_SECONDS = 30


def container_of(word: str) -> str:
    """The container that a stage's word blames; the main one if it names none."""
    return "vllm-architect" if "vllm-architect is " in word else "vllm"


def log_command(lines: int = LINES, name: str = "vllm") -> str:
    """Shell command that prints a vLLM's newest start, Docker's own error, a mark, and the starts before."""
    started, error, mark = ("'{{.State.StartedAt}}'", "'{{.State.Error}}'", shlex.quote(MARK))
    return (
        f"at=$(docker inspect --format {started} {name}) || exit; docker logs --tail {lines} --since $at {name} 2>&1; "
        f"docker inspect --format {error} {name}; echo {mark}; docker logs --tail {lines} --until $at {name} 2>&1"
    )


def start_cause(target: Target, word: str = "") -> Diagnosis | None:
    """What keeps vLLM from starting; None if neither its log nor `word`, what its stage said, names anything."""
    said = ""
    with suppress(BoxError, subprocess.SubprocessError):  # then its word is all there is
        said = run(target, log_command(name=container_of(word)), timeout=LOG_SECONDS).stdout
    now, _, before = said.partition(f"{MARK}\n")
    found = diagnosed([now, before, word.replace(" | ", "\n")], answers=False)
    return None if found is None or found.cause in SAYS_NOTHING else found


def diagnosed(texts: list[str], *, answers: bool) -> Diagnosis | None:
    """The first text that has a cause; else what the first comes to. None if none says anything.

    texts: the newest start first. answers: a completion came back, so what was before the newest start is over.
    """
    spoken = [text for text in texts if text.strip()]
    found = [diagnose(text) for text in (spoken[:1] if answers else spoken)]
    return next((one for one in found if one.cause not in SAYS_NOTHING), found[0] if found else None)
