"""An ssh server on loopback with a host key of its own: what a box's sshd is to the tunnel.

It runs in this process and needs neither root nor a package of the system, so these tests run everywhere. Our end is
the real OpenSSH; its sshd is met on the boxes of tests/e2e.
"""

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import asyncssh

from tests.playbooks.fake_box import LoopThread, free_port


class Door(asyncssh.SSHServer):
    """Whoever has the login key may do what root may on a box: run commands, and be forwarded anywhere."""

    def __init__(self, sessions: "Sessions") -> None:
        self._sessions = sessions

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Remember it: a reboot ends it."""
        self._sessions.connections.append(conn)

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        """Forward it."""
        return True


async def feed(channel: asyncssh.SSHReader[bytes], pipe: IO[bytes]) -> None:
    """Pass on what is typed, to its end."""
    with suppress(BrokenPipeError, asyncssh.Error), pipe:
        while piece := await channel.read(65536):
            pipe.write(piece)
            pipe.flush()


async def pass_on(pipe: IO[bytes], channel: asyncssh.SSHWriter[bytes]) -> None:
    """Pass on what is said, as it comes. Raises BrokenPipeError if nobody listens any more."""
    while piece := await asyncio.to_thread(os.read, pipe.fileno(), 65536):
        channel.write(piece)


@dataclass
class Sessions:
    """What goes on, so that it can be ended."""

    connections: list[asyncssh.SSHServerConnection] = field(default_factory=list)
    programs: list[subprocess.Popen[bytes]] = field(default_factory=list)

    async def run(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        """One command, in a shell. Who hangs up closes its pipes, no more: it learns that when it next writes."""
        pipe = subprocess.PIPE
        program = subprocess.Popen(
            process.command or "", shell=True, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
        )
        self.programs.append(program)
        assert program.stdin and program.stdout and program.stderr
        feeding = asyncio.create_task(feed(process.stdin, program.stdin))
        with program.stdout, program.stderr, suppress(BrokenPipeError):
            await asyncio.gather(pass_on(program.stdout, process.stdout), pass_on(program.stderr, process.stderr))
            process.exit(await asyncio.to_thread(program.wait))
        feeding.cancel()

    async def end(self) -> None:
        """As a reboot does."""
        for program in self.programs:
            with suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)
        for connection in self.connections:
            connection.abort()
            await connection.wait_closed()


@dataclass
class OwnSshd:
    """The server; `folder` holds its keys and the login key."""

    folder: Path
    port: int
    thread: LoopThread | None = field(default=None, repr=False)
    sessions: Sessions = field(default_factory=Sessions, repr=False)
    listener: asyncssh.SSHAcceptor | None = field(default=None, repr=False)

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
        """Listen."""
        self.thread, self.sessions = LoopThread(), Sessions()
        self.thread.call(self._listen())

    async def _listen(self) -> None:
        self.listener = await asyncssh.listen(
            "127.0.0.1",
            self.port,
            server_factory=lambda: Door(self.sessions),
            server_host_keys=[str(self.folder / "host")],
            authorized_client_keys=str(self.folder / "login.pub"),
            process_factory=self.sessions.run,
            encoding=None,
        )

    def stop(self) -> None:
        """End it with all its sessions, as a reboot does."""
        if self.thread and self.listener:
            self.thread.call(self._end())
            self.thread.stop()
            self.thread = None

    async def _end(self) -> None:
        assert self.listener
        self.listener.close()
        await self.sessions.end()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


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
    """A running server in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    make_key(folder / "host")
    make_key(folder / "login")
    sshd = OwnSshd(folder, free_port())
    sshd.start()
    try:
        yield sshd
    finally:
        sshd.stop()
