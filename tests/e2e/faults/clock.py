"""A wrong clock for single processes: what they take for the time of day is off, at the edge of libc, and nothing else.

The clock of the whole machine is never set: a box of the local cloud shares it with this machine, and so do others.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

TWO_DAYS = 2 * 86_400
SOURCE = Path(__file__).with_name("clock.c")


def library(folder: Path) -> Path:
    """The library that makes a clock wrong, built in `folder`; skips where there is no C compiler."""
    if shutil.which("cc") is None:
        pytest.skip("a wrong clock needs cc, a C compiler")
    built = folder / "clock.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", built, SOURCE], check=True)
    return built


def off_by(seconds: int, where: Path | str) -> dict[str, str]:
    """Environment of a process whose clock is wrong by so much. where: the library's place as the process sees it."""
    return {"LD_PRELOAD": str(where), "DAYBOX_CLOCK_OFF": str(seconds)}
