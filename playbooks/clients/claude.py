"""Claude Code on the box's own model.

What holds was run as one set with 2.1.332 against every file that could lead it elsewhere, those of a cloned repository
among them (tests/e2e/leaks/traps_claude.py). Two things do most of it. CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST: what the
launcher says of provider, address, key and proxies is not taken from settings any more, not even from an
administrator's. And `--setting-sources=user` with a folder of its own for CLAUDE_CONFIG_DIR: neither the repository's
settings nor those of home are read, so no hook, key helper, telemetry or MCP server of theirs is started. What that
costs: memories, skills and MCP servers in ~/.claude, and the repository's `.claude`. Its CLAUDE.md is read all the
same.
"""

import json
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from playbooks.clients.claude_places import PROVIDER_SWITCHES, conflicts
from playbooks.clients.client import Client, OwnFile, Way
from playbooks.clients.moved import refuse_moved
from playbooks.clients.surroundings import proxies
from stacks.errors import UsageError

SETTINGS, KEY, CONFIG_FOLDER = "settings.json", "key", "config"
# Each way of naming a model leads to ours; a subagent, a summary and a title are asked of it as well.
MODEL_NAMES = (
    *("ANTHROPIC_MODEL", "ANTHROPIC_DEFAULT_MODEL", "ANTHROPIC_SMALL_FAST_MODEL", "CLAUDE_CODE_SUBAGENT_MODEL"),
    *("ANTHROPIC_DEFAULT_SONNET_MODEL", "ANTHROPIC_DEFAULT_HAIKU_MODEL", "ANTHROPIC_DEFAULT_FABLE_MODEL"),
)
# `/model opus`, and `opusplan`, which plans with it and lets the other one edit.
ARCHITECT_NAME = "ANTHROPIC_DEFAULT_OPUS_MODEL"
QUIET = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",  # updates, telemetry, error reports, a look at the vendor's API
    "CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL": "1",  # else `git` over ssh to github.com, past all proxies
    "CLAUDE_CODE_ADDITIONAL_DIRECTORIES_CLAUDE_MD": "1",  # with --add-dir: CLAUDE.md, without the settings beside it
}
# Read in settings only. Else each prompt begins with a line of its own, and no prefix is ever found again.
LEAN = {"CLAUDE_CODE_ATTRIBUTION_HEADER": "0"}
# Variables of other ways, beside those that no client inherits: the client's own switches, collectors of telemetry, and
# what its runtime (Bun) runs or reads before everything else.
DROPPED = (
    *("AGENT_PROXY_", "ANT_", "AWS_BEARER_TOKEN_BEDROCK", "AWS_ENDPOINT_URL", "BUN_", "CCR_", "CLAUDE_"),
    *("CLOUD_ML_REGION", "NODE_OPTIONS", "OTEL_", "VOICE_STREAM_BASE_URL"),
)

# The user's words may not undo the pins, which come first: words for a subcommand would not be options behind it.
# Those without a place in its `--help` stand in its program, for hosts that start it.
PINNED = (
    *("--settings", "--setting-sources", "--managed-settings", "--managed-settings-in-initialize"),
    *("--await-claim", "--await-initialize", "--initialize-fields", "--project-config-root"),
)
# Options and commands that work at the vendor's, or at any address; with their other names.
ELSEWHERE = (
    *("--attach-serve", "--bg", "--background", "--chrome", "--client-data-url", "--cloud", "--desktop"),
    *("--environment", "--file", "--from-pr", "--plugin-url", "--pool", "--rc", "--remote", "--remote-control"),
    *("--sdk-url", "--teleport", "--watch-artifact", "--web"),
)
COMMANDS = (
    *("agents", "attach", "auth", "design-login", "gateway", "install", "rc", "remote-control", "respawn"),
    *("setup-token", "ultrareview", "update", "upgrade"),
)
OPEN_END = "--"


def models(way: Way) -> dict[str, str]:
    """Which model each name means."""
    return dict.fromkeys(MODEL_NAMES, way.model) | {ARCHITECT_NAME: way.architect or way.model}


def limits(way: Way) -> dict[str, str]:
    """What it assumes otherwise: a window of a million tokens, and answers of 32,000. It knows one window for all."""
    windows = [window for window in (way.window_tokens, way.architect_window_tokens) if window]
    return {
        "CLAUDE_CODE_MAX_CONTEXT_TOKENS": str(min(windows)),
        "CLAUDE_CODE_MAX_OUTPUT_TOKENS": str(way.answer_tokens),
    }


def variables(way: Way) -> dict[str, str]:
    """Where it is led.

    The key stands here, for settings are not asked for one while the launcher manages the provider; programs that it
    starts for the model do not inherit it (measured).
    """
    return {
        "ANTHROPIC_BASE_URL": way.origin,
        "ANTHROPIC_AUTH_TOKEN": way.key,
        "CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST": "1",
        "CLAUDE_CONFIG_DIR": str(way.folder / CONFIG_FOLDER),
        **models(way),
        **limits(way),
        **QUIET,
    }


def settings(way: Way) -> dict[str, object]:
    """Settings that beat all but an administrator's; the same again, for a version that takes variables from here.

    Auto mode asks the model itself whether a command is safe: too much for one of this size.
    """
    switches = dict.fromkeys((*PROVIDER_SWITCHES, "ANTHROPIC_API_KEY", "CLAUDE_CODE_ENABLE_TELEMETRY"), "")
    pins = {"ANTHROPIC_BASE_URL": way.origin, **models(way), **limits(way), **QUIET, **proxies(), **switches}
    return {
        "env": {**pins, **LEAN},
        "permissions": {"deny": ["WebFetch", "WebSearch"], "defaultMode": "default"},
        "skipWebFetchPreflight": True,
        "disableAutoMode": "disable",
        "disableClaudeAiConnectors": True,
        "disableDeepLinkRegistration": "disable",  # else it makes itself the desktop's program for its links
        "disableRemoteControl": True,
        "disableAgentView": True,  # a program in the background, which outlives the seal
    }


def files(way: Way) -> dict[str, str]:
    """Settings, without a key; and the key, for who starts it without daybox (see own_files)."""
    return {SETTINGS: json.dumps(settings(way), indent=2) + "\n", KEY: way.key}


def words(way: Way, own: Sequence[str]) -> list[str]:
    """The pins, then the user's own words. Raises UsageError for those that lead elsewhere."""
    refuse_undoing(own, way)
    pins = [f"--settings={way.folder / SETTINGS}", "--setting-sources=user", "--strict-mcp-config", "--add-dir=."]
    return [*pins, *own]


def refuse_undoing(own: Sequence[str], way: Way) -> None:
    """Raises UsageError for the first word that would undo a pin, or that works at the vendor's."""
    for word in possible_options(own):
        name = word.partition("=")[0]
        if name in PINNED:
            hint = f"put settings of your own into {way.folder / CONFIG_FOLDER / SETTINGS}"
            raise UsageError(f"claude {name}: is daybox's own, so that nothing leads elsewhere", hint=hint)
        if name in ELSEWHERE:
            raise UsageError(f"claude {name}: works elsewhere than on your box", hint="leave it out")
    if command := next((word for word in possible_commands(own) if word in COMMANDS), ""):
        raise UsageError(f"claude {command}: works elsewhere than on your box", hint="type it without daybox")


def possible_options(own: Sequence[str]) -> Iterator[str]:
    """The words up to the open end. One behind an option may be that option's value, and more options behind it."""
    before = ""
    for word in own:
        if word == OPEN_END and not before.startswith("-"):
            return
        yield word
        before = word


def possible_commands(own: Sequence[str]) -> Sequence[str]:
    """The words up to the open end, and the first one behind it: it is taken for a command all the same."""
    return own[: own.index(OPEN_END) + 2] if OPEN_END in own else own


def own_files(way: Way) -> tuple[OwnFile, ...]:
    """The user's own settings, for who starts it without daybox; a repository's settings beat them.

    The key is read from the client's 0600 file by a command: so none stands in a file that is often kept in a backup.
    Raises ConfigError if Claude Code looks elsewhere.
    """
    refuse_moved("claude", "CLAUDE_CONFIG_DIR", Path.home() / ".claude")
    values = {
        "env": {"ANTHROPIC_BASE_URL": way.origin, **models(way), **limits(way), **QUIET, **LEAN},
        "apiKeyHelper": shlex.join(["cat", str(way.folder / KEY)]),
    }
    return (OwnFile(".claude/settings.json", "json", values),)


CLAUDE = Client(
    name="claude",
    title="Claude Code",
    program="claude",
    install="npm install --global @anthropic-ai/claude-code@2.1.332",
    oldest=(2, 1, 328),
    below=(2, 2),
    least_window=20_480,  # its first prompt: 49 KB, 11,000 to 12,500 tokens; and an answer of 4,096
    files=files,
    words=words,
    variables=variables,
    dropped=DROPPED,
    conflicts=conflicts,
    own_files=own_files,
)
