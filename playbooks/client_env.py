"""The environment for other clients of OpenAI's or Anthropic's API: `eval "$(fab env)"`.

It also puts a program named `aider` first on PATH that is `fab launch aider`.
"""

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from invoke.context import Context

from playbooks.aider_shim import write_shim
from playbooks.boxes import STACK_HELP, find_box
from playbooks.clients.surroundings import LOOPBACK_NAMES
from playbooks.clients.way import ANSWER_TOKENS
from playbooks.command import command, print_json
from playbooks.endpoint import trusted
from playbooks.keys import key_file

CLIENT = "env"
MODEL_VARIABLES = (
    "ANTHROPIC_MODEL",
    "ANTHROPIC_DEFAULT_OPUS_MODEL",
    "ANTHROPIC_DEFAULT_SONNET_MODEL",
    "ANTHROPIC_DEFAULT_HAIKU_MODEL",
    "CLAUDE_CODE_SUBAGENT_MODEL",
)
# Set in the shell, they would send the client elsewhere in spite of the variables below.
UNSET = ("ANTHROPIC_API_KEY", "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX")
KEY_VARIABLES = ("OPENAI_API_KEY", "ANTHROPIC_AUTH_TOKEN")
WARNING = (
    "# env: a repository's own files (.env, .claude/settings.json) can still point a client elsewhere; `fab launch` is"
    " pinned against them, and so is `aider` in this shell from now on"
)


def variables(base: str, served: str, window_tokens: int, inherited: Mapping[str, str]) -> dict[str, str]:
    """What clients read, all but their key. base: the gateway's, with /v1; window_tokens: as the server says."""
    return {
        "OPENAI_BASE_URL": base,
        "OPENAI_API_BASE": base,
        "ANTHROPIC_BASE_URL": base.removesuffix("/v1"),
        **dict.fromkeys(MODEL_VARIABLES, served),
        "CLAUDE_CODE_MAX_CONTEXT_TOKENS": str(window_tokens),  # it assumes a million otherwise
        "CLAUDE_CODE_MAX_OUTPUT_TOKENS": str(min(ANSWER_TOKENS, window_tokens // 4)),
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        **{name: direct_names(inherited.get(name, "")) for name in ("NO_PROXY", "no_proxy")},
    }


def shell_text(values: dict[str, str], key: Path, shims: Path) -> str:
    """Lines for a POSIX shell. The key itself is not among them: the shell reads it from its 0600 file.

    shims: the folder that goes first on PATH.
    """
    read = f'"$(cat {shlex.quote(str(key))})"'
    exports = [f"export {name}={shlex.quote(value)}" for name, value in values.items()]
    keys = [f"export {name}={read}" for name in KEY_VARIABLES]
    return "\n".join([f"unset {' '.join(UNSET)}", *exports, *keys, path_line(str(shims))])


def path_line(folder: str) -> str:
    """Put the folder first on PATH, unless it is there already: a shell may evaluate this every day."""
    quoted = shlex.quote(folder)
    return f'case "$PATH" in {quoted}:*) ;; *) export PATH={quoted}:"$PATH" ;; esac'


def direct_names(proxied_not: str) -> str:
    """The user's own NO_PROXY with loopback in it: a proxy would be sent the whole prompt."""
    names = [name for name in proxied_not.split(",") if name and name not in LOOPBACK_NAMES]
    return ",".join([*LOOPBACK_NAMES, *names])


@command(help={**STACK_HELP, "json": "print JSON for programs"})
def env(c: Context, stack: str | None = None, json: bool = False) -> None:
    """Print the variables for other clients: eval "$(fab env)".

    Example: eval "$(fab env --stack coder-30b)"
    """
    box = find_box(stack)
    endpoint = trusted(box, CLIENT)
    values = variables(endpoint.base, box.served_name, endpoint.window(box.served_name), os.environ)
    file = key_file(box.stack, CLIENT).resolve()
    if json:
        print_json({**values, "key_file": str(file)})
        return
    print(shell_text(values, file, write_shim(box.stack)))
    print(WARNING, file=sys.stderr)
