"""Start, stop and status of the double as a detached process."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.cloud.cgroup import END_SECONDS
from scripts.cloud.replies import Json
from scripts.cloud.serve import PID, listen, open_boxes, try_lock
from scripts.cloud.store import Store
from stacks.errors import CloudError, NotReadyError
from stacks.places import private_folder, write_private

PORT_VARIABLE = "DAYBOX_CLOUD_PORT"
START_SECONDS = 20 + END_SECONDS  # imports take one; a half-done delete is finished first
STOP_SECONDS = 5 + END_SECONDS
QUIET_SECONDS = 2  # after that, say what is being waited for
# The double lives on long after this shell, and needs no token and no passphrase that lies in its environment.
INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "DAYBOX_STATE", "DAYBOX_CACHE", "DAYBOX_DEBUG")
CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Status:
    """What there is of a local cloud. url: None when nothing answers. boxes: id, label, address, state."""

    running: bool
    url: str | None
    pid: int | None
    boxes: list[Json]


def start(folder: Path, *, paper: bool = False) -> str:
    """Have the double run, and give its URL. Raises CloudError if it cannot, NotReadyError if it does not answer."""
    mode = "paper" if paper else "nspawn"
    with _turn(folder):  # of two at once, the second finds it running
        _check_mode(folder, mode)
        if running_pid(folder) is not None:
            return _wait(folder, lambda: running_pid(folder) is not None)
        double = _spawn(folder, ["--no-boxes"] if paper else [])
        return _wait(folder, lambda: double.poll() is None)


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    with open(private_folder(folder) / "turn", "a+") as turn:
        fcntl.lockf(turn, fcntl.LOCK_EX)
        yield


def _spawn(folder: Path, options: list[str]) -> subprocess.Popen[bytes]:
    port = _choose_port(folder)
    command = [sys.executable, "-m", "scripts.cloud", "serve", "--folder", str(folder), "--port", str(port)]
    with open(folder / "log", "a") as log:
        return subprocess.Popen(
            [*command, *options],
            cwd=CHECKOUT,
            env={name: os.environ[name] for name in INHERITED if name in os.environ},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # it outlives this shell, and its Ctrl-C
        )


def _check_mode(folder: Path, mode: str) -> None:
    if mode == "nspawn" and not (os.geteuid() == 0 and shutil.which("systemd-nspawn")):
        raise CloudError(
            "local cloud: its boxes need Linux, root and systemd-nspawn (Debian: systemd-container)",
            hint="the Linode stacks do not need it; for the API alone: scripts/cloud/start --no-boxes",
        )
    there = _read(folder / "mode")
    if there not in ("", mode) and (box_ids(folder) or running_pid(folder) is not None):
        raise CloudError(f"local cloud: its boxes are {there}, not {mode}", hint="end it: scripts/cloud/stop --boxes")


def _choose_port(folder: Path) -> int:
    """The port of last time, which boxes and stacks have written down; else a free one."""
    wanted = os.environ.get(PORT_VARIABLE) or _read(folder / "port") or "0"
    if not wanted.isdigit() or int(wanted) > 65_535:
        raise CloudError(f"{PORT_VARIABLE}: {wanted!r} is not a port", hint="give a number from 1 to 65535")
    with listen(int(wanted)) as free:
        port: int = free.getsockname()[1]
    write_private(folder / "port", f"{port}\n")
    return port


def _wait(folder: Path, alive: Callable[[], bool]) -> str:
    begun, said = time.monotonic(), False
    while time.monotonic() - begun < START_SECONDS:
        url = _read(folder / "url")
        if url and answers(url, Store(folder / "state.json").account["euuid"]):
            return url
        if not alive():
            log = folder / "log"
            raise CloudError(f"local cloud: it ended at once: {_last_line(log)}", hint=f"see {log}")
        if not said and time.monotonic() - begun > QUIET_SECONDS:
            print("local cloud: waiting until it answers …", file=sys.stderr, flush=True)
            said = True
        time.sleep(0.05)
    raise NotReadyError(f"local cloud: no answer within {START_SECONDS:.0f} s", hint=f"see {folder / 'log'}")


def answers(url: str, cloud: str) -> bool:
    """Whether the double of that cloud answers at the URL."""
    try:
        with urllib.request.urlopen(f"{url}/admin/ping", timeout=2) as reply:
            return bool(json.load(reply)["cloud"] == cloud)
    except (OSError, ValueError, KeyError):
        return False


def stop(folder: Path, *, boxes: bool = False) -> list[str]:
    """End the double, and with `boxes` every box it has; gives what is to be told. Nothing running is no error."""
    with _turn(folder):
        pid = running_pid(folder)
        if pid is not None:
            _end(folder, pid)
        (folder / "url").unlink(missing_ok=True)
        told = ["local cloud: stopped" if pid else "local cloud: not running"]
        left = box_ids(folder)
        if boxes:
            return told + [_delete(folder, box_id) for box_id in left]
        return told + ([f"boxes that live on: {len(left)}; end them: scripts/cloud/stop --boxes"] if left else [])


def _end(folder: Path, pid: int) -> None:
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while running_pid(folder) == pid:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)  # nothing is lost: all it knows is on disk
            return
        time.sleep(0.05)


def _delete(folder: Path, box_id: int) -> str:
    from scripts.cloud import events
    from scripts.cloud.cloud import Cloud
    from scripts.cloud.instances import forget

    cloud = Cloud(Store(folder / "state.json"), open_boxes(folder, _read(folder / "mode") == "paper"), 0)
    cloud.boxes.delete(box_id)
    row = cloud.store.tables["instances"].get(box_id)
    if row:
        forget(cloud, row)
        events.record(cloud.store, "linode_delete", "system", events.entity("linode", row))
        cloud.store.save()
    return f"local cloud: box {box_id} is gone"


def status(folder: Path) -> Status:
    """What runs, and which boxes there are, also those that no record knows."""
    pid = running_pid(folder)
    url = _read(folder / "url") if pid else ""
    return Status(pid is not None, url or None, pid, [_told(folder, box_id) for box_id in box_ids(folder)])


def _told(folder: Path, box_id: int) -> Json:
    boxes = open_boxes(folder, _read(folder / "mode") == "paper")
    label = Store(folder / "state.json").tables["instances"].get(box_id, {}).get("label")
    return {"id": box_id, "label": label, "address": boxes.address(box_id), "state": boxes.state(box_id)}


def box_ids(folder: Path) -> list[int]:
    """Every box that has anything left in the folder."""
    return sorted(int(path.name) for path in folder.glob("boxes/*") if path.name.isdigit())


def running_pid(folder: Path) -> int | None:
    """The pid of the double of this folder; None if none lives, whatever a stale file says."""
    file = folder / PID
    if not file.exists():
        return None
    lock = try_lock(file, shared=True)
    if lock is not None:
        lock.close()
        return None
    text = _read(file)
    return int(text) if text.isdigit() else None


def _read(file: Path) -> str:
    return file.read_text().strip() if file.exists() else ""


def _last_line(file: Path) -> str:
    return (_read(file).splitlines() or ["no word"])[-1]
