"""Questions about processes."""

import time
from pathlib import Path

PATIENCE_SECONDS = 5


def written_pid(file: Path) -> int:
    """The process id that a program writes into `file`, waited for."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        if file.is_file() and file.read_text().strip():
            return int(file.read_text())
        time.sleep(0.02)
    raise AssertionError(f"{file}: nothing was written")


def is_alive(pid: int) -> bool:
    """Whether the process still runs after a moment; a zombie does not."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return False
        if state == "Z":
            return False
        time.sleep(0.05)
    return True
