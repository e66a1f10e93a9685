"""What runs on the box, in its own words."""

import shlex
import subprocess

from invoke.context import Context

from playbooks.boxes import STACK_HELP, find_box
from playbooks.command import command
from stacks.box import box_target
from stacks.errors import BoxError, UsageError
from stacks.ssh import environment, remote
from stacks.stages import GRAPH_UNITS

LINES = 200  # a screen or four; --follow goes on from there
WATCHDOG = ("daybox-watchdog.service", "daybox-watchdog.timer")
SUBJECTS = ("vllm", "bootstrap", "watchdog")
HELP = {
    "of": "vllm (the model), bootstrap (the stages) or watchdog",
    "follow": "go on with what comes, until Ctrl-C",
}


def log_command(of: str, *, follow: bool = False, lines: int = LINES) -> str:
    """Shell command that prints the newest `lines` lines of a log. Raises UsageError for an unknown one."""
    if of == "vllm":
        return shlex.join(["docker", "logs", "--tail", str(lines), *(["--follow"] if follow else []), "vllm"]) + " 2>&1"
    if of not in SUBJECTS:
        raise UsageError(f"fab logs: {of!r} is no log", hint=f"choose from: {', '.join(SUBJECTS)}")
    units = WATCHDOG if of == "watchdog" else GRAPH_UNITS
    return journal(units, lines=lines, follow=follow)


def journal(units: tuple[str, ...], *, lines: int, follow: bool = False) -> str:
    """Shell command that prints the newest lines of the journal of `units`."""
    words = ["journalctl", "--no-pager", f"--lines={lines}", *(["--follow"] if follow else [])]
    return shlex.join([*words, *[f"--unit={name}" for name in units]])


@command(help=STACK_HELP | HELP)
def logs(_c: Context, of: str, follow: bool = False, stack: str | None = None) -> None:
    """Show a log of the box: --of vllm, bootstrap or watchdog."""
    words = log_command(of, follow=follow)
    box = find_box(stack)
    target = box_target(box)
    status = subprocess.run(remote(target, words), env=environment(), stdin=subprocess.DEVNULL, check=False).returncode
    if status:
        raise BoxError(f"box/{box.alias}: its log of {of} ended with {status}", hint="see `fab status`, `fab ssh`")
