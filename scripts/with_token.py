"""`with_token.py PROGRAM …`: run it with the account's token in its environment, where Pulumi's provider looks for it.

It is started by its path, from any folder, by scripts/bin/pulumi. The token is in no argument and in no file.
"""

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INTERRUPTED, NOT_FOUND = 130, 127  # a shell's own
LOCAL = "local"
SELECTED_SECONDS = 10.0  # it takes 0.2


def option(words: Sequence[str], short: str, long: str) -> str:
    """What an option of a Pulumi command line says, empty if nothing.

    `-s x`, `-ys x`, `-sx`, `-s=x`, `--stack x`, `--stack=x`.
    """
    for word, following in pairwise([*words, ""]):
        if word == long or re.fullmatch(f"-[a-zA-Z]*{short[1]}", word):
            return following
        if word.startswith(f"{long}="):
            return word.removeprefix(f"{long}=")
        if word.startswith(short):
            return word.removeprefix(short).removeprefix("=")
    return ""


def stack_in(words: Sequence[str], environment: Mapping[str, str]) -> str:
    """The stack that a Pulumi command line names; empty if it is the selected one."""
    return option(words, "-s", "--stack") or environment.get("PULUMI_STACK", "")


def selected(words: Sequence[str]) -> str:
    """The stack that Pulumi means if it is told none; empty if there is none, or no Pulumi to be asked."""
    folder = option(words, "-C", "--cwd") or "."
    asked = [words[0], "-C", folder, "stack", "--show-name", "--non-interactive"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=SELECTED_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def is_local(stack: str) -> bool:
    """Whether the stack's file says that it is of the local cloud, which needs no token of yours."""
    from stacks.stack_file import config_of, loaded, plain, stack_names

    if stack not in stack_names():
        return False
    return plain(config_of(loaded(stack)[0]).get("daybox:cloud", "")) == LOCAL


def main(words: Sequence[str]) -> int:
    """Become that program; only if there is no token to be had, say why, and return the status of that error."""
    from stacks.errors import DayboxError
    from stacks.secrets import LINODE_TOKEN, linode_token

    environment = dict(os.environ)
    try:
        if not is_local(stack_in(words, environment) or selected(words)) and (token := linode_token().value):
            environment[LINODE_TOKEN] = token
    except DayboxError as error:
        print(error.line(), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    try:
        os.execvpe(words[0], [*words], environment)
    except FileNotFoundError:
        print(f"{words[0]}: is not on PATH; source scripts/env", file=sys.stderr)
        return NOT_FOUND


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main(sys.argv[1:]))
