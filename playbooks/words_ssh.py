"""Following the box's words while the tunnel is up: one channel of the tunnel's own ssh, ending with it."""

import asyncio
import shlex
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from datetime import UTC, datetime

from playbooks import desktop
from playbooks.tunnel_files import Orders, over_tunnel
from playbooks.tunnel_ssh import Tunnel, die_with_parent, end
from playbooks.words import WARN, WORDS_ON_BOX, Word, keep, known, last_words, parse
from stacks.errors import DayboxError
from stacks.ssh import environment

PAUSES = (0.5, 2.0, 10.0, 60.0)  # seconds before the next try while the tunnel is up and no channel holds
LOOK_SECONDS = 0.2
STEADY_SECONDS = 5.0  # a channel that held so long was a good one
GOODBYE_SECONDS = 2.0
LONGEST_LINE = 1 << 16  # bytes; a longer one is none of our watchdog's
MOST_WORDS = 500  # of one lease; a box that never stops talking fills no disk
LAST_SECONDS = 120.0  # a box that is deleted is silent by then; one that still answers was not
FRESH_SECONDS = 600  # what was said longer ago is history, not news: two warnings


def follow_words(orders: Orders, path: str = WORDS_ON_BOX) -> list[str]:
    """Arguments of an ssh that prints the box's words, those of before and each new one as it comes.

    It takes a channel of the tunnel's connection, and never one of its own. Its end is that of its standard input:
    `tail` alone would live on on the box until it has something to write. The kernel tells `tail` of a new word at once
    if there is a file to begin with; where it does not (overlayfs) `tail` looks, and last words leave little time.
    """
    file = shlex.quote(path)
    command = f"(touch {file}; exec tail -s {LOOK_SECONDS} -n +1 -F {file}) 2>/dev/null & cat >/dev/null; kill $!"
    return over_tunnel(orders.ssh_config, orders.alias, command)


class Follower:
    """Tells each word of one lease's box once: keeps it, prints it into the gateway's log, shows it on the desktop."""

    def __init__(self, orders: Orders, tunnel: Tunnel, path: str = WORDS_ON_BOX) -> None:
        self._orders, self._tunnel, self._path = orders, tunnel, path
        heard = known(orders.stack, orders.lease)
        self._heard = set(heard)
        tunnel.state.last_words = last_words(heard)
        self._doubt: asyncio.TimerHandle | None = None

    async def keep(self) -> None:
        """Follow whenever the tunnel is up. Cancel it to end it."""
        self._doubt_later()
        failures = 0
        while True:
            await self._tunnel.state.open.wait()
            began = time.monotonic()
            try:
                async with aclosing(self._lines()) as lines:
                    async for line in lines:
                        await self._hear(line)
            except OSError as error:
                print(f"words: {error}", flush=True)
            failures = 0 if time.monotonic() - began > STEADY_SECONDS else failures + 1
            await asyncio.sleep(PAUSES[min(failures, len(PAUSES) - 1)])

    async def _lines(self) -> AsyncGenerator[bytes, None]:
        """What one channel brings; ends with it."""
        process = await asyncio.create_subprocess_exec(
            *follow_words(self._orders, self._path),
            stdin=PIPE,
            stdout=PIPE,
            cwd=self._tunnel.folder,
            env=environment(),
            limit=LONGEST_LINE,
            preexec_fn=die_with_parent if sys.platform == "linux" else None,
        )
        assert process.stdout is not None  # we asked for a pipe
        try:
            while line := await next_line(process.stdout):
                yield line
            with suppress(TimeoutError):  # it has said all: it ends by itself, and is not to be met ending
                await asyncio.wait_for(process.wait(), GOODBYE_SECONDS)
        finally:
            await end(process)

    async def _hear(self, line: bytes) -> None:
        """Tell a word that was not told before: a new connection brings them all again."""
        word = parse(line.decode(errors="replace"))
        if word is None or word in self._heard or len(self._heard) >= MOST_WORDS:
            return
        self._heard.add(word)
        self._tunnel.state.last_words = last_words([word])
        self._doubt_later()
        print("words:", word.line(), flush=True)
        try:
            await asyncio.to_thread(keep, self._orders.stack, self._orders.lease, word)  # requests wait for no disk
        except (OSError, DayboxError) as error:  # a full disk, a damaged ledger
            print(f"words: not kept: {error}", flush=True)
        if time.time() - word.at < FRESH_SECONDS:
            await desktop.show(notice(self._orders.stack, word))

    def _doubt_later(self) -> None:
        if self._doubt:
            self._doubt.cancel()
        said = self._tunnel.state.last_words
        self._doubt = asyncio.get_running_loop().call_later(LAST_SECONDS, self._take_back) if said else None

    def _take_back(self) -> None:
        """A box that is still there has not ended: its deletion failed, and it may have been extended since."""
        if self._tunnel.state.up:
            self._tunnel.state.last_words = ""
        self._doubt_later()


async def next_line(stream: asyncio.StreamReader) -> bytes:
    """The next line, empty at the end; one that is too long is left out."""
    while True:
        try:
            return await stream.readline()
        except ValueError:
            continue


def notice(stack: str, word: Word) -> str:
    """A word for somebody who works on something else: a moment to come also by the clock on the wall."""
    local = datetime.fromtimestamp(word.ends_at, UTC).astimezone() if word.ends_at and word.event == WARN else None
    here = f" ({local:%H:%M} on this laptop)" if local and local.utcoffset() else ""
    return f"{stack}: {word.text}{here}"
