"""What a part gets to work with: a log, programs that are ended with set-up, and a way to wait for another part."""

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from scripts.installer.children import Children
from scripts.installer.failure import SetupError
from scripts.installer.job import Job

LIMIT_SECONDS = 1800.0  # nothing here takes so long on a slow laptop, but a link that hangs must not hang set-up
TAIL_BYTES = 4000


class Lane:
    """One part's lane. Parts run side by side, each in its own."""

    def __init__(self, job: Job, log: Path, children: Children, wait_for: Callable[[str], None]) -> None:
        self.job = job
        self.log = log
        self._children = children
        self.wait_for = wait_for  # waits until the part of that name is done; raises if it cannot be

    def run(
        self,
        *words: str | Path,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        limit_seconds: float = LIMIT_SECONDS,
    ) -> None:
        """Run a program to its end, its output in the log; env is added to our own.

        Raises SetupError with its last line if it fails or needs longer than `limit_seconds`.
        """
        line = [str(word) for word in words]
        with open(self.log, "ab") as log:
            log.write(f"$ {' '.join(line)}\n".encode())
            log.flush()
            try:
                child = self._children.start(line, log, cwd=cwd, env={**os.environ, **(env or {})})
            except OSError as error:
                raise SetupError(f"{line[0]}: {error.strerror}", hint=f"see {self.log}") from error
            self._await(child, Path(line[0]).name, limit_seconds)

    def _await(self, child: "subprocess.Popen[bytes]", name: str, limit_seconds: float) -> None:
        try:
            status = child.wait(limit_seconds)
        except subprocess.TimeoutExpired:
            self._children.end(child)
            raise SetupError(f"{name}: not done after {limit_seconds:.0f} s", hint=f"see {self.log}") from None
        finally:
            self._children.forget(child)
        if status:
            raise SetupError(f"{name}: ended with status {status}: {self.last_line()}", hint=f"see {self.log}")

    def last_line(self) -> str:
        """The last line of the log that says anything: shown while the part runs, and when it fails."""
        try:
            with open(self.log, "rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - TAIL_BYTES))
                lines = log.read().decode(errors="replace").splitlines()
        except FileNotFoundError:
            return ""
        return next((line.strip() for line in reversed(lines) if line.strip()), "")
