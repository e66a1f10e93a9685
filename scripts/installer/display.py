"""What set-up shows: a line when a part begins and ends, and on a terminal a last line that says what is going on."""

import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TextIO

ERASE = "\r\x1b[K"
QUIET_SECONDS = 60  # a log without a line for longer looks like a hang


@dataclass(frozen=True)
class Going:
    """A part under way: its name, when it began (monotonic seconds), and what its log says last."""

    name: str
    began: float
    said: Callable[[], str]


class Display:
    """Lines in order of events. Safe to use from every lane."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._live = self._out.isatty()
        self._lock = threading.Lock()
        self._spoke = time.monotonic()

    def line(self, text: str) -> None:
        """Print a line that stays."""
        with self._lock:
            self._out.write(f"{ERASE if self._live else ''}{text}\n")
            self._out.flush()
            self._spoke = time.monotonic()

    def tick(self, going: Iterable[Going]) -> None:
        """Renew the last line; without a terminal say once a minute that work goes on."""
        now = time.monotonic()
        text = "  ".join(f"{part.name} {now - part.began:.0f} s" for part in going)
        if not self._live:
            if text and now - self._spoke > QUIET_SECONDS:
                self.line(f"  … {text}")
            return
        last = max(going, key=lambda part: -part.began, default=None)
        whole = f"  {text}  {last.said() if last else ''}"
        with self._lock:
            self._out.write(ERASE + whole[: shutil.get_terminal_size().columns - 1])
            self._out.flush()
