"""The ssh of a tunnel, kept alive: it comes back by itself, and ends with a word when coming back would be wrong."""

import asyncio
import ctypes
import signal
import sys
import threading
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from playbooks.tunnel_doubt import Doubt
from playbooks.tunnel_files import ARCHITECT_SOCKET, CONTROL, SOCKET, WEBUI_SOCKET, Orders
from stacks.ssh import environment
from stacks.webui import BOX_PORT as WEBUI_BOX_PORT

PAUSES = (0.2, 0.5, 1.0, 2.0, 3.0)  # seconds before each new try: a killed ssh is back at once
STEADY_SECONDS = 5.0  # an ssh that held so long was a good one: the next failure counts as the first again
LOOK_SECONDS = 0.02
GIVE_UP_SECONDS = 3600.0  # awake time without contact: the box is gone and nobody can say so, or the tunnel forgotten
ASK_SECONDS = 15.0  # how often the cloud is asked for a box that does not answer
WRONG_KEY = ("REMOTE HOST IDENTIFICATION HAS CHANGED", "Host key verification failed")
WRONG_KEY_WORD = "the box's host key is not the pinned one: somebody else answers at its address"
DELETED_WORD = "the cloud has deleted the box"
PR_SET_PDEATHSIG = 1  # Source: linux/prctl.h


def ssh_words(orders: Orders) -> list[str]:
    """Arguments of the ssh that forwards the socket to vLLM; its paths are relative to the tunnel's folder."""
    options = {
        "ExitOnForwardFailure": "yes",
        "StreamLocalBindUnlink": "yes",  # a killed ssh leaves its socket behind
        "StreamLocalBindMask": "0177",
        "ServerAliveInterval": "5",  # a silent box is noticed after 15 s
        "ServerAliveCountMax": "3",
        "ConnectTimeout": "5",
        "BatchMode": "yes",
        "LogLevel": "INFO",  # else ssh does not say why a connection ended
    }
    settings = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    forwards = [
        *([f"{WEBUI_SOCKET}:127.0.0.1:{WEBUI_BOX_PORT}"] if orders.webui_port else []),
        *([f"{ARCHITECT_SOCKET}:127.0.0.1:{orders.architect_box_port}"] if orders.architect_box_port else []),
        f"{SOCKET}:127.0.0.1:{orders.box_port}",  # last: this one says that ssh is up
    ]
    wanted = [word for forward in forwards for word in ("-L", forward)]
    return ["ssh", "-F", orders.ssh_config, "-N", "-M", "-S", CONTROL, *settings, *wanted, orders.alias]


def leave_words(orders: Orders) -> list[str]:
    """Arguments that ask an ssh to go whose gateway was killed; needed where the kernel does not see to it."""
    return ["ssh", "-F", orders.ssh_config, "-S", CONTROL, "-O", "exit", orders.alias]


def meaning(lines: Sequence[str], status: int) -> str:
    """What the last words and the exit status of an ssh mean, in one line for people."""
    if any(mark in line for line in lines for mark in WRONG_KEY):
        return WRONG_KEY_WORD
    if status < 0:
        return f"ssh was ended by {signal.Signals(-status).name}"
    told = [line for line in lines if not line.startswith("channel ")]  # one request that failed, not the connection
    return told[-1] if told else f"ssh ended with status {status} and said nothing"


@dataclass
class State:
    """How the tunnel is. since: UTC epoch seconds of the last change; ended: it will not come back by itself.

    last_words: why the box deletes itself, as it said; empty if it has not. open: set while it is up, to be waited for.
    """

    up: bool = False
    since: float = field(default_factory=time.time)
    word: str = "ssh has not connected yet"
    ended: bool = False
    lives: int = 0  # how often it came up
    last_words: str = ""
    open: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    @property
    def told(self) -> str:
        """Its word, and the box's own last ones."""
        return f"{self.word}; the box's last words: {self.last_words}" if self.last_words else self.word


class Tunnel:
    """Keeps `words` (an ssh) running in `folder` and knows whether it is up.

    is_deleted: asks the cloud whether the box was deleted, now and then while ssh cannot connect; blocking, may raise.
    doubt: tells of what a connection may not outlive.
    """

    def __init__(
        self,
        words: Sequence[str],
        folder: Path,
        is_deleted: Callable[[], bool] | None = None,
        doubt: Doubt | None = None,
    ) -> None:
        self.words = words
        self.folder = folder
        self.is_deleted = is_deleted
        self.doubt = doubt
        self.state = State()
        self.pid: int | None = None
        self._asked_at = -ASK_SECONDS
        self._asking = False
        self._deleted = False
        self._ended_for = ""

    @property
    def socket(self) -> Path:
        """The forwarded Unix socket; there is something to talk to behind it only while the state is up."""
        return self.folder / SOCKET

    async def keep(self) -> None:
        """Run ssh after ssh until one ends with a reason that no retry cures. Cancel it to end the tunnel."""
        failures, contact = 0, time.monotonic()
        while not self.state.ended:
            started = time.monotonic()
            lines, status = await self._one_life()
            if self.state.up:
                contact = time.monotonic()
            failures = 0 if self.state.up and contact - started > STEADY_SECONDS else failures + 1
            word, ended = self._verdict(self._ended_for or meaning(lines, status), time.monotonic() - contact)
            self._set(up=False, word=word, ended=ended)
            if not ended:
                await asyncio.sleep(PAUSES[min(failures, len(PAUSES) - 1)])

    def _verdict(self, word: str, silent_seconds: float) -> tuple[str, bool]:
        """What to say of an ssh that ended with `word`, and whether that is the end of the tunnel."""
        if word == WRONG_KEY_WORD:
            return word, True
        if self._box_is_deleted():
            return DELETED_WORD, True
        if silent_seconds > GIVE_UP_SECONDS:
            return f"no contact for {silent_seconds / 60:.0f} minutes: {word}", True
        return word, False

    async def _one_life(self) -> tuple[list[str], int]:
        """One ssh from its start to its end: its last lines and its exit status."""
        self._clear()
        self._ended_for = ""
        process = await asyncio.create_subprocess_exec(
            *self.words,
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=PIPE,
            cwd=self.folder,
            env=environment(),
            preexec_fn=die_with_parent if sys.platform == "linux" else None,
        )
        self.pid = process.pid
        watchers = [asyncio.create_task(work) for work in (self._say_when_up(), self._end_if_dead(process))]
        try:
            lines = await _last_lines(process)
            return lines, await process.wait()
        finally:
            for watcher in watchers:
                watcher.cancel()
            self.pid = None
            await end(process)
            self._clear()

    async def _say_when_up(self) -> None:
        """ssh makes the socket only after the box proved its host key and let us in."""
        while not self.socket.exists():
            await asyncio.sleep(LOOK_SECONDS)
        self.state.lives += 1
        self._set(up=True, word="open")

    async def _end_if_dead(self, process: Process) -> None:
        """End an ssh whose connection is dead as soon as that is known, so that the next one begins."""
        if self.doubt is None:
            return
        await self.state.open.wait()
        self.doubt.settle()
        self._ended_for = await self.doubt.confirmed(self.folder)
        await end(process)

    def _box_is_deleted(self) -> bool:
        """What the cloud said when it was last asked; asks again beside the next tries, which must not wait for it."""
        if self.is_deleted and time.monotonic() - self._asked_at > ASK_SECONDS and not self._asking:
            self._asking = True
            # A daemon thread: a cloud that does not answer must not hold up our own end either.
            threading.Thread(target=self._ask_cloud, args=(self.is_deleted,), daemon=True).start()
        return self._deleted

    def _ask_cloud(self, is_deleted: Callable[[], bool]) -> None:
        with suppress(Exception):  # whatever the cloud says but a plain yes: the box may live, go on trying
            self._deleted = is_deleted()
        self._asked_at, self._asking = time.monotonic(), False

    def _set(self, *, up: bool, word: str, ended: bool = False) -> None:
        changed = (up, word) != (self.state.up, self.state.word)
        if up != self.state.up:
            self.state.since = time.time()
        self.state.up, self.state.word, self.state.ended = up, word, ended
        (self.state.open.set if up else self.state.open.clear)()
        if changed:
            print(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "up:" if up else "down:", word, flush=True)

    def _clear(self) -> None:
        """Remove what a killed ssh left: an old socket must not look like a new tunnel."""
        for name in (SOCKET, WEBUI_SOCKET, ARCHITECT_SOCKET, CONTROL):
            (self.folder / name).unlink(missing_ok=True)


async def _last_lines(process: Process) -> list[str]:
    """What ssh said before it ended; reads until it ends."""
    assert process.stderr is not None  # we asked for a pipe
    lines: deque[str] = deque(maxlen=20)
    async for line in process.stderr:
        if text := line.decode(errors="replace").strip():
            lines.append(text)
    return list(lines)


async def end(process: Process) -> None:
    """End an ssh of ours, and wait for it."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), timeout=2)
        except TimeoutError:
            process.kill()


_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None  # loaded here: after a fork there is no loading


def die_with_parent() -> None:
    """The kernel ends ssh when the gateway dies, however it dies: a tunnel that nobody guards must not stay."""
    assert _LIBC is not None
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
