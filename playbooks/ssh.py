"""A shell on the box. stacks/ssh.py knows how; this is the command for people."""

import os
import shlex
import sys
from collections.abc import Sequence

from invoke.context import Context

from playbooks.boxes import STACK_HELP, find_box
from playbooks.command import command
from playbooks.executor import words_after_dashes
from stacks.box import box_target
from stacks.ssh import Target, environment, remote
from stacks.ssh import ssh as ssh_words


@command(help=STACK_HELP)
def ssh(_c: Context, stack: str | None = None) -> None:
    """Open a shell on the box, or run the command after --."""
    argv = shell_or_command(box_target(find_box(stack)), words_after_dashes(sys.argv))
    sys.stdout.flush()
    os.execvpe(argv[0], argv, environment())  # ssh gets the terminal, the signals and the exit status


def shell_or_command(target: Target, words: Sequence[str]) -> list[str]:
    """Arguments of an interactive ssh, or of one that runs `words`, each as it stands, quotes and blanks included.

    A single word is a line for the box's shell, as it is for ssh itself: `fab ssh -- 'docker ps | head'`.
    """
    line = words[0] if len(words) == 1 else shlex.join(words)
    return remote(target, line) if words else ssh_words(target)
