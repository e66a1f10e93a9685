"""Run one program in the foreground of the terminal, and never be gone before it: it relies on a port that we hold."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

from playbooks.seal_kernel import PR_SET_PDEATHSIG

GRACE_SECONDS = 8.0  # longer than sealed.py gives a client, which says better how it ended
MAY_NOT_STAY = (signal.SIGTERM, signal.SIGHUP)

Handler = Callable[[int, FrameType | None], None]


def run_in_foreground(words: Sequence[str], variables: Mapping[str, str]) -> int:
    """Exit status of a program that owns the terminal, as a shell says it: Ctrl-C is its own business until it ends.

    Whoever ends us ends it: with the same signal, and some seconds later without a choice. We return when it is gone.
    """
    ending = Ending()
    # A handler that does nothing, not SIG_IGN: the program would inherit that and never see Ctrl-C.
    with handled({signal.SIGINT: lambda *_: None} | dict.fromkeys(MAY_NOT_STAY, ending.tell)):
        child = subprocess.Popen(words, env=variables, preexec_fn=tied_to(os.getpid()))
        try:
            ending.started(child)
            status = child.wait()
        finally:
            child.kill()  # nothing if it has ended
            child.wait()
            ending.last.cancel()
    return status if status >= 0 else 128 - status


class Ending:
    """Passes on to a program what tells us to end."""

    def __init__(self) -> None:
        self.child: subprocess.Popen[bytes] | None = None
        self.told: list[int] = []
        self.last = threading.Timer(GRACE_SECONDS, self.kill)
        self.last.daemon = True

    def tell(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal."""
        if not self.told:
            self.last.start()
        self.told.append(number)
        if self.child:
            self.child.send_signal(number)

    def started(self, child: "subprocess.Popen[bytes]") -> None:
        """From here on there is somebody to pass it on to; a signal may have come already."""
        self.child = child
        for number in self.told:
            child.send_signal(number)

    def kill(self) -> None:
        """It did not heed."""
        if self.child:
            self.child.kill()


@contextmanager
def handled(handlers: Mapping[signal.Signals, Handler]) -> Iterator[None]:
    """Handle signals, but those that we were told to ignore (nohup); afterwards all is as it was."""
    ours = [number for number in handlers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handlers[number]) for number in ours}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None  # loaded here: after a fork there is no loading


def tied_to(launcher: int) -> Callable[[], None] | None:
    """What a new process does to end with us even if we are killed: our port is free then.

    Only Linux has that, and only for the process itself: what a client has started is the client's to end. Elsewhere
    (macOS) a client outlives a `kill -9` of `fab launch`, with a port in its files that any program here may take.
    """
    if _LIBC is None:
        return None
    libc = _LIBC

    def tie() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != launcher:  # killed before the kernel knew of it
            os._exit(128 + signal.SIGKILL)

    return tie
