"""Codex on the box's own model.

What it reads was tried with 0.171.0 (tests/e2e/leaks/traps_codex.py). A repository's `.codex/config.toml` may not name
a provider, but in a folder that the user trusts it brings MCP servers, switches telemetry and plugins on, and names a
model. So Codex gets a CODEX_HOME of its own, in which the folder it is started in is trusted by nobody, and what is to
stay off is said once more on its command line. What that costs: the user's own AGENTS.md, prompts and MCP servers in
~/.codex. The repository's AGENTS.md is read all the same. Its sandbox for commands stays as Codex itself has it.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from playbooks.clients.client import Client, OwnFile, Way
from playbooks.clients.codex_places import conflicts
from playbooks.clients.moved import refuse_moved
from playbooks.clients.reading import root_of
from stacks.errors import UsageError

PROVIDER = "daybox"  # openai, ollama and lmstudio are names of Codex's own
CONFIG, DOTENV, KEY = "config.toml", ".env", "key"
# What leaves the laptop beside the model's requests, and programs of others. A trusted folder could switch each on.
OFF: Mapping[str, Any] = {
    "analytics": {"enabled": False},
    "check_for_update_on_startup": False,
    "features": {
        "apps": False,
        "daemon_auto_start": False,  # a server in the background, which outlives the seal
        "hooks": False,
        "plugins": False,  # github.com and chatgpt.com at every start
    },
    "feedback": {"enabled": False},
    "notify": [],
    "otel": {"exporter": "none", "log_user_prompt": False, "metrics_exporter": "none", "trace_exporter": "none"},
    "web_search": "disabled",
}
DROPPED = ("AWS_BEARER_TOKEN_BEDROCK", "CODEX_", "OTEL_")

# Options that lead elsewhere or take the pins away; keys of `-c` that would; commands that work at the vendor's.
ELSEWHERE = (
    *("--dangerously-bypass-hook-trust", "--disable", "--enable", "--ignore-user-config", "--local-provider", "--oss"),
    *("--profile", "--remote", "--remote-auth-token-env", "--search", "--trust"),
)
PINNED_KEYS = (
    *(*OFF, "chatgpt_base_url", "cloud", "experimental_", "forced_", "model_catalog_json", "model_provider"),
    *("openai_base_url", "orchestrator", "oss_provider", "profile", "projects", "responses", "rollout_trace"),
)
# With their other names. `apply` fetches a task's changes from there.
COMMANDS = (
    *("a", "agents", "app-server", "apply", "cloud", "cloud-tasks", "exec-server", "login", "logout", "plugin"),
    *("remote-control", "responses-api-proxy", "update"),
)
OPEN_END = "--"


def provider(way: Way) -> dict[str, Any]:
    """The box as a provider. A command reads the key from its 0600 file: what Codex starts does not inherit it."""
    return {
        "name": PROVIDER,
        "base_url": way.base,
        "wire_api": "responses",
        "auth": {"command": "cat", "args": [str(way.folder / KEY)]},
    }


def model_values(way: Way) -> dict[str, Any]:
    """Of a model that Codex does not know it assumes 272,000 tokens, and never shortens a talk in time."""
    return {
        "model": way.model,
        "model_provider": PROVIDER,
        "model_context_window": way.window_tokens,
        "model_auto_compact_token_limit": way.window_tokens * 85 // 100,
    }


def config(way: Way, folder: Path) -> dict[str, Any]:
    """All of config.toml. folder: where Codex is started.

    Subagents are left out: their tools are 14 of the first prompt's 40 KB, in every request.
    """
    return {
        **model_values(way),
        **OFF,
        "agents": {"enabled": False},
        "model_providers": {PROVIDER: provider(way)},
        "projects": {str(place): {"trust_level": "untrusted"} for place in dict.fromkeys((root_of(folder), folder))},
    }


def files(way: Way) -> dict[str, str]:
    """Its whole configuration, the key, and an empty .env: Codex loads the one of its home over its environment."""
    return {CONFIG: toml_text(config(way, Path.cwd())), KEY: way.key, DOTENV: ""}


def variables(way: Way) -> dict[str, str]:
    """Its home."""
    return {"CODEX_HOME": str(way.folder)}


def words(way: Way, own: Sequence[str]) -> list[str]:
    """The pins, then the user's own words. Raises UsageError for those that would undo them, or lead elsewhere."""
    refuse_undoing(own)
    return [*(word for pin in flat(OFF) for word in ("-c", pin)), *own]


def refuse_undoing(own: Sequence[str]) -> None:
    """Raises UsageError for the first word that would undo a pin, or that works at the vendor's."""
    options = list(own[: own.index(OPEN_END)]) if OPEN_END in own else list(own)
    for word in options:
        if word.partition("=")[0] in ELSEWHERE or short_of(word) == "-p":
            raise UsageError(f"codex {word}: leads elsewhere than to your box", hint="leave it out")
        if word.partition("=")[0] == "--cd" or short_of(word) == "-C":
            raise UsageError(f"codex {word}: the folder that is trusted by nobody is this one", hint="`cd` there first")
    for key in keys_set(options):
        if key.startswith(PINNED_KEYS):
            raise UsageError(f"codex -c {key}: is daybox's own, so that nothing leads elsewhere", hint="leave it out")
    if command := next((word for word in options if word in COMMANDS), ""):
        raise UsageError(f"codex {command}: works elsewhere than on your box", hint="type it without daybox")


def short_of(word: str) -> str:
    """The short option that a word is, its value behind it or not; empty for others."""
    return word[:2] if word[:1] == "-" and word[:2] != "--" else ""


def keys_set(options: Sequence[str]) -> Iterator[str]:
    """The keys that the user's own `-c key=value` set, however it is written."""
    for word, following in zip(options, [*options[1:], ""], strict=False):
        if word in ("-c", "--config"):
            yield key_of(following)
        elif short_of(word) == "-c":
            yield key_of(word[2:].removeprefix("="))
        elif word.startswith("--config="):
            yield key_of(word.removeprefix("--config="))


def key_of(setting: str) -> str:
    """The key of `key=value`, without quotes and spaces."""
    return re.sub(r"[\s'\"]", "", setting.partition("=")[0])


def flat(values: Mapping[str, Any], before: str = "") -> Iterator[str]:
    """`key.key=value` for each value of nested mappings, as `-c` takes it."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}={json.dumps(value)}"


def toml_text(values: Mapping[str, Any], path: tuple[str, ...] = ()) -> str:
    """Nested mappings of text, numbers, booleans and lists as TOML: what JSON and TOML write alike."""
    plain = [f"{key} = {quoted(value)}" for key, value in values.items() if not is_table(value)]
    head = [f"\n[{'.'.join(map(bare, path))}]"] if path and plain else []
    own = "\n".join([*head, *plain, ""]) if plain else ""
    return own + "".join(toml_text(value, (*path, key)) for key, value in values.items() if is_table(value))


def quoted(value: object) -> str:
    """A value as TOML has it: JSON would write a letter beyond U+FFFF as two halves, which TOML has not."""
    return json.dumps(value, ensure_ascii=False)


def bare(key: str) -> str:
    """A key, in quotes only if it needs them."""
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else quoted(key)


def is_table(value: object) -> bool:
    """Whether it is a table of TOML."""
    return isinstance(value, Mapping)


def own_files(way: Way) -> tuple[OwnFile, ...]:
    """Beside the user's own providers; the key is read from the client's 0600 file. Raises ConfigError."""
    refuse_moved("codex", "CODEX_HOME", Path.home() / ".codex")
    quiet = {"analytics": OFF["analytics"], "check_for_update_on_startup": False, "features": {"plugins": False}}
    values = {**model_values(way), **quiet, "model_providers": {PROVIDER: provider(way)}}
    return (OwnFile(".codex/config.toml", "toml", values),)


CODEX = Client(
    name="codex",
    title="Codex",
    program="codex",
    install="npm install --global @openai/codex@0.171.0",
    oldest=(0, 169),
    below=(0, 172),
    least_window=16_384,  # its first prompt: 30 KB, on the screen 37, up to 9,000 tokens
    files=files,
    words=words,
    variables=variables,
    dropped=DROPPED,
    conflicts=conflicts,
    own_files=own_files,
)
