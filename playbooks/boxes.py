"""Which stack a command means, and the box behind it. Pulumi is asked; no stack file is ever opened here."""

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stacks.box import Box
from stacks.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from stacks.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
PREFIX = "daybox:"
STACK_HELP = {"stack": "the stack meant; else PULUMI_STACK, the selected one, or the only one that is up"}


def pulumi(*words: str) -> Any:
    """The JSON that a `pulumi` command prints. Raises ConfigError with Pulumi's own last words."""
    try:
        done = subprocess.run(
            ["pulumi", "-C", str(ROOT), *words, "--json"], capture_output=True, text=True, check=False, timeout=60
        )
    except FileNotFoundError:
        raise ConfigError("pulumi: is not on PATH", hint="source scripts/env") from None
    except subprocess.TimeoutExpired:
        raise ConfigError(
            f"pulumi {' '.join(words)}: no answer within 60 s", hint="is its disk there? try again"
        ) from None
    if done.returncode:
        said = (done.stderr.strip() or "no word").splitlines()[-1]
        raise ConfigError(f"pulumi {' '.join(words)}: {said}", hint="source scripts/env, then try again")
    return json.loads(done.stdout or "null")


def all_stacks() -> list[dict[str, Any]]:
    """Rows of `pulumi stack ls`: name, current, resourceCount …"""
    rows: list[dict[str, Any]] = pulumi("stack", "ls")
    return rows


def choose_stack(named: str | None, environment: str | None, stacks: list[dict[str, Any]]) -> str:
    """The stack meant: the one named, else PULUMI_STACK, else the selected one, else the only one that is up.

    stacks: rows of `pulumi stack ls`. Raises UsageError, listing the choices.
    """
    names = [row["name"] for row in stacks]
    selected = next((row["name"] for row in stacks if row.get("current")), None)
    up = [row["name"] for row in stacks if row.get("resourceCount")]
    chosen = named or environment or selected or (up[0] if len(up) == 1 else None)
    choices = f"choose from: {', '.join(names) or 'none yet: source scripts/env'}"
    if not chosen:
        raise UsageError(
            "fab: which stack is meant is not clear", hint=f"say --stack or export PULUMI_STACK; {choices}"
        )
    if chosen not in names:
        raise UsageError(f"stacks/{chosen}: there is no such stack", hint=choices)
    return str(chosen)


def meant_stack(named: str | None) -> str:
    """The stack that this command means. Raises UsageError, listing the choices."""
    return choose_stack(named, os.environ.get("PULUMI_STACK"), all_stacks())


def box_of(stack: str) -> Box | None:
    """The box that `stack` has declared, or None if it is not up."""
    outputs = pulumi("stack", "output", "-s", stack)
    try:
        return Box.from_outputs(outputs)
    except KeyError:
        return None


def find_box(stack: str | None) -> Box:
    """The box of the stack meant. Raises UsageError, naming the command that rents one."""
    return box_that_is_up(meant_stack(stack))


def box_that_is_up(stack: str) -> Box:
    """The box of `stack`. Raises UsageError, naming the command that rents one."""
    box = box_of(stack)
    if box is None:
        raise UsageError(f"stacks/{stack}: it has no box", hint=f"rent one: pulumi up -s {stack}")
    return box


def raw_settings(stack: str) -> dict[str, str]:
    """The config of `stack` as Pulumi merges it: key without project prefix -> text."""
    rows = pulumi("config", "-s", stack, "--show-secrets")
    return {key.removeprefix(PREFIX): row.get("value", "") for key, row in rows.items() if key.startswith(PREFIX)}


def find_settings(stack: str) -> "Settings":
    """The settings of `stack`. Raises ConfigError with every fault."""
    from stacks.settings import Settings  # 30 ms, with all that it checks against: not for every command

    return Settings.from_config(stack, raw_settings(stack))
