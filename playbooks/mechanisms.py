"""How a laptop runs a program by itself, now and every quarter of an hour: systemd, launchd or cron. Pure."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

from stacks.sweeps import INTERVAL_MINUTES
from templates import render

UNIT, LABEL, MARK = "daybox-sweep", "daybox.sweep", "# daybox-sweep"


@dataclass(frozen=True)
class Step:
    """One command. stdin: what it reads. may_fail: what it takes away may not be there. hint: the way out."""

    words: tuple[str, ...]
    stdin: str = ""
    may_fail: bool = False
    hint: str = ""


@dataclass(frozen=True)
class Timer:
    """One mechanism. files: what it reads. start: then it runs, at once for the first time; settle: when it has run.

    stop: the program is not run any more. installed: whether it runs the program now. stays: what to say of the user's
    own settings that stop leaves as they are.
    """

    name: str
    files: Mapping[Path, str] = field(default_factory=dict)
    start: tuple[Step, ...] = ()
    settle: tuple[Step, ...] = ()
    stop: tuple[Step, ...] = ()
    installed: bool = False
    stays: str = ""


def systemd(program: Path, folder: Path, user: str, *, lingers: bool, runs: bool = False) -> Timer:
    """A timer of the user's own systemd. folder: of its units. lingers: whether it already runs without a login.

    runs: whether it runs the timer now.
    """
    own, linger = ("systemctl", "--user", "--quiet"), ("loginctl", "enable-linger", user)
    service = render("sweep.service.j2", program=unit_word(program), seconds=INTERVAL_MINUTES * 60)
    return Timer(
        "systemd",
        files={
            folder / f"{UNIT}.service": service,
            folder / f"{UNIT}.timer": render("sweep.timer.j2", minutes=INTERVAL_MINUTES),
        },
        start=(
            *([] if lingers else [Step(linger, hint=f"`sudo {' '.join(linger)}`, then this again")]),
            Step((*own, "daemon-reload")),
            Step((*own, "enable", f"{UNIT}.timer")),
            Step((*own, "restart", f"{UNIT}.timer")),  # one that runs already would not begin at once
        ),
        stop=(
            Step((*own, "disable", "--now", f"{UNIT}.timer"), may_fail=True),
            Step((*own, "stop", f"{UNIT}.service"), may_fail=True),
            Step((*own, "reset-failed", f"{UNIT}.service"), may_fail=True),
        ),
        installed=runs,
        stays=f"your systemd still runs without a login: `loginctl disable-linger {user}` ends that" if lingers else "",
    )


def unit_word(path: Path) -> str:
    """`path` as one word of a unit's ExecStart, whatever is in it."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{text}"'


def launchd(program: Path, folder: Path, user_id: int, *, runs: bool = False) -> Timer:
    """An agent of macOS. folder: of the user's agents. runs: whether it is loaded now."""
    file, domain = folder / f"{LABEL}.plist", f"gui/{user_id}"
    text = render("sweep.plist.j2", label=LABEL, program=escape(str(program)), seconds=INTERVAL_MINUTES * 60)
    away = Step(("launchctl", "bootout", f"{domain}/{LABEL}"), may_fail=True)
    begin = Step(("launchctl", "bootstrap", domain, str(file)))
    return Timer("launchd", {file: text}, start=(away, begin), stop=(away,), installed=runs)


def cron(program: Path, table: str) -> Timer:
    """A line in the user's crontab. table: the crontab as it is.

    cron cannot be asked to run something at once, so the line says every minute until it has run.
    """
    others = [line for line in table.splitlines() if not line.endswith(MARK)]
    word = shlex.quote(str(program)).replace("%", r"\%")  # which would end the command

    def written(*lines: str) -> Step:
        return Step(("crontab", "-"), stdin="".join(f"{line}\n" for line in [*others, *lines]))

    return Timer(
        "cron",
        start=(written(f"* * * * * {word} {MARK}"),),
        settle=(written(f"*/{INTERVAL_MINUTES} * * * * {word} {MARK}"),),
        stop=(written(),) if MARK in table else (),
        installed=MARK in table,
    )
