"""A shell on the box, and its name for other programs. stacks/ssh.py knows how; these are the commands for people."""

import os
import shlex
import sys
from collections.abc import Sequence

from invoke.context import Context

from playbooks import ssh_entry
from playbooks.boxes import STACK_HELP, find_box, meant_stack
from playbooks.command import command, print_json
from playbooks.executor import words_after_dashes
from stacks.box import box_target
from stacks.errors import UsageError
from stacks.places import stack_dir
from stacks.ssh import CONFIG_FILE, Target, entry, environment, remote
from stacks.ssh import ssh as ssh_words

CONFIG_HELP = STACK_HELP | {
    "install": "put one line at the beginning of ~/.ssh/config, which includes the entry",
    "remove": "take that line away",
    "json": "print JSON for programs",
}


@command(name="shell", default=True, help=STACK_HELP)
def shell(_c: Context, stack: str | None = None) -> None:
    """Open a shell on the box, or run the command after --.

    Example: fab ssh -- docker ps
    """
    argv = shell_or_command(box_target(find_box(stack)), words_after_dashes(sys.argv))
    sys.stdout.flush()
    os.execvpe(argv[0], argv, environment())  # ssh gets the terminal, the signals and the exit status


def shell_or_command(target: Target, words: Sequence[str]) -> list[str]:
    """Arguments of an interactive ssh, or of one that runs `words`, each as it stands, quotes and blanks included.

    A single word is a line for the box's shell, as it is for ssh itself: `fab ssh -- 'docker ps | head'`.
    """
    line = words[0] if len(words) == 1 else shlex.join(words)
    return remote(target, line) if words else ssh_words(target)


@command(name="config", help=CONFIG_HELP)
def config(
    _c: Context, stack: str | None = None, install: bool = False, remove: bool = False, json: bool = False
) -> None:
    """Make the box known to ssh as daybox-STACK, for VS Code Remote.

    Example: fab ssh.config --install, then ssh daybox-coder-30b
    """
    if install and remove:
        raise UsageError("fab ssh.config: --install and --remove are opposites", hint="say one of them")
    name = meant_stack(stack)
    if not remove:
        box_target(find_box(name))  # writes the entry
    file = (stack_dir(name) / CONFIG_FILE).resolve()
    line, path = ssh_entry.include_line(file), ssh_entry.user_config()
    before = ssh_entry.read(path)
    after = ssh_entry.removed(before, line) if remove else ssh_entry.installed(before, line)
    if after != before and (install or remove):
        ssh_entry.write(path, after, line)
    if json:
        now = ssh_entry.read(path)
        row = {"stack": name, "host": entry(name), "file": str(file), "include": line}
        print_json({**row, "installed": line in ssh_entry.unconditional(now)})
    else:
        print(said(name, ssh_entry.difference(before, after, path), asked=install or remove))


def said(stack: str, difference: str, *, asked: bool) -> str:
    """What was done to ~/.ssh/config, or would be, for people."""
    host = entry(stack)
    if not difference:
        return f"{host}: nothing to do"
    if asked:
        return f"{difference}{host}: done"
    return f"{difference}{host}: nothing is changed; fab ssh.config --stack {stack} --install does that"
