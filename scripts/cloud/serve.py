"""The double as a process: one folder, one port on 127.0.0.1, until it is told to stop."""

import fcntl
import os
import socket
import time
from pathlib import Path
from typing import IO

from scripts.cloud.boxes import Boxes, PaperBoxes
from scripts.cloud.cgroup import END_SECONDS
from stacks.errors import CloudError
from stacks.places import private_folder, write_private

HOST = "127.0.0.1"
LOOK_SECONDS = 1.0  # whoever looks whether a double lives holds its lock for a moment
PID = "pid"  # locked by the double while it lives, so that a stale number deceives nobody


def open_boxes(folder: Path, paper: bool) -> Boxes:
    """The boxes of the cloud in `folder`: real ones, or on paper."""
    if paper:
        return PaperBoxes(folder / "boxes")
    from scripts.cloud.nspawn import NspawnBoxes  # needs Linux; paper boxes do not

    boxes: Boxes = NspawnBoxes(folder / "boxes")
    return boxes


def serve(folder: Path, port: int, *, paper: bool) -> None:
    """Answer on 127.0.0.1:`port` until SIGTERM. Raises CloudError if folder or port are taken."""
    import uvicorn  # 0.2 s, which `status` and `stop` need not pay

    from scripts.cloud.app import build
    from scripts.cloud.cloud import Cloud
    from scripts.cloud.instances import mend
    from scripts.cloud.store import Store

    held = _hold(private_folder(folder))
    listening = listen(port)
    cloud = Cloud(Store(folder / "state.json"), open_boxes(folder, paper), listening.getsockname()[1])
    write_private(folder / "mode", ("paper" if paper else "nspawn") + "\n")
    mend(cloud)
    write_private(folder / "url", f"http://{HOST}:{cloud.api_port}\n")
    patience = int(END_SECONDS) + 2  # a delete under way
    config = uvicorn.Config(
        build(cloud), log_level="warning", access_log=False, http="h11", timeout_graceful_shutdown=patience
    )
    try:
        uvicorn.Server(config).run(sockets=[listening])
    finally:
        (folder / "url").unlink(missing_ok=True)  # whoever reads it may take it for running
        held.close()


def listen(port: int) -> socket.socket:
    """A listening socket; 0 is any free port. Raises CloudError if the port is another program's."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError as error:
        listening.close()
        raise CloudError(
            f"local cloud: port {port} of {HOST} cannot be had: {error.strerror}",
            hint="end the program that holds it, or choose another: DAYBOX_CLOUD_PORT=<port> scripts/cloud/start",
        ) from None
    listening.listen(128)
    return listening


def _hold(folder: Path) -> IO[str]:
    """The right to be the one double of this folder, for as long as this process lives; writes its pid down."""
    deadline = time.monotonic() + LOOK_SECONDS
    while (lock := try_lock(folder / PID)) is None and time.monotonic() < deadline:
        time.sleep(0.05)
    if lock is None:
        raise CloudError(f"local cloud: {folder} is in use by another double", hint="see scripts/cloud/status")
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def try_lock(file: Path, *, shared: bool = False) -> IO[str] | None:
    """The file, locked until it is closed or this process ends; None if another process has it.

    shared: only to look whether another has it: two that look do not take each other for the owner.
    """
    lock = open(file, "a+")  # noqa: SIM115 - held beyond this function
    try:
        # lockf, not flock: a process forked from this one must not hold the lock when this one is gone.
        fcntl.lockf(lock, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    return lock
