"""Where a secret may have got to on a laptop: into files, and into what programs show of themselves while they run."""

import threading
from collections.abc import Iterable, Iterator, Sequence
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
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(LOOK_SECONDS):
            seen.update(shown(folder, "cmdline") for folder in Path("/proc").glob("[0-9]*"))

    looker = threading.Thread(target=look, daemon=True)
    looker.start()
    try:
        yield seen
    finally:
        ended.set()
        looker.join()
