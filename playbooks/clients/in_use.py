"""Who uses a client's files: many at once if they name the gateway's own port, one alone that names another.

A client may read its files again at any time. Were another port written into them meanwhile, the client would go there
when nobody of ours holds that port any more.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from playbooks.clients.way import folder_of
from stacks.errors import UsageError
from stacks.places import private_folder

PATIENCE_SECONDS = 1.0  # a change of the box writes the files in much less
WAY_OUT = "end that one first: until then nobody else writes its files"


@contextmanager
def in_use(stack: str, name: str, *, alone: bool) -> Iterator[None]:
    """Have a client's files stay as they are. alone: they name a port of this process's own.

    The kernel drops the lock with the process. It lies beside the client's folder, where a sealed client has no say.
    Raises UsageError, naming what runs.
    """
    folder = folder_of(stack, name)
    private_folder(folder.parent)
    descriptor = os.open(folder.with_name(f"{name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not taken(descriptor, fcntl.LOCK_EX if alone else fcntl.LOCK_SH):
            raise UsageError(f"stacks/{stack}/clients/{name}: {who_runs(descriptor, name)}", hint=WAY_OUT)
        if alone:
            os.truncate(descriptor, 0)
            os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        os.close(descriptor)


def taken(descriptor: int, how: int) -> bool:
    """Whether the lock was to be had, after some patience."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)


def who_runs(descriptor: int, name: str) -> str:
    """What has the lock, for people."""
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return f"{name} runs already, sealed, and this one would write another port into its files"
    pid = os.pread(descriptor, 20, 0).decode()
    return f"{name} runs already (fab, process {pid}), and its files name a port of its own"
