"""Where a secret may have got to on a laptop: into files, and into what programs show of themselves while they run."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

LOOK_SECONDS = 0.02


def files_with(secrets: Sequence[str], *places: Path) -> set[Path]:
    """The files in or below `places` in which one of `secrets` stands in clear."""
    files = (path for place in places for path in (place, *place.rglob("*")) if path.is_file())
    return {path for path in files if holds(path.read_bytes(), secrets)}


def holds(content: bytes, secrets: Iterable[str]) -> bool:
    """Whether one of `secrets` stands in `content`."""
    return any(secret.encode() in content for secret in secrets)


def processes(word: str) -> list[Path]:
    """The folders in /proc of the processes that have `word` as a part of a word of their command line."""
    return [folder for folder in Path("/proc").glob("[0-9]*") if word.encode() in shown(folder, "cmdline")]


def shown(process: Path, what: str) -> bytes:
    """What /proc shows of a process: `cmdline` or `environ`; nothing once it has ended."""
    with suppress(OSError):
        return (process / what).read_bytes()
    return b""


@contextmanager
def command_lines() -> Iterator[set[bytes]]:
    """Every command line on this machine while the `with` block runs, looked at 50 times a second."""
    seen: set[bytes] = set()
    with watching(lambda folder: seen.add(shown(folder, "cmdline"))):
        yield seen


@contextmanager
def environments() -> Iterator[dict[bytes, bytes]]:
    """Every command line on this machine while the `with` block runs, and the environment it had when first seen."""
    seen: dict[bytes, bytes] = {}

    def look(folder: Path) -> None:
        line = shown(folder, "cmdline")
        if line and line not in seen:
            seen[line] = shown(folder, "environ")

    with watching(look):
        yield seen


@contextmanager
def watching(look: Callable[[Path], None]) -> Iterator[None]:
    """While the `with` block runs, `look` at the folder in /proc of every process, 50 times a second."""
    ended = threading.Event()

    def keep_looking() -> None:
        while not ended.wait(LOOK_SECONDS):
            for folder in Path("/proc").glob("[0-9]*"):
                look(folder)

    looker = threading.Thread(target=keep_looking, daemon=True)
    looker.start()
    try:
        yield
    finally:
        ended.set()
        looker.join()
