"""One command at a time changes a box: the box itself holds the lock, for as long as whoever took it stays connected.

A lock of the laptop would not be seen by another laptop, and one that is only written down outlives a holder that died.
"""

import getpass
import shlex
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from playbooks.report import BOX, OnBox
from playbooks.words import clean
from stacks.errors import BoxError
from stacks.ssh import Target, environment, remote, transport_error

FILE = "run/daybox/changing"  # in memory: no reboot leaves a lock behind
BEAT_SECONDS = 10.0
SILENT_SECONDS = 60  # a laptop that lost its power or its network closes nothing, and is not waited for any longer
HANG_UP_SECONDS = 5.0
TAKEN = 75  # exit status, as EX_TEMPFAIL
HELD = "held"


def hold_command(who: str, what: str, onbox: OnBox = BOX) -> str:
    """Shell command that takes the lock, says so, and holds it until its input ends or is silent for too long.

    If another has it, it prints who has, since when and for what, and ends with TAKEN.
    """
    path = shlex.quote(str(onbox.root / FILE))
    note = f"""printf '%s\\n' {shlex.quote(who)} "$(date --utc +%H:%M:%S)" {shlex.quote(what)}"""
    script = (
        f"mkdir -p {shlex.quote(str((onbox.root / FILE).parent))} && exec 9>>{path} || exit; "
        f"flock --nonblock 9 || {{ cat {path}; exit {TAKEN}; }}; "
        f"{note} >{path}; echo {HELD}; "
        f"while read -r -t {SILENT_SECONDS} _; do :; done; : >{path}"
    )
    return shlex.join(["bash", "-c", script])  # only bash reads with a time limit


def me() -> str:
    """Who takes the lock, as another should know them."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


@dataclass
class Hold:
    """A lock that was taken, and the ssh that holds it."""

    target: Target
    process: "subprocess.Popen[str]"
    ended: threading.Event = field(default_factory=threading.Event)

    def check(self) -> None:
        """Raises BoxError if the lock was lost, as when this laptop slept: somebody else may change the box now."""
        if self.process.poll() is not None:
            raise BoxError(
                f"box/{self.target.alias}: the connection that held its lock was lost, nothing more is changed",
                hint="see what it serves: fab status; then run this again",
            )

    def beat(self) -> None:
        """Say that we live, until the lock is given back."""
        assert self.process.stdin
        with suppress(OSError, ValueError):  # lost, or closed just now
            while not self.ended.wait(BEAT_SECONDS):
                self.process.stdin.write("\n")
                self.process.stdin.flush()

    def give_back(self) -> None:
        """Let the next one in. The box does so by itself if it is not reached."""
        self.ended.set()
        with suppress(OSError, subprocess.TimeoutExpired):  # a box that vanished does not hang up
            self.process.communicate(timeout=HANG_UP_SECONDS)
        self.process.kill()
        self.process.wait()


@contextmanager
def holding(target: Target, what: str, *, onbox: OnBox = BOX) -> Iterator[Hold]:
    """Hold the box's lock. what: the command that changes it, for whoever is refused meanwhile.

    Raises BoxError at once, naming the holder, if another has it; or if the box is not reached.
    """
    pipe, words = subprocess.PIPE, remote(target, hold_command(me(), what, onbox))
    # A session of its own: Ctrl-C means us, who clean up first.
    process = subprocess.Popen(
        words, env=environment(), stdin=pipe, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    )
    hold = Hold(target, process)
    try:
        assert process.stdout
        if (said := process.stdout.readline()) != f"{HELD}\n":
            raise refusal(target, process, said)
        threading.Thread(target=hold.beat, daemon=True).start()
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
