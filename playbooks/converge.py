"""Bring the bundle to a box that runs: only what differs, and only the stages that it concerns are cut short.

What differs is asked first; writing and starting are one command on the box, so that a connection lost between the
two cannot leave new files beside old processes.
"""

import hashlib
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from playbooks.report import BOX, OnBox
from stacks.errors import BoxError
from stacks.ssh import Target, run
from stacks.stages import GRAPH, GRAPH_UNITS, unit

if TYPE_CHECKING:
    from stacks.bundle import File

UNITS = "/etc/systemd/system/"
PROGRAMS = "/opt/daybox/bin/"
TARGET = "daybox.target"
# Stages that read a file which does not bear their name.
READERS = {
    "/opt/daybox/compose.yaml": ("vllm",),
    "/opt/daybox/volume": ("volume",),
    "/opt/daybox/facts.json": ("image", "weights", "ready"),
}
START_WEBUI = "systemctl restart --no-block daybox-webui.service"
# A target that does not want it any more means that the stack has no Open WebUI now. Its chats stay on the box.
END_WEBUI = (
    f"if [ -e {UNITS}daybox-webui.service ] && ! grep -qs daybox-webui {UNITS}{TARGET}; then"
    " systemctl stop daybox-webui.service; docker rm --force open-webui >/dev/null || true;"
    f" rm {UNITS}daybox-webui.service; fi"
)
# What is not a stage but must hear of a change. The seal is reloaded, never restarted: Docker would go down with it.
ACTIVATE = {
    "/opt/daybox/seal.nft": "systemctl reload-or-restart daybox-seal.service",
    "/opt/daybox/bin/seal": "systemctl reload-or-restart daybox-seal.service",
    f"{UNITS}daybox-watchdog.timer": "systemctl restart daybox-watchdog.timer",
    f"{UNITS}{TARGET}": END_WEBUI,
    f"{UNITS}daybox-webui.service": START_WEBUI,
    f"{PROGRAMS}webui": START_WEBUI,
    "/opt/daybox/webui.yaml": START_WEBUI,
}
_STAGES = shlex.join(GRAPH_UNITS)
# Each stage is a oneshot: starting the target runs all that is not running, and joins what runs.
START = (
    f"systemctl reset-failed {_STAGES} || true; "  # else a unit that failed often is not started again
    f"systemctl start --no-block {TARGET}"
)
# While a graph runs and nothing of it has failed, it needs no push, and would only do again what it has done.
# NOTE: stages only, never `daybox-*`: the watchdog's look every 20 s is a job, too, and may fail, too.
GO_ON = (
    f'if [ -z "$(systemctl list-jobs --plain --no-legend {_STAGES})" ]'
    f' || [ -n "$(systemctl list-units --failed --plain --no-legend {_STAGES})" ]; then {START}; fi'
)


@dataclass(frozen=True)
class Changes:
    """What differed on the box: files, and the stages that must begin again because of them."""

    paths: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()


def probe(paths: Iterable[str]) -> str:
    """Shell command that prints hash and mode of each path that exists; its exit status says nothing."""
    words = shlex.join(paths)
    return f"sha256sum -- {words} 2>/dev/null; stat -c '%a %n' -- {words} 2>/dev/null; true"


def parse_probe(text: str) -> dict[str, set[str]]:
    """path -> what `probe` said of it: its sha256 and its mode in octal."""
    found: dict[str, set[str]] = {}
    for line in text.splitlines():
        fact, path = line.split(maxsplit=1)
        found.setdefault(path, set()).add(fact)
    return found


def differing(files: "Iterable[File]", found: dict[str, set[str]]) -> "list[File]":
    """The files that the box lacks, or has with other content or mode."""
    return [
        file
        for file in files
        if found.get(file.path) != {hashlib.sha256(file.content.encode()).hexdigest(), f"{file.mode:o}"}
    ]


def concerned(paths: Iterable[str]) -> tuple[str, ...]:
    """The stages that `paths` concern, and every stage that comes after one of them, in the order of the graph."""
    found = {stage for path in paths for stage in stages_of(path)}
    for stage in GRAPH:  # in the table no stage stands before what it waits for
        if found.intersection(stage.after):
            found.add(stage.name)
    return tuple(stage.name for stage in GRAPH if stage.name in found)


def stages_of(path: str) -> tuple[str, ...]:
    """The stages whose program, unit or input the file at `path` is."""
    own = (stage.name for stage in GRAPH if path in (PROGRAMS + stage.program, UNITS + unit(stage.name)))
    return (*own, *READERS.get(path, ()))


def activate(changes: Changes, *, onbox: OnBox = BOX) -> str:
    """Shell command that makes `changes` hold, and starts the graph anew if it concerns a stage; it does not wait.

    It prints how many events there were before, so that nobody takes the end of what was cut short for a failure.
    The graph is started also while a part of it runs: what was stopped while it waited for that part has no job now.
    """
    steps = ["systemctl daemon-reload"] if any(path.startswith(UNITS) for path in changes.paths) else []
    steps += dict.fromkeys(command for path, command in ACTIVATE.items() if path in changes.paths)
    if changes.stages:
        steps.append(f"systemctl stop {shlex.join(unit(name) for name in changes.stages)}")
    return "; ".join(
        [*steps, count_events(onbox), *([f"systemctl enable --quiet {TARGET}", START] if changes.stages else [])]
    )


def count_events(onbox: OnBox) -> str:
    """Shell command that prints the number of events so far."""
    return f"cat {shlex.quote(str(onbox.events))} 2>/dev/null | wc -l"


def differences(target: Target, files: "Iterable[File]") -> "list[File]":
    """Asks the box which of `files` it lacks or has otherwise."""
    files = list(files)
    return differing(files, parse_probe(run(target, probe(file.path for file in files)).stdout))


def bring(target: Target, fresh: "Sequence[File]", changes: Changes) -> int:
    """Bring the files and activate `changes`; returns the number of events before.

    Raises BoxError if not all of it came to its place, as on a full disk.
    """
    from stacks.courier import UNPACK, pack

    # NOTE: not `( … ) && …`: a shell ignores `set -e` on the left of &&, and half a bundle would be started.
    return counted(target, f"set -e; ( {UNPACK} ); {activate(changes)}", stdin=pack(fresh))


def wake_watchdog(target: Target) -> None:
    """Start the watchdog's timer, which somebody stopped, on a box that was armed."""
    run(target, "[ ! -e /etc/daybox/watchdog.json ] || systemctl enable --now --quiet daybox-watchdog.timer")


def let_go_on(target: Target) -> int:
    """Start what neither runs nor is done; returns the number of events before."""
    return counted(target, f"set -e; {count_events(BOX)}; {GO_ON}")


def counted(target: Target, command: str, *, stdin: bytes | None = None) -> int:
    """The number that `command` prints. Raises BoxError with its last words if it does not succeed."""
    done = run(target, command, stdin=stdin, timeout=60)
    if done.returncode:
        said = (done.stderr.strip() or "no word").splitlines()[-1]
        raise BoxError(
            f"box/{target.alias}: the bundle could not be put in place: {said}", hint="is its disk full? `fab ssh`"
        )
    return int(done.stdout.split()[-1])
