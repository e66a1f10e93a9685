"""Cline's command line on the box's own model.

What it reads was tried with 3.0.65. Its settings lie in one folder, CLINE_DIR, and no file of a repository names a
provider. But it is a program of Bun's, which reads the `.env` and the `bunfig.toml` of the folder it is started in: the
first one sets CLINE_DIR or a base of Cline's own, the second one names code to run. Both are switched off by
BUN_OPTIONS, which also preloads cline_guard.js, against hooks and plugins of a repository. Without its sandbox it
leaves a hub behind, a server that outlives it.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playbooks.clients.asked import models_asked
from playbooks.clients.bun_guard import guard_text
from playbooks.clients.client import Client, OwnFile, Way
from playbooks.clients.cline_places import conflicts
from playbooks.clients.moved import refuse_moved
from stacks.errors import UsageError

PROVIDER = "openai-compatible"
GUARD = Path(__file__).with_name("cline_guard.js")
SETTINGS = "data/settings"
# Variables that name another folder, or another file, than this one below home.
MOVES = {
    "CLINE_DIR": ".cline",
    "CLINE_DATA_DIR": ".cline/data",
    "CLINE_PROVIDER_SETTINGS_PATH": f".cline/{SETTINGS}/providers.json",
}
EPOCH = "1970-01-01T00:00:00.000Z"  # a date is wanted; a fixed one keeps the file the same
# They fetch what the model names. The rest of what it does alone (sub-agents, teams) stays with the same model.
WITHOUT_TOOLS = ("fetch_web_content",)
NOTICES = ("cline-cli-cline-pass-intro", "cline-cli-desktop-launch")  # advertisements, which swallow the first words
DROPPED = (
    *("CLINE_", "BUN_OPTIONS", "BUN_INSPECT", "OTEL_", "LANGFUSE_", "COMPOSIO_", "AI_GATEWAY_", "V0_", "AICORE_"),
    *("VCAP_", "AWS_BEARER_TOKEN_BEDROCK", "VERCEL_OIDC_TOKEN"),
)
ELSEWHERE = (
    *("auth", "connect", "dashboard", "doctor", "hook", "hub", "kanban", "mcp", "plugin", "schedule", "skill"),
    "update",
)
# They look at what lies in its folder.
LOOKING = ("config", "h", "history", "version")
ABOUT_ITSELF = ("-h", "--help", "-V", "--version")
# The key would be seen by `ps`; the others lead to other settings, other code, or out of what ends with Cline.
UNDOING = ("--key", "--provider", "--config", "--data-dir", "--hooks-dir", "--update", "--kanban", "--zen")
UNDOING_LETTERS, LETTERS_WITH_VALUE, LETTERS_WITHOUT = "kPz", "cmPskt", "hipvV"


def settings(way: Way) -> dict[str, Any]:
    """The provider's row. contextWindow is what a prompt may have: Cline shortens a talk at nine tenths of it, and
    assumes 128,000 if it is told nothing.
    """
    answer_tokens = min(way.answer_tokens, way.window_tokens // 4)
    return {
        "provider": PROVIDER,
        "apiKey": way.key,
        "model": way.model,
        "baseUrl": way.base,
        "contextWindow": way.window_tokens - answer_tokens,
        "maxTokens": answer_tokens,
    }


def providers(way: Way) -> dict[str, Any]:
    """providers.json. The key stands in here: Cline reads it from this file, or from its command line."""
    row = {"settings": settings(way), "updatedAt": EPOCH, "tokenSource": "manual"}
    return {"version": 1, "lastUsedProvider": PROVIDER, "modes": {}, "providers": {PROVIDER: row}}


def files(way: Way) -> dict[str, str]:
    """Its settings, without telemetry and updates, and with no MCP server; what was changed in Cline is undone."""
    quiet = {
        "telemetryOptOut": True,
        "autoUpdateEnabled": False,
        "disabledTools": list(WITHOUT_TOOLS),
        "tools": {"web_search": {"enabled": False}},
    }
    texts = {
        "providers.json": providers(way),
        "global-settings.json": quiet,
        "cline_mcp_settings.json": {"mcpServers": {}},
        "cli-notices.json": {"shown": dict.fromkeys(NOTICES, True)},
    }
    made = {f"{SETTINGS}/{name}": json.dumps(value, indent=2) + "\n" for name, value in texts.items()}
    return made | {GUARD.name: guard_text(GUARD), "empty": ""}


def variables(way: Way) -> dict[str, str]:
    """Its folder, in a sandbox: Cline's own word for doing all in one process, which ends with it.

    BUN_OPTIONS: Bun reads these two files instead of a repository's, and this program before Cline; taken apart at
    blanks outside of quotes.
    """
    empty = way.folder / "empty"
    options = (f"--config={empty}", f"--env-file={empty}", f"--preload={way.folder / GUARD.name}")
    return {
        "CLINE_DIR": str(way.folder),
        "CLINE_SANDBOX": "1",
        "CLINE_SANDBOX_DATA_DIR": str(way.folder / "data"),
        "CLINE_SESSION_BACKEND_MODE": "local",
        "BUN_OPTIONS": " ".join(f'"{option}"' for option in options),
    }


def words(way: Way, own: Sequence[str]) -> list[str]:
    """The user's words, then the pins: the last one wins. Raises UsageError."""
    end = list(own).index("--") if "--" in own else len(own)
    options = list(own[:end])
    refuse_undoing(options)
    if elsewhere := next((word for word in possible_commands(own) if word in ELSEWHERE), ""):
        raise UsageError(f"cline {elsewhere}: works elsewhere than on your box", hint="type it without daybox")
    if options and options[0] in (*LOOKING, *ABOUT_ITSELF):
        return list(own)
    return [*options, "--provider", PROVIDER, "--model", model_of(way, options), *own[end:]]


def possible_commands(own: Sequence[str]) -> Sequence[str]:
    """The words up to a `--`, and the first one behind it: it is taken for a command all the same."""
    return own[: own.index("--") + 2] if "--" in own else own


def refuse_undoing(options: Sequence[str]) -> None:
    """Raises UsageError for the first option that would undo a pin."""
    for word in options:
        if word.partition("=")[0] in UNDOING or letters(word) & set(UNDOING_LETTERS):
            raise UsageError(
                f"cline {word.partition('=')[0]}: would undo what keeps it on your box", hint="leave it out"
            )


def letters(word: str) -> set[str]:
    """The options of one letter in a word like -vz; what follows a letter that takes a value is the value."""
    if not word.startswith("-") or word.startswith("--"):
        return set()
    found: set[str] = set()
    for letter in word[1:]:
        found.add(letter)
        if letter in LETTERS_WITH_VALUE:
            break
    return found


def model_of(way: Way, options: Sequence[str]) -> str:
    """The box's second model, if the user's own last `--model` is it; else the first."""
    named = list(models_asked(options, LETTERS_WITHOUT))
    return way.architect if way.architect and way.architect in named[-1:] else way.model


def own_files(way: Way) -> tuple[OwnFile, ...]:
    """The user's own settings. Cline reads keys from this file only, so the key stands in it. Raises ConfigError."""
    for variable, below_home in MOVES.items():
        refuse_moved("cline", variable, Path.home() / below_home)
    return (OwnFile(f".cline/{SETTINGS}/providers.json", "json", providers(way), holds_key=True),)


CLINE = Client(
    name="cline",
    title="Cline",
    program="cline",
    install="npm install --global cline@3.0.65",
    oldest=(3, 0, 65),
    below=(3, 1),
    # The first prompt, measured: 22 KB, about 7,100 tokens as Cline counts them.
    least_window=16_384,
    files=files,
    words=words,
    variables=variables,
    dropped=DROPPED,
    conflicts=conflicts,
    own_files=own_files,
)
