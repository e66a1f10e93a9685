"""One command at a time changes a box: the box itself holds the lock, for as long as whoever took it stays connected.

A lock of the laptop would not be seen by another laptop, and one that is only written down outlives a holder that died.
"""

import getpass
import secrets
import shlex
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO

from playbooks.report import BOX, OnBox
from stacks.errors import BoxError
from stacks.printable import clean
from stacks.ssh import Target, environment, remote, transport_error

# The lock is the kernel's, and goes with a reboot; the holder's mark in it stays, so that he may go on after one.
FILE = "var/lib/daybox/changing"
BEAT_SECONDS = 10.0
SILENT_SECONDS = 60  # a laptop that lost its power or its network closes nothing, and is not waited for any longer
HANG_UP_SECONDS = 5.0
TAKEN = 75  # exit status, as EX_TEMPFAIL
HELD, DONE = "held", "done"


def hold_command(who: str, what: str, mark: str, *, again: bool = False, onbox: OnBox = BOX) -> str:
    """Shell command that takes the lock, says so, and holds it until it is told DONE, or its input ends or is silent.

    mark: of this holder alone. It stays where the holder was lost, and goes when the next one comes: with `again` the
    lock is had only if nobody came. If another has it, it prints who has, since when and for what, and ends with TAKEN.
    """
    path = shlex.quote(str(onbox.root / FILE))
    note = f"""printf '%s\\n' {shlex.quote(who)} "$(date --utc +%H:%M:%S)" {shlex.quote(what)} {mark}"""
    # The box may not know yet that our own connection was lost, which holds it until then.
    take = f"flock --timeout {SILENT_SECONDS + 5} 9 && grep -qx {mark} {path}" if again else "flock --nonblock 9"
    script = (
        f"mkdir -p {shlex.quote(str((onbox.root / FILE).parent))} && exec 9>>{path} || exit; "
        f"{take} || {{ cat {path}; exit {TAKEN}; }}; "
        f"{note} >{path}; echo {HELD}; "
        f'while read -r -t {SILENT_SECONDS} word; do [ "$word" != {DONE} ] || {{ : >{path}; exit; }}; done'
    )
    return shlex.join(["bash", "-c", script])  # only bash reads with a time limit


def me() -> str:
    """Who takes the lock, as another should know them."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


@dataclass
class Hold:
    """The lock of one box, and the ssh that holds it, once it was taken."""

    target: Target
    what: str
    onbox: OnBox = BOX
    mark: str = field(default_factory=lambda: secrets.token_hex(8))
    ended: threading.Event = field(default_factory=threading.Event)

    def take(self, *, again: bool = False) -> None:
        """Take it; with `again`, only if nobody had it since. Raises BoxError, naming the holder, if another has it."""
        command = hold_command(me(), self.what, self.mark, again=again, onbox=self.onbox)
        pipe, words = subprocess.PIPE, remote(self.target, command)
        # A session of its own: Ctrl-C means us, who clean up first.
        self.process = subprocess.Popen(
            words, env=environment(), stdin=pipe, stdout=pipe, stderr=pipe, text=True, start_new_session=True
        )
        assert self.process.stdout
        try:
            if (said := self.process.stdout.readline()) != f"{HELD}\n":
                raise refusal(self.target, self.process, said)
        except BaseException:  # Ctrl-C, too
            self.hang_up()
            raise
        threading.Thread(target=self.beat, args=[self.process.stdin], daemon=True).start()

    def check(self) -> None:
        """Have the lock still, or again. Raises LostLock if somebody else may have changed the box since."""
        if self.process.poll() is None:
            return
        self.hang_up()
        try:
            self.take(again=True)
        except BoxError:
            raise LostLock(
                f"box/{self.target.alias}: the connection that held its lock was lost, nothing more is changed",
                hint="see what it serves: fab status; then run this again",
            ) from None

    def beat(self, stdin: IO[str]) -> None:
        """Say that we live, until the lock is given back or lost."""
        with suppress(OSError, ValueError):  # lost, or closed just now
            while not self.ended.wait(BEAT_SECONDS):
                stdin.write("\n")
                stdin.flush()

    def give_back(self) -> None:
        """Let the next one in. The box does so by itself if it is not reached."""
        self.ended.set()
        self.hang_up()

    def hang_up(self) -> None:
        """End the ssh, and wait for its end."""
        # A box that vanished does not hang up; and an ssh that has ended takes no more words.
        with suppress(OSError, ValueError, subprocess.TimeoutExpired):
            self.process.communicate(f"{DONE}\n", timeout=HANG_UP_SECONDS)
        self.process.kill()
        self.process.wait()


class LostLock(BoxError):
    """The lock is not ours any more: to go on, or to put anything back, could undo what somebody else did."""


@contextmanager
def holding(target: Target, what: str, *, onbox: OnBox = BOX) -> Iterator[Hold]:
    """Hold the box's lock. what: the command that changes it, for whoever is refused meanwhile.

    Raises BoxError at once, naming the holder, if another has it; or if the box is not reached.
    """
    hold = Hold(target, what, onbox)
    hold.take()
    try:
        yield hold
    finally:
        hold.give_back()


def refusal(target: Target, process: "subprocess.Popen[str]", first: str) -> BoxError:
    """Why the lock was not to be had. first: the first line that was printed."""
    assert process.stdout and process.stderr
    out, err = process.stdout.read(), process.stderr.read()  # not communicate: it misses what readline read ahead
    process.wait()
    if process.returncode == TAKEN:
        return taken(target, first + out)
    if process.returncode == 255:  # ssh's own failures
        return transport_error(target, err)
    said = clean((err.strip() or f"status {process.returncode}").splitlines()[-1])
    return BoxError(f"box/{target.alias}: its lock cannot be taken: {said}", hint="is its disk full? see `fab ssh`")


def taken(target: Target, text: str) -> BoxError:
    """The error that names the holder. text: what they wrote: who, since when, what; less of it if they begin now."""
    who, since, what = [*map(clean, text.splitlines()), "", "", ""][:3]
    holder = f"{who or 'somebody'} is changing it{f' since {since} UTC' if since else ''}"
    return BoxError(f"box/{target.alias}: {holder}{f': {what}' if what else ''}", hint="wait until that is done")
