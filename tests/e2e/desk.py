"""A laptop with a systemd of its own: this machine's files under an overlay, its loopback, none of its services.

It boots this very machine in a container, so that timers run for real, and nothing of them stays.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.cloud import cgroup
from tests.cloud import CHECKOUT

NUMBER = 20_000_000 + os.getpid() % 1_000_000  # of its control group: no box of another test has it
BOOT_SECONDS = 60
TARGET = """\
[Unit]
Description=what a laptop needs for its users' timers
Wants=dbus.service systemd-logind.service systemd-user-sessions.service cron.service
"""
# Fast tests log one user in and out more often than systemd allows: five times in ten seconds.
MANAGER = "[Manager]\nDefaultStartLimitIntervalSec=0\n"

# Nothing that somebody has set up on this machine to run by itself may run there.
HIDDEN = ("root/.config", "etc/cron.d", "var/spool/cron", "var/lib/systemd/linger")


@dataclass(frozen=True)
class Desk:
    """A booted one. init: process id of its systemd; shared: the folder that it has in common with this machine."""

    init: int
    shared: Path

    def run(self, command: str, **more: str) -> "subprocess.CompletedProcess[str]":
        """One shell command there, as root, who is its only user."""
        known = {"HOME": "/root", "USER": "root", "LOGNAME": "root", "PATH": os.environ["PATH"]}
        return subprocess.run(
            ["nsenter", f"--target={self.init}", "--all", "--", "sh", "-c", command],
            env=known | more,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=280,
        )

    def told(self, command: str, **more: str) -> str:
        """What the command prints; it must succeed."""
        done = self.run(command, **more)
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def can_boot() -> bool:
    """Whether this machine has what it takes."""
    return os.geteuid() == 0 and all(shutil.which(name) for name in ("systemd-nspawn", "nsenter", "loginctl"))


@contextmanager
def booted(folder: Path, shared: Path) -> Iterator[Desk]:
    """A desk, which goes without a trace. folder: empty, for its disk."""
    group = cgroup.folder(NUMBER)
    root = disk(folder)
    group.mkdir()
    try:
        with open(folder / "log", "wb") as log:
            boot = subprocess.Popen(
                words(root, shared),
                env=os.environ | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=lambda: (group / "cgroup.procs").write_text(str(os.getpid())),
            )
        yield Desk(first_process(boot, folder / "log"), shared)
    finally:
        assert cgroup.end(group)
        for mount in (root, folder):
            subprocess.run(["umount", mount], check=True)


def disk(folder: Path) -> Path:
    """This machine's files, with what is written to them in memory only."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=True)
    upper, work, root = (folder / name for name in ("upper", "work", "root"))
    for place in (upper / "etc/systemd/system", upper / "etc/systemd/system.conf.d", work, root):
        place.mkdir(parents=True)
    for hidden in HIDDEN:
        (upper / hidden).mkdir(parents=True)
        os.setxattr(upper / hidden, "trusted.overlay.opaque", b"y")
    (upper / "root").chmod(0o700)
    (upper / "var/spool/cron/crontabs").mkdir(mode=0o700)
    (upper / "etc/crontab").write_text("")
    (upper / "etc/systemd/system/desk.target").write_text(TARGET)
    (upper / "etc/systemd/system.conf.d/desk.conf").write_text(MANAGER)
    layers = f"lowerdir=/,upperdir={upper},workdir={work}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, root], check=True)
    return root


def words(root: Path, shared: Path) -> list[str]:
    """The command that boots it."""
    kept = ("--register=no", "--keep-unit", "--resolv-conf=off", "--timezone=off", "--link-journal=no")
    # The checkout, too: below /tmp it would be hidden by the desk's own.
    place = (f"--directory={root}", f"--machine=desk{NUMBER}", f"--bind={shared}", f"--bind-ro={CHECKOUT}")
    return ["systemd-nspawn", "--boot", *kept, *place, "--", "--unit=desk.target"]


def first_process(boot: "subprocess.Popen[bytes]", log: Path) -> int:
    """The process id of its systemd, once its services run."""
    deadline, children = time.monotonic() + BOOT_SECONDS, Path(f"/proc/{boot.pid}/task/{boot.pid}/children")
    while True:
        assert boot.poll() is None and time.monotonic() < deadline, log.read_text(errors="replace")[-2000:]
        for init in children.read_text().split()[:1]:
            asked = ["nsenter", f"--target={init}", "--all", "--", "systemctl", "is-active", "--quiet", "desk.target"]
            if subprocess.run(asked, capture_output=True, check=False).returncode == 0:
                return int(init)
        time.sleep(0.1)
