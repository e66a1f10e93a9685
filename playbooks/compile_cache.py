"""vLLM's compile cache, carried from a box to the next one: tens of seconds of a start, for a few hundred MB.

A process of its own carries it, and nothing waits for it: what is kept goes to a new box once a driver names its cards,
while its image comes, and is used if it is there before vLLM begins; what a box compiled is fetched once it answers.
It is code that vLLM runs. It lies in this laptop's own 0700 folder, goes from your own box to your own box over pinned
ssh, is taken there by its hash only, and is never unpacked here.
"""

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from playbooks.boxes import ROOT
from stacks.box import Box
from stacks.places import CACHE_VARIABLE, STATE_VARIABLE, cache_dir, private_folder, stack_dir, state_dir
from stacks.ssh import environment

if TYPE_CHECKING:
    from stacks.settings import Settings

MOST_BYTES, ALL_BYTES = 2 << 30, 6 << 30  # of one, as templates/box/cache.py bounds it, too; of all that are kept
DRAFT_SECONDS = 86_400.0  # nothing is fetched for so long
LOG, DONE = "compile-cache.log", "compile-cache.done"


@dataclass(frozen=True)
class Orders:
    """What the carrier must know. began: the lease and its bundle. parts: what decides what is compiled, card apart."""

    stack: str
    alias: str
    began: str
    minutes: float
    parts: Sequence[str]


def compiles(words: Sequence[str]) -> bool:
    """Whether a vLLM of this command line compiles: of words that contradict each other, it takes the last."""
    eager = [word for word in words if word in ("--enforce-eager", "--no-enforce-eager")]
    return eager[-1:] != ["--enforce-eager"]


def parts_of(settings: "Settings") -> list[str]:
    """What decides what is compiled, but the card: engine, environment, model, and every flag.

    vLLM looks for itself whether a cache fits: a flag too many here costs a compilation, one too few no wrong answer.
    """
    from stacks.engines import engines_of, vllm_words

    device = settings.device
    names = [f"{name}={value}" for name, value in sorted(device.environment.items())]
    engines = [
        word
        for engine in engines_of(settings)
        for word in (engine.model.hub_id, engine.model.revision, *vllm_words(settings, engine))
    ]
    return [device.image, *names, *engines]


def key(parts: Sequence[str], card: str) -> str:
    """Names what was compiled out of these parts. card: as the box says it, its driver's branch included."""
    return hashlib.sha256(json.dumps([*parts, card]).encode()).hexdigest()[:20]


def folder() -> Path:
    """Where they are kept, 0700."""
    return private_folder(cache_dir() / "compile")


def kept(name: str) -> Path | None:
    """The cache of that key, marked as used now; None if there is none, or half of one."""
    file = folder() / f"{name}.tar.gz"
    if not (file.is_file() and file.with_name(f"{name}.json").is_file()):
        return None
    file.touch()
    return file


def forget(file: Path) -> None:
    """Delete a cache and its note."""
    file.with_name(file.name.removesuffix(".tar.gz") + ".json").unlink(missing_ok=True)
    file.unlink(missing_ok=True)


def prune(most: int = ALL_BYTES) -> None:
    """Delete those that were not used for longest, until all together have at most so many bytes; and old drafts."""
    for draft in folder().glob(".*"):  # of a carrier that was killed, as by a laptop that went off
        if draft.stat().st_mtime < time.time() - DRAFT_SECONDS:
            draft.unlink(missing_ok=True)
    files = sorted(folder().glob("*.tar.gz"), key=lambda file: file.stat().st_mtime)
    while files and sum(file.stat().st_size for file in files) > most:
        forget(files.pop(0))


def start(box: Box, settings: "Settings", bundle_sha256: str) -> None:
    """Have it carried, unless that was done for this lease and bundle, or there is nothing to carry."""
    if settings.volume:
        return
    began, done, parts = f"{box.lease} {bundle_sha256}", stack_dir(box.stack) / DONE, parts_of(settings)
    if not compiles(parts) or (done.is_file() and done.read_text() == began):
        return
    with suppress(OSError):  # a full disk: it is only slower without
        send(Orders(box.stack, box.alias, began, settings.ready_minutes, parts))


def send(orders: Orders) -> None:
    """Start the carrier, which outlives this process, and give it its orders."""
    places = {STATE_VARIABLE: str(state_dir().resolve()), CACHE_VARIABLE: str(cache_dir().resolve())}
    with open(stack_dir(orders.stack) / LOG, "ab") as log:
        carrier = subprocess.Popen(
            [sys.executable, "-m", "playbooks.compile_carrier"],
            cwd=ROOT,
            env={**environment(), **places},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    assert carrier.stdin is not None  # we asked for a pipe
    with carrier.stdin:
        carrier.stdin.write(json.dumps(asdict(orders)).encode())
