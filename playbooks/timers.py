"""What runs things by itself on this laptop: asked, set up, and taken away. What it reads is in mechanisms.py."""

import getpass
import os
import shutil
import subprocess
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from playbooks.mechanisms import LABEL, UNIT, Step, Timer, cron, launchd, systemd
from stacks.errors import ConfigError
from stacks.places import write_private

STEP_SECONDS = 60
NOT_RUN = 127  # as a shell says it
LINGER = Path("/var/lib/systemd/linger")


def timers(program: Path) -> list[Timer]:
    """What this laptop can run `program` with, the best first; each says whether it does so now, or would again."""
    found = [*systemd_here(program), *launchd_here(program), *cron_here(program)]
    return [replace(one, installed=one.installed or any(path.exists() for path in one.files)) for one in found]


def systemd_here(program: Path) -> Iterator[Timer]:
    """The user's own systemd, if it answers."""
    if shutil.which("systemctl") and ran(["systemctl", "--user", "show-environment"]).returncode == 0:
        config, user = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"), getpass.getuser()
        runs = ran(["systemctl", "--user", "is-active", f"{UNIT}.timer"]).returncode == 0
        yield systemd(program, config / "systemd/user", user, lingers=(LINGER / user).exists(), runs=runs)


def launchd_here(program: Path) -> Iterator[Timer]:
    """macOS's launchd."""
    if shutil.which("launchctl"):
        user_id = os.getuid()
        runs = ran(["launchctl", "print", f"gui/{user_id}/{LABEL}"]).returncode == 0
        yield launchd(program, Path.home() / "Library/LaunchAgents", user_id, runs=runs)


def cron_here(program: Path) -> Iterator[Timer]:
    """cron, if the crontab as it is can be read: one that cannot be must not be written over."""
    if shutil.which("crontab"):
        asked = ran(["crontab", "-l"])
        if asked.returncode == 0 or "no crontab" in asked.stderr:
            yield cron(program, asked.stdout)


def put(timer: Timer) -> None:
    """Write what it reads, and start it. Raises ConfigError with its own words."""
    for path, text in timer.files.items():
        write_private(path, text)
    do(timer.start)


def settle(program: Path, name: str) -> None:
    """What is to be done when it has run once; asked anew, because others may have written there meanwhile."""
    do(step for timer in timers(program) if timer.name == name for step in timer.settle)


def put_again(program: Path, names: Container[str]) -> None:
    """Those mechanisms run `program` again, as they did before."""
    for timer in timers(program):
        if timer.name in names:
            put(timer)
            settle(program, timer.name)


def take_away(found: Iterable[Timer]) -> None:
    """It does not run any more, whichever ran it."""
    for timer in found:
        do(timer.stop)
        for path in timer.files:
            path.unlink(missing_ok=True)


def do(steps: Iterable[Step]) -> None:
    """Run the steps. Raises ConfigError with the last words of the first that fails and should not."""
    for step in steps:
        done = ran(step.words, step.stdin)
        if done.returncode and not step.may_fail:
            said = (done.stderr.strip() or "no word").splitlines()[-1]
            raise ConfigError(f"{' '.join(step.words)}: {said}", hint=step.hint or "see its own log")


def ran(words: Sequence[str], stdin: str = "") -> "subprocess.CompletedProcess[str]":
    """One command. It gets no token; and finds the user's systemd also from a shell that no login made."""
    environment = {name: value for name, value in os.environ.items() if name != "LINODE_TOKEN"}
    environment = {"XDG_RUNTIME_DIR": f"/run/user/{os.getuid()}"} | environment | {"LC_ALL": "C"}
    try:
        return subprocess.run(
            words, input=stdin, env=environment, capture_output=True, text=True, check=False, timeout=STEP_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(words, NOT_RUN, "", str(error))
