"""A terminal that is closed, and a polite end, interrupt as Ctrl-C does: what was begun is put back."""

import os
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

ENDING = (signal.SIGTERM, signal.SIGHUP)


class Ended(KeyboardInterrupt):
    """SIGTERM or SIGHUP came, to us alone: the command that runs has not heard of it."""


def end(number: int, _frame: object) -> None:
    """What a signal that ends us does."""
    if number == signal.SIGHUP:
        signal.signal(number, signal.SIG_IGN)  # the kernel sends one, and the shell that ends another
        mute_closed_terminal()
    raise Ended(f"ended by {signal.Signals(number).name}")


def mute_closed_terminal() -> None:
    """Drop what is still said to a terminal that is gone: each word would be an error, in the midst of cleaning up."""
    for number in (1, 2):
        with suppress(OSError):  # closed by whoever started us
            if stat.S_ISCHR(os.fstat(number).st_mode) and not os.isatty(number):
                os.dup2(os.open(os.devnull, os.O_WRONLY), number)


@contextmanager
def like_ctrl_c() -> Iterator[None]:
    """While the block (or the function so decorated) runs, SIGTERM and SIGHUP interrupt it; for the main thread.

    One that is ignored, as `nohup` has SIGHUP, stays so. Within such a block another changes nothing: it would have a
    SIGHUP that came, and is ignored from then on, heard again in the midst of the outer one's cleaning up.
    """
    heard = [number for number in ENDING if signal.getsignal(number) not in (signal.SIG_IGN, end)]
    before = [(number, signal.signal(number, end)) for number in heard]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
