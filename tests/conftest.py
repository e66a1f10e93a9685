"""For all tests: a terminal's signals, whatever started pytest; and nothing that one test leaves for the next."""

import signal
import sys
from collections.abc import Iterator

import pytest

# Started in the background (`nohup … &`), pytest would ignore Ctrl-C, and so would every program that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def _whole_tracebacks() -> Iterator[None]:
    """A resource operation that fails shortens the tracebacks of its process, which here is everybody's."""
    yield
    if hasattr(sys, "tracebacklimit"):
        del sys.tracebacklimit
