"""Follow the stages of a box live, over lost connections and reboots of the box.

Every connection reads the whole file of events anew: it is small, and so nothing can be missed.
"""

import queue
import re
import shlex
import subprocess
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import IO

from playbooks.report import BOX, REACH_SECONDS, RETRY_SECONDS, OnBox, closed_to_us, is_silence
from playbooks.stages import Event, parse
from stacks.ssh import Target, environment, remote, transport_error
from stacks.stages import GRAPH_UNITS

# Of a line of vLLM's log: `(EngineCore pid=20) INFO 11-21 02:23:26 [default_loader.py:501] Loading …`.
LOG_HEAD = re.compile(r"^(\(.*? pid=\d+\) )?[A-Z]+ \S+ \S+ \[[^]]*\] ")
HEAD_LINES = 3  # boot id, time, number of events
BEAT_SECONDS = 3  # often enough for a reader, rarely enough for a box with two cores
TICK_SECONDS = 0.5  # how often the follower is asked for anything new, deadlines included


@dataclass(frozen=True)
class Seen:
    """What is known of the box's stages now.

    words: stage -> what it says while it runs. ahead: seconds by which the box's clock is ahead of this laptop's.
    """

    boot: str = ""
    events: tuple[Event, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)
    ahead: float = 0.0
    connected: bool = False


def running_words() -> str:
    """Shell command that prints `@now STAGE WORD` for each stage that runs: what it says, or how far its files are."""
    units = shlex.join(GRAPH_UNITS)
    return (
        f"for unit in $(systemctl list-units --state=activating --plain --no-legend {units} | cut -d ' ' -f 1); do "
        "stage=${unit#daybox-} stage=${stage%.service}; case $stage in "
        'weights) word="$(du -sh --si /var/lib/daybox/models | cut -f 1) so far";; '
        "ready) word=$(docker logs --tail 1 vllm 2>&1);; "  # it waits; vLLM says what for
        '*) word=$(journalctl --boot --unit="$unit" --lines=1 --output=cat --no-pager);; esac; '
        """echo "@now $stage $word" | tr '\\r' ' '; done"""  # progress bars; a return would end the line for us
    )


def follow_command(onbox: OnBox = BOX, words: str | None = None) -> str:
    """Shell command that prints the boot id, the time, the number of events so far, and then every event as it comes.

    Between the events it runs `words`, and prints `@beat`: a loop that never wrote would never learn that nobody
    listens any more, and live on.
    """
    events = shlex.quote(str(onbox.events))
    round_ = f"sleep {BEAT_SECONDS}; {words or running_words()}; echo @beat || exit"
    return (
        f"cat {shlex.quote(str(onbox.boot_file))}; date +%s.%N; cat {events} 2>/dev/null | wc -l; "
        f"(while :; do {round_}; done) 2>/dev/null & exec tail -n +1 -F {events} 2>/dev/null"
    )


def follow(target: Target, *, onbox: OnBox = BOX, patience: float = REACH_SECONDS) -> Generator[Seen, None, None]:
    """What is known, again with every event and at least every tick; never ends by itself.

    patience: seconds without a connection after which BoxError is raised; at once for a wrong host key.
    """
    seen, heard_at = Seen(), time.monotonic()
    while True:
        with Stream(remote(target, follow_command(onbox))) as stream:
            for known in _one_connection(stream, seen):
                seen = known
                heard_at = time.monotonic() if seen.connected else heard_at
                yield seen
        error = transport_error(target, stream.said)
        if not is_silence(error):
            raise error
        if time.monotonic() - heard_at > patience:
            raise closed_to_us(error, patience)
        seen = replace(seen, connected=False)
        yield seen
        time.sleep(RETRY_SECONDS)


def _one_connection(stream: "Stream", known: Seen) -> Iterator[Seen]:
    """`known`, until this connection has told as much; then what it tells."""
    head: list[str] = []
    events: list[Event | None] = []
    words: dict[str, str] = {}
    ahead = known.ahead
    for line in stream.lines():
        if line is None or line == "@beat":
            pass
        elif line.startswith("@now "):
            stage, _, word = line.removeprefix("@now ").partition(" ")
            words[stage] = LOG_HEAD.sub("", word)
        elif len(head) < HEAD_LINES:
            head.append(line)
            ahead = float(line) - time.time() if len(head) == 2 else ahead
        else:
            events.append(parse(line))
        if len(head) == HEAD_LINES and len(events) >= int(head[2]):
            heard = tuple(event for event in events if event)
            known = Seen(head[0], heard, dict(words), ahead, connected=True)
        yield known


class Stream:
    """The lines of a program that runs on; ended with the `with` block."""

    def __init__(self, words: list[str]) -> None:
        self._words = words
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.said = ""  # on stderr, whole once the program has ended

    def __enter__(self) -> "Stream":
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            self._words, env=environment(), stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True
        )
        assert self._process.stdout and self._process.stderr
        self._readers = [
            threading.Thread(target=self._read, args=[self._process.stdout], daemon=True),
            threading.Thread(target=self._listen, args=[self._process.stderr], daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait()
        for reader in self._readers:
            reader.join()

    def lines(self) -> Iterator[str | None]:
        """Each line as it comes, without its end; None when a tick passed without one. Ends with the program."""
        while True:
            try:
                line = self._lines.get(timeout=TICK_SECONDS)
            except queue.Empty:
                yield None
                continue
            if line is None:
                return
            yield line.rstrip("\n")

    def _read(self, file: IO[str]) -> None:
        for line in file:
            self._lines.put(line)
        self._lines.put(None)

    def _listen(self, file: IO[str]) -> None:
        self.said = file.read()
