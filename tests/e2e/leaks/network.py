"""The network of a row: in it every address is this very machine's, and every name is the hostile server's."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from playbooks.boxes import ROOT
from stacks.places import CACHE_VARIABLE, cache_dir
from tests.e2e.leaks.hostile import RESOLVER

# Needs no root where a user may have namespaces; what is left running in it ends with it.
OWN = ("unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


def words_in_world(module: str, *words: str) -> list[str]:
    """The words that run a module of ours in a network of its own."""
    return [*OWN, sys.executable, "-m", module, *words]


def refusal() -> str:
    """Why there can be no such network here; empty if there can."""
    try:
        done = subprocess.run([*OWN, "true"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "there is no unshare here"
    return done.stderr.strip() if done.returncode else ""


def furnish(folder: Path) -> None:
    """Have every address here, and every name asked of our resolver. folder: for the files that say so."""
    for line in ("link set lo up", "route add local 0.0.0.0/0 dev lo", "-6 route add local ::/0 dev lo"):
        subprocess.run(["ip", *line.split()], check=True)
    cover(Path("/etc/resolv.conf"), folder / "resolv.conf", f"nameserver {RESOLVER}\noptions timeout:2 attempts:1\n")
    cover(Path("/etc/nsswitch.conf"), folder / "nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")
    cover(Path("/etc/hosts"), folder / "hosts", f"127.0.0.1 localhost {socket.gethostname()}\n::1 localhost\n")


def cover(place: Path, file: Path, text: str) -> None:
    """Have `place` say this, in here."""
    file.write_text(text)
    if place.exists():
        subprocess.run(["mount", "--bind", str(file), os.path.realpath(place)], check=True)


def environment() -> dict[str, str]:
    """Of a program of ours in a row's world: nothing of the user's own but where things lie."""
    found = {name: os.environ[name] for name in ("PATH", "LANG", "TERM") if name in os.environ}
    return {**found, CACHE_VARIABLE: str(cache_dir().resolve()), "PYTHONPATH": str(ROOT)}


def run_in_world(module: str, words: Sequence[str], seconds: float) -> "subprocess.CompletedProcess[str]":
    """Run it to its end. Its standard input ends when we do, and then so must it (see `end_with_parent`)."""
    reader, writer = os.pipe()
    try:
        return subprocess.run(
            words_in_world(module, *words),
            cwd=ROOT,
            env=environment(),
            stdin=reader,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
    finally:
        os.close(reader)
        os.close(writer)


def end_with_parent() -> None:
    """End this process, and with it its world, when whoever started it is gone: a test that was killed, say."""

    def wait() -> None:
        while os.read(0, 4096):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
