"""Where a secret may have got to on a laptop: into files, and into what programs show of themselves while they run."""

import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

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


class CommandLines:
    """Every command line on this machine while the `with` block runs, looked at 50 times a second."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self._ended = threading.Event()
        self._looker = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "CommandLines":
        self._looker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._looker.join()

    def _look(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            self.seen |= {shown(folder, "cmdline") for folder in Path("/proc").glob("[0-9]*")}

    def show(self, secrets: Sequence[str]) -> bool:
        """Whether one of `secrets` was on a command line."""
        return any(holds(line, secrets) for line in self.seen)
