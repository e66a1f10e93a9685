"""What runs on the box, in its own words; and what its watchdog said, also after the box is gone."""

import shlex
import subprocess

from invoke.context import Context

from playbooks.boxes import STACK_HELP, box_of, find_box, meant_stack
from playbooks.command import command
from playbooks.progress import say
from playbooks.words import WORDS_ON_BOX, Word, known, parse
from stacks.box import box_target
from stacks.errors import BoxError, UsageError
from stacks.ssh import environment, remote, run
from stacks.stages import GRAPH_UNITS

LINES = 200  # a screen or four; --follow goes on from there
WATCHDOG = ("daybox-watchdog.service", "daybox-watchdog.timer")
WORDS = "words"
SUBJECTS = ("vllm", "architect", "bootstrap", "watchdog")
CONTAINERS = {"vllm": "vllm", "architect": "vllm-architect"}
HELP = {
    "of": "vllm (the model), architect (a second one), bootstrap (the stages), watchdog, or words: its last words",
    "follow": "go on with what comes, until Ctrl-C",
}


def log_command(of: str, *, follow: bool = False, lines: int = LINES) -> str:
    """Shell command that prints the newest `lines` lines of a log. Raises UsageError for an unknown one."""
    if name := CONTAINERS.get(of):
        return shlex.join(["docker", "logs", "--tail", str(lines), *(["--follow"] if follow else []), name]) + " 2>&1"
    if of not in SUBJECTS:
        raise UsageError(f"fab logs: {of!r} is no log", hint=f"choose from: {', '.join((*SUBJECTS, WORDS))}")
    units = WATCHDOG if of == "watchdog" else GRAPH_UNITS
    return journal(units, lines=lines, follow=follow)


def journal(units: tuple[str, ...], *, lines: int, follow: bool = False) -> str:
    """Shell command that prints the newest lines of the journal of `units`."""
    words = ["journalctl", "--no-pager", f"--lines={lines}", *(["--follow"] if follow else [])]
    return shlex.join([*words, *[f"--unit={name}" for name in units]])


def all_words(heard: list[Word], told: str) -> list[Word]:
    """What this laptop heard and what the box tells now, each once, in the order in which it was said."""
    words = {word for word in map(parse, told.splitlines()) if word} | set(heard)
    return sorted(words, key=lambda word: word.at)


def print_words(stack: str) -> None:
    """Print what the stack's boxes said: this laptop kept it, and a box that lives is asked."""
    told, box = "", box_of(stack)
    try:
        told = run(box_target(box), shlex.join(["tail", f"--lines={LINES}", WORDS_ON_BOX])).stdout if box else ""
    except BoxError as error:
        say(f"{error.fact}; what it said while a tunnel was open:")
    print("\n".join(word.line() for word in all_words(known(stack), told)) or f"{stack}: nothing was said")


@command(help=STACK_HELP | HELP)
def logs(_c: Context, of: str, follow: bool = False, stack: str | None = None) -> None:
    """Show a log of the box: --of vllm, bootstrap, watchdog or words.

    Example: fab logs --of vllm --follow, or fab logs --of words
    """
    if of == WORDS and follow:
        raise UsageError("fab logs: words are not followed", hint="`fab tunnel` does, and shows them on the desktop")
    if of == WORDS:
        print_words(meant_stack(stack))
        return
    words = log_command(of, follow=follow)
    box = find_box(stack)
    target = box_target(box)
    status = subprocess.run(remote(target, words), env=environment(), stdin=subprocess.DEVNULL, check=False).returncode
    if status:
        raise BoxError(f"box/{box.alias}: its log of {of} ended with {status}", hint="see `fab status`, `fab ssh`")
