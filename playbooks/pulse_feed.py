"""Listening to boxes: one ssh each, kept open, made anew when it breaks; with its end nothing is left on the box."""

import json
import subprocess
import time
from collections import deque
from collections.abc import Collection
from contextlib import suppress
from threading import Condition, Event, Lock, Thread

from playbooks.pulse import EVERY_SECONDS, KEPT, Look, Pulse, command, parse
from playbooks.report import Report, is_silence
from stacks.box import Box, box_target
from stacks.errors import BoxError, DayboxError
from stacks.ssh import REACH_HINT, Target, environment, remote, transport_error

LONGEST_LINE = 1 << 20  # bytes; a report holds every event of every boot
PAUSES = (1.0, 2.0, 5.0, 10.0)  # seconds before the next connection, while none holds
FIRST_SECONDS = 8.0  # to connect and to report once
REPORTS_MISSED = 3  # so many are not waited for: the last one is too old


class Feed:
    """One box's pulse. It listens in a thread of its own, for as long as it is not ended."""

    def __init__(self, target: Target, report_seconds: float) -> None:
        self._target, self._report_seconds = target, report_seconds
        self._looks = deque[Look](maxlen=KEPT)
        self._heard = time.monotonic()
        self._report: Report | None = None
        self._reported: float | None = None
        self._trouble: BoxError | None = None
        self._news, self._ended = Condition(), Event()
        self._ssh: subprocess.Popen[bytes] | None = None
        self._thread = Thread(target=self._keep, daemon=True)
        self._thread.start()

    def pulse(self) -> Pulse:
        """What was heard so far."""
        with self._news:
            trouble = self._trouble.fact if self._trouble else ""
            return Pulse(tuple(self._looks), time.monotonic() - self._heard, trouble)

    def report(self) -> Report | None:
        """The box's newest report; None if it has no bundle yet. Raises BoxError if there is none that is new."""
        with self._news:
            self._news.wait_for(lambda: self._reported is not None or self._trouble is not None, FIRST_SECONDS)
            oldest = time.monotonic() - REPORTS_MISSED * self._report_seconds - FIRST_SECONDS
            if self._reported is not None and self._reported > oldest:
                return self._report
            raise self._trouble or BoxError(f"box/{self._target.alias}: it says nothing", hint=REACH_HINT)

    def end(self) -> None:
        """Hang up, at once: the program on the box notices with its next line."""
        self._ended.set()
        if self._ssh:
            with suppress(OSError):
                self._ssh.kill()

    def _keep(self) -> None:
        """Connect, listen, and connect again; a box that is not the pinned one is asked no more."""
        failures = 0
        while not self._ended.is_set():
            heard = len(self._looks), self._heard
            try:
                error = self._listen()
            except (OSError, DayboxError) as fault:
                error = BoxError(f"box/{self._target.alias}: {fault}", hint=REACH_HINT)
            with self._news:
                self._trouble = error
                self._news.notify_all()
            if not is_silence(error):
                return
            failures = 0 if (len(self._looks), self._heard) != heard else failures + 1
            self._ended.wait(PAUSES[min(failures, len(PAUSES) - 1)])

    def _listen(self) -> BoxError:
        """One connection, to its end; why it ended."""
        from templates import program

        pipe = subprocess.PIPE
        words = remote(self._target, command(EVERY_SECONDS, self._report_seconds))
        with subprocess.Popen(words, env=environment(), stdin=pipe, stdout=pipe, stderr=pipe) as ssh:
            self._ssh = ssh
            assert ssh.stdin and ssh.stdout and ssh.stderr  # we asked for pipes
            if self._ended.is_set():
                ssh.kill()
            with suppress(BrokenPipeError), ssh.stdin:
                ssh.stdin.write(program("pulse").encode())
            while line := ssh.stdout.readline(LONGEST_LINE):
                self._hear(line.decode(errors="replace"))
            said = ssh.stderr.read(LONGEST_LINE).decode(errors="replace")
        return transport_error(self._target, said)

    def _hear(self, line: str) -> None:
        """Keep what a line says."""
        found = parse(line)
        with self._news:
            if found is None:
                return
            look, report = found
            self._looks.append(look)
            self._heard, self._trouble = time.monotonic(), None
            if report:
                self._hear_report(*report)
            self._news.notify_all()

    def _hear_report(self, status: int, text: str) -> None:
        """Keep the report; of one that is none, only that it is none."""
        try:
            self._report = None if status in (126, 127) else Report.from_row(json.loads(text))
            self._reported = time.monotonic()
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            self._trouble = BoxError(f"box/{self._target.alias}: it gave no report", hint="see `fab ssh`")


class Feeds:
    """The pulses of all boxes that somebody asks about. report_seconds: between two reports of one box."""

    def __init__(self, report_seconds: float) -> None:
        self._report_seconds = report_seconds
        self._feeds: dict[int, Feed] = {}  # by instance id
        self._lock, self._ended = Lock(), False

    def report_of(self, box: Box) -> Report | None:
        """The box's report out of its pulse, which begins with the first question. Raises BoxError as asking does."""
        with self._lock:
            if self._ended:
                raise BoxError(f"box/{box.alias}: nobody listens any more", hint=REACH_HINT)
            if box.instance_id not in self._feeds:
                self._feeds[box.instance_id] = Feed(box_target(box), self._report_seconds)
            feed = self._feeds[box.instance_id]
        return feed.report()

    def keep(self, instance_ids: Collection[int]) -> None:
        """Hang up on all others: they are gone."""
        with self._lock:
            for number in set(self._feeds) - set(instance_ids):
                self._feeds.pop(number).end()

    def pulses(self) -> dict[int, Pulse]:
        """What was heard of each box, by its instance id."""
        with self._lock:
            return {number: feed.pulse() for number, feed in self._feeds.items()}

    def end(self) -> None:
        """Hang up on all, for good."""
        with self._lock:
            self._ended = True
        self.keep(())
