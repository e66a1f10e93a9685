"""The first line that a program prints, whatever else it does: print for ever, or leave a helper behind that prints."""

import os
import select
import subprocess
import time
from collections.abc import Sequence

MOST = 64 * 1024  # bytes: a secret and a page of notes, as `pass show` prints them, are far less
LOOK_SECONDS = 0.05


def first_line(words: Sequence[str], seconds: float) -> tuple[bytes, int]:
    """The first line of its output, and its exit status. It has the terminal; when this returns, it has ended.

    Raises OSError if it cannot be started, TimeoutExpired if it has not ended within `seconds`, ValueError if it prints
    more than MOST bytes.
    """
    deadline = time.monotonic() + seconds
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        try:
            output = output_of(process, deadline)
            return (output.splitlines() or [b""])[0], process.wait(max(0, deadline - time.monotonic()))
        finally:
            process.kill()  # of one that has ended nothing is left to be killed


def output_of(process: "subprocess.Popen[bytes]", deadline: float) -> bytes:
    """What it prints until it ends. Its own end counts: a helper that it leaves behind may hold its output open."""
    assert process.stdout is not None  # we asked for a pipe
    output = b""
    while len(output) <= MOST:
        ended = process.poll() is not None  # asked first: what it printed before that is there to be read
        ready = select.select([process.stdout], [], [], 0 if ended else LOOK_SECONDS)[0]
        piece = os.read(process.stdout.fileno(), MOST) if ready else b""
        if not piece and (ready or ended):
            return output
        if time.monotonic() > deadline:
            raise subprocess.TimeoutExpired(process.args, 0)
        output += piece
    raise ValueError(f"it printed more than {MOST} bytes")
