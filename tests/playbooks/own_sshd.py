"""A real sshd on loopback with a host key of its own, started and ended by pid: what a box's sshd is to the tunnel."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.playbooks.fake_box import free_port

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin") or ""


@dataclass
class OwnSshd:
    """The sshd; `folder` holds its keys and the login key."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def host_key(self) -> str:
        """The key it shows, `ssh-ed25519 AAAA…`."""
        return " ".join((self.folder / "host.pub").read_text().split()[:2])

    @property
    def login_key(self) -> Path:
        """The private key that may log in."""
        return self.folder / "login"

    def new_host_key(self) -> None:
        """From the next start on it is somebody else."""
        for file in self.folder.glob("host*"):
            file.unlink()
        make_key(self.folder / "host")

    def start(self) -> None:
        """Start it and wait until it listens."""
        config = self.folder / "sshd_config"
        config.write_text(config_text(self))
        self.process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(config)], stderr=(self.folder / "log").open("ab"))
        for _ in range(250):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise RuntimeError((self.folder / "log").read_text())

    def stop(self) -> None:
        """End it with all its sessions, as a reboot does."""
        if self.process is None:
            return
        for pid in [*descendants(self.process.pid), self.process.pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.process = None


def config_text(sshd: OwnSshd) -> str:
    """What sshd reads: one key, one user, no PAM."""
    return "\n".join(
        [
            f"Port {sshd.port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {sshd.folder / 'host'}",
            f"AuthorizedKeysFile {sshd.folder / 'login.pub'}",
            "StrictModes no",  # the folder of a test lies below a folder that anybody may write
            "UsePAM no",
            "PasswordAuthentication no",
            "PermitRootLogin prohibit-password",
            "PidFile none",
            "LogLevel ERROR",
            "",
        ]
    )


def descendants(pid: int) -> list[int]:
    """The processes below `pid`, deepest first."""
    try:
        found = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:  # it ended while we looked
        found = []
    return [deeper for child in found for deeper in [*descendants(child), child]]


def make_key(path: Path) -> None:
    """A key pair without a passphrase."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)], check=True)


@contextmanager
def own_sshd(folder: Path) -> Iterator[OwnSshd]:
    """A running sshd in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd as root separates privileges there
    make_key(folder / "host")
    make_key(folder / "login")
    sshd = OwnSshd(folder, free_port())
    sshd.start()
    try:
        yield sshd
    finally:
        sshd.stop()
