"""The programs that set-up has started, so that none of them outlives it."""

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from scripts.installer.failure import SetupError

GRACE_SECONDS = 20  # apt may be in the middle of a package; the others end within one


class Children:
    """Each child leads a process group of its own: ending it ends what it started, too."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._closed = False

    def start(
        self, words: Sequence[str], log: IO[bytes], *, cwd: Path | None, env: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        """Start a program that reads nothing and writes to `log`. Raises SetupError once set-up was stopped."""
        with self._lock:
            if self._closed:
                raise SetupError(f"{words[0]}: not started, set-up was stopped", hint="run it again to go on")
            child = subprocess.Popen(
                words,
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._running.add(child)
            return child

    def forget(self, child: subprocess.Popen[bytes]) -> None:
        """`child` has ended."""
        with self._lock:
            self._running.discard(child)

    def end(self, child: subprocess.Popen[bytes]) -> None:
        """End `child` and all it started: asked as Ctrl-C asks, so that it can clean up; what is left is killed."""
        _signal_group(child, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            child.wait(GRACE_SECONDS)
        _signal_group(child, signal.SIGKILL)

    def end_all(self) -> None:
        """End every child, and let no other start."""
        with self._lock:
            self._closed = True
            running = list(self._running)
        for child in running:
            _signal_group(child, signal.SIGINT)
        for child in running:
            self.end(child)


def _signal_group(child: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError):  # the whole group has ended already
        os.killpg(child.pid, number)
