"""A wrong clock for single processes: libfaketime changes what they take for the time of day, and nothing else.

The clock of the whole machine is never set: a box of the local cloud shares it with this machine.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

from stacks.places import cache_dir

TWO_DAYS = 2 * 86_400
LIBRARY = "libfaketime.so.1"


def library() -> Path:
    """libfaketime of Debian's package, fetched into the cache and not installed; skips where it cannot be had."""
    kept = cache_dir() / "faketime"
    if not (kept / LIBRARY).exists():
        if shutil.which("apt-get") is None:
            pytest.skip("a wrong clock needs Debian's package libfaketime")
        kept.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "-q", "libfaketime"], cwd=kept, check=True, capture_output=True)
        [package] = kept.glob("*.deb")
        subprocess.run(["dpkg-deb", "--extract", package, kept / "package"], check=True)
        [found] = (kept / "package").rglob(LIBRARY)
        shutil.copy(found, kept / LIBRARY)
    return kept / LIBRARY


def off_by(seconds: int, where: Path | str) -> dict[str, str]:
    """Environment of a process whose clock is wrong by so much. where: libfaketime's place as the process sees it."""
    # The clock that nobody sets is left as it is: so it is with one that somebody does set.
    return {"LD_PRELOAD": str(where), "FAKETIME": f"{seconds:+d}", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
