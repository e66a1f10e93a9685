"""What the local cloud needs before its first box, as parts that are made once and kept.

A part's target is named after the hash of its recipe, is built under another name and renamed when complete: what is
there is complete and current, however the last run ended. Parts that need nothing of each other are made side by side.
"""

import fcntl
import hashlib
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stacks.errors import CloudError


@dataclass(frozen=True)
class Part:
    """One thing to have. build: makes it at the path it is given; download_mib: about, of an empty cache."""

    name: str
    what: str
    target: Path
    build: Callable[[Path], None]
    needs: tuple[str, ...] = ()
    download_mib: int = 0

    @property
    def is_there(self) -> bool:
        """Whether it was made, by this recipe."""
        return self.target.exists()

    def make(self) -> float:
        """Build it; returns the seconds it took. What an interrupted run left behind is removed first."""
        began = time.monotonic()
        draft = self.target.with_name(f".{self.target.name}.draft")
        remove(draft)
        draft.parent.mkdir(parents=True, exist_ok=True)
        self.build(draft)
        draft.rename(self.target)
        return time.monotonic() - began


def recipe_hash(*ingredients: str) -> str:
    """Twelve hexadecimal digits that change with any of the texts."""
    return hashlib.sha256("\0".join(ingredients).encode()).hexdigest()[:12]


def remove(path: Path) -> None:
    """Delete a file or a folder, if it is there. Raises CloudError if anything is mounted in it."""
    if f" {path}/" in Path("/proc/mounts").read_text():
        raise CloudError(f"{path}: something is mounted in it", hint=f"umount what `grep {path} /proc/mounts` shows")
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def missing(parts: Sequence[Part]) -> list[Part]:
    """The parts that are still to be made, in their order."""
    return [part for part in parts if not part.is_there]


def with_needs(parts: Mapping[str, Part], names: Sequence[str]) -> list[Part]:
    """The named parts and whatever they need, each once, needs first."""
    chosen: dict[str, Part] = {}
    for name in names:
        for part in [*with_needs(parts, parts[name].needs), parts[name]]:
            chosen[part.name] = part
    return list(chosen.values())


def make_all(parts: Sequence[Part], say: Callable[[Part, float], None]) -> None:
    """Make the parts side by side, each after what it needs; `say` is told of each with its seconds.

    parts: needs come before those who need them. Raises the first error once all that still ran have ended.
    """
    made: dict[str, Future[None]] = {}

    def after_needs(part: Part) -> None:
        for name in part.needs:
            if name in made:
                made[name].result()
        say(part, part.make())

    # One thread a part: a thread that waits for another must never keep that one from starting.
    with ThreadPoolExecutor(max_workers=max(1, len(parts))) as pool:
        for part in parts:
            made[part.name] = pool.submit(after_needs, part)
    for future in made.values():
        future.result()


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the folder's lock: a second preparation waits here, and then finds everything made."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".prepare.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("  another preparation is under way: waiting for it", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
