"""A program named `aider` that is `fab launch aider`: `fab env` puts its folder first on PATH.

So that aider typed from habit is led to the box as well. It holds nothing secret.
"""

import shlex
import sys
from pathlib import Path

from playbooks.boxes import ROOT
from stacks.places import STATE_VARIABLE, private_folder, stack_dir, state_dir, write_private

# By this name `fab launch` knows the folder on PATH and looks past it: it would start itself for ever.
SHIM_FOLDER = "daybox-shims"
PROGRAM = "aider"


def shim_text(stack: str, fab: Path, root: Path, state: Path) -> str:
    """The script. fab: the program; root: this checkout; state: daybox's own, which a later shell may not know."""
    words = [str(fab), "--search-root", str(root), "launch", PROGRAM, "--stack", stack, "--"]
    return f"""\
#!/bin/sh
# Made by `fab env`: aider, typed from habit, works with the box of {stack}. Anything else: take this folder off PATH.
{STATE_VARIABLE}={shlex.quote(str(state))} exec {shlex.join(words)} "$@"
"""


def write_shim(stack: str) -> Path:
    """Write the script anew; the folder that goes first on PATH, 0700."""
    folder = private_folder(stack_dir(stack).resolve() / SHIM_FOLDER)
    fab = Path(sys.executable).with_name("fab")  # of the environment that runs this, whatever is on PATH then
    written = write_private(folder / PROGRAM, shim_text(stack, fab, ROOT, state_dir().resolve()))
    written.chmod(0o700)
    return folder


def without_shims(path: str) -> str:
    """PATH without such folders, of whatever stack."""
    return ":".join(entry for entry in path.split(":") if Path(entry).name != SHIM_FOLDER)
