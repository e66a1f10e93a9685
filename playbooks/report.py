"""What the box says about itself: one ssh command, one JSON object."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from subprocess import CompletedProcess
from typing import Any, TypeVar

from playbooks.stages import Event
from playbooks.words import number
from stacks.errors import BoxError
from stacks.printable import clean
from stacks.ssh import REACH_HINT, Target, run

T = TypeVar("T")

REACH_SECONDS = 120  # a box that answered once and reboots is back within a minute
RETRY_SECONDS = 1.0
ROOT, BOOT_FILE = PurePosixPath("/"), PurePosixPath("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class OnBox:
    """Where things lie on the box. root: another folder than `/` in tests, where the box is this laptop."""

    root: PurePosixPath = ROOT
    boot_file: PurePosixPath = BOOT_FILE

    @property
    def report(self) -> PurePosixPath:
        """The program that reports."""
        return self.root / "opt/daybox/bin/report"

    @property
    def watchdog(self) -> PurePosixPath:
        """The program that ends the box."""
        return self.root / "opt/daybox/bin/watchdog"

    @property
    def events(self) -> PurePosixPath:
        """The file to which every stage appends its start and its end."""
        return self.root / "var/lib/daybox/stages.jsonl"


BOX = OnBox()


@dataclass(frozen=True)
class WatchdogReport:
    """The watchdog's own word. Moments: seconds since 1970. dies_at: None if it sets no end; why: and by which limit.

    idle_minutes: None if unknown. action: keep, warn or delete, empty if it does not say. kept_until: until when an
    idle box is kept, None for not at all. paid_until: the end of the hour that is paid for. tokens: that vLLM served,
    prompt and generated; None if unknown. now: the box's own clock, which is the API's.
    """

    armed: bool
    dies_at: float | None
    idle_minutes: float | None
    why: str
    action: str = ""
    paid_until: float | None = None
    kept_until: float | None = None
    tokens: int | None = None
    now: float | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "WatchdogReport":
        """The watchdog's status as it prints it; None for what it does not say, or says in no way it ever did."""
        names = ("dies_at", "idle_minutes", "paid_until", "kept_until", "tokens", "now")
        dies_at, idle, paid, kept, tokens, now = (number(row.get(name)) for name in names)
        return cls(
            armed=row.get("armed") is True,
            dies_at=dies_at,
            idle_minutes=idle,
            why=clean(row.get("why")),
            action=clean(row.get("action")),
            paid_until=paid,
            kept_until=kept,
            tokens=None if tokens is None else int(tokens),
            now=now,
        )


@dataclass(frozen=True)
class Report:
    """What runs on the box now. bundle: the hash of the bundle it has, empty for none; boot: the kernel's boot id."""

    boot: str
    bundle: str
    events: tuple[Event, ...]
    watchdog: WatchdogReport
    ready: bool

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Report":
        """The report in the box's JSON. Raises what a wrong shape raises if it is none."""
        return cls(
            boot=str(row["boot"]),
            bundle=str(row["bundle"] or ""),
            events=tuple(Event.from_row(event) for event in row["stages"]),
            watchdog=WatchdogReport.from_row(row.get("watchdog") or {}),
            ready=bool(row["ready"]),
        )


def read_report(target: Target, *, timeout: float = 30, onbox: OnBox = BOX) -> Report | None:
    """The box's report; None if the box has no bundle yet that could report.

    timeout: seconds. Raises BoxError if the box is not reached, or answers what is no report.
    """
    done = run(target, str(onbox.report), timeout=timeout)
    if done.returncode in (126, 127):  # the shell's own: no such program, or not yet executable
        return None
    try:
        return Report.from_row(json.loads(done.stdout))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        fact = f"box/{target.alias}: {onbox.report} gave no report: {last_line(done)}"
        raise BoxError(fact, hint="see `fab ssh`") from None


def last_line(done: CompletedProcess[str]) -> str:
    """The last that a command on the box said, as a terminal may show it."""
    return clean((done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1])


def is_silence(error: BoxError) -> bool:
    """Whether the box was merely not reached, which a booting box often is; a wrong host key is no silence."""
    return error.hint == REACH_HINT


def patiently(action: Callable[[], T], *, seconds: float = REACH_SECONDS, on_silence: Callable[[str], None]) -> T:
    """`action()`, again while the box is silent, for at most `seconds`.

    on_silence: told the reason each time. Raises BoxError at once for what waiting cannot mend.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return action()
        except BoxError as error:
            if not is_silence(error):
                raise
            if time.monotonic() > deadline:
                raise closed_to_us(error, seconds) from None
            on_silence(error.fact)
            time.sleep(RETRY_SECONDS)


def closed_to_us(error: BoxError, seconds: float) -> BoxError:
    """A box that the account has but nobody reaches: most often this laptop's address is not the one it was."""
    return BoxError(
        f"{error.fact}, for {seconds:.0f} s: port 22 is closed to us, or the box is gone",
        hint="`fab status` says whether it is there; if your address has changed: fab allow",
    )
