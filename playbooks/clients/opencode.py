"""opencode on the box's own model.

What it reads was tried with opencode 1.18.33. A repository's `opencode.json` and `.opencode` beat the user's own files:
they name another provider, MCP servers, instructions to be fetched and git repositories to be cloned, and bring plugins
and tools, which are code that opencode runs. A switch turns most of it off; for what it leaves, see opencode_guard.js.
The user's own configuration is not read either: opencode is given another folder for it. Only what an administrator has
put into MANAGED beats daybox.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playbooks.clients.bun_guard import guard_text
from playbooks.clients.client import Client, OwnFile, Way
from playbooks.clients.moved import refuse_moved
from playbooks.clients.opencode_places import conflicts
from stacks.errors import UsageError

PROVIDER = "daybox"
GUARD = Path(__file__).with_name("opencode_guard.js")
KEY = "key"
OWN_CONFIG = ".config/opencode/opencode.json"
# The repository's AGENTS.md is words for the model and leads nowhere, but with the switch it would not be read. The
# braces are opencode's; see variables.
INSTRUCTIONS = "{env:PWD}/AGENTS.md"
# Both fetch what the model names; without them it is not offered them.
PERMISSIONS = {"webfetch": "deny", "websearch": "deny"}
# Without these two opencode asks the npm registry for @opencode-ai/plugin at every start: it looks for the folder, and
# for the name in the lock.
LOCK = {"name": PROVIDER, "packages": {"": {"dependencies": {"@opencode-ai/plugin": "*"}}}}
SWITCHES = {
    "OPENCODE_DISABLE_PROJECT_CONFIG": "1",
    "OPENCODE_AUTH_CONTENT": "{}",  # in place of auth.json, whose entries may name a host that configures opencode
    "OPENCODE_DISABLE_MODELS_FETCH": "1",
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_SHARE": "1",
    "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
    "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",  # they log in at other providers
    "GIT_ALLOW_PROTOCOL": "none",  # a repository's `references` are cloned at the start, whatever the switches say
    "npm_config_offline": "true",
}
DROPPED = (
    *("OPENCODE_", "EXA_", "PARALLEL_API_KEY", "BUN_OPTIONS", "BUN_INSPECT"),
    *("AWS_", "GCLOUD_", "GH_TOKEN", "GITHUB_TOKEN", "GOOGLE_"),  # it offers their providers' models because of them
)
# They speak to another server, change opencode, or open a server of their own; with their other names.
ELSEWHERE = (
    *("attach", "auth", "console", "github", "import", "plug", "plugin", "pr", "providers", "serve", "uninstall"),
    *("upgrade", "web"),
)
# Of the options, those that opencode knows, before it has a command, to take no value.
FLAGS = ("-h", "--help", "-v", "--version", "--print-logs")
# --pure would take the guard away; the others lead to another server, or let others in.
UNDOING = ("--pure", "--attach", "--hostname", "--mdns", "--cors")


def model_row(way: Way, name: str, window_tokens: int) -> dict[str, Any]:
    """One model. Without a limit opencode never shortens a talk."""
    answer_tokens = min(way.answer_tokens, window_tokens // 4)
    return {
        "name": name,
        "tool_call": way.tools,
        "attachment": False,
        "limit": {"context": window_tokens, "output": answer_tokens},
    }


def provider(way: Way, key: str) -> dict[str, Any]:
    """The box as a provider. Its library is built into opencode; another one would be fetched."""
    models = {way.model: model_row(way, way.model, way.window_tokens)}
    if way.architect:
        models[way.architect] = model_row(way, way.architect, way.architect_window_tokens)
    return {
        "npm": "@ai-sdk/openai-compatible",
        "name": PROVIDER,
        "options": {"baseURL": way.base, "apiKey": key},
        "models": models,
    }


def chosen(way: Way) -> dict[str, Any]:
    """Which model has which role: without a small one opencode takes another provider's for titles."""
    model = f"{PROVIDER}/{way.model}"
    return {"model": model, "small_model": model}


def config(way: Way) -> dict[str, Any]:
    """All of opencode.json. The key stands in here: the file is daybox's own, 0600."""
    planner = {"agent": {"plan": {"model": f"{PROVIDER}/{way.architect}"}}} if way.architect else {}
    return {
        "$schema": "https://opencode.ai/config.json",
        "provider": {PROVIDER: provider(way, way.key)},
        "enabled_providers": [PROVIDER],
        **chosen(way),
        **planner,
        "instructions": [INSTRUCTIONS],
        "permission": PERMISSIONS,
        "share": "disabled",
        "autoupdate": False,
    }


def files(way: Way) -> dict[str, str]:
    """What stands in its folder of configurations; and the key, for who starts it without daybox (see own_files)."""
    return {
        "opencode/opencode.json": json.dumps(config(way), indent=2) + "\n",
        "opencode/plugin/daybox.js": guard_text(GUARD),
        "opencode/package-lock.json": json.dumps(LOCK) + "\n",
        "opencode/node_modules/.keep": "",
        KEY: way.key,
    }


def variables(way: Way) -> dict[str, str]:
    """Its folders. What it keeps of talks goes into a database of its own: the user's may name an organisation, whose
    server configures opencode as well.
    """
    return {
        "XDG_CONFIG_HOME": str(way.folder),
        "OPENCODE_TEST_HOME": str(way.folder),  # where it looks for a `.opencode` of the user's, and for nothing else
        "OPENCODE_DB": str(way.folder / "sessions.db"),
        "PWD": str(Path.cwd()),
        **SWITCHES,
    }


def words(way: Way, own: Sequence[str]) -> list[str]:
    """The user's own: what they name of models, opencode has none but the box's. Raises UsageError."""
    options = own[: own.index("--")] if "--" in own else own
    for word in options:
        if word.partition("=")[0].replace("--no-", "--").startswith(UNDOING):
            raise UsageError(f"opencode {word}: would undo what keeps it on your box", hint="leave it out")
    if command := command_elsewhere(options):
        raise UsageError(f"opencode {command}: works elsewhere than on your box", hint="type it without daybox")
    return list(own)


def command_elsewhere(options: Sequence[str]) -> str:
    """The command of ELSEWHERE that these words may be; empty: none.

    The command is the first word that is no option and no option's value. Which options take one is not the same
    before opencode knows its command and after, so a word behind an option may be either.
    """
    before = ""
    for word in options:
        if word in ELSEWHERE:
            return word
        if not (word.startswith("-") or may_take_value(before)):
            return ""
        before = word
    return ""


def may_take_value(option: str) -> bool:
    """Whether the word behind this one may be its value."""
    return option.startswith("-") and "=" not in option and not option.startswith("--no-") and option not in FLAGS


def own_name(home: Path) -> str:
    """The file of the user's own that holds: with comments, if there is one, for it beats the other."""
    commented = f"{OWN_CONFIG}c"
    return commented if (home / commented).is_file() else OWN_CONFIG


def own_files(way: Way) -> tuple[OwnFile, ...]:
    """Beside the user's own providers. The key is read from the client's 0600 file. Raises ConfigError."""
    refuse_moved("opencode", "XDG_CONFIG_HOME", Path.home() / ".config")
    key = f"{{file:{way.folder / KEY}}}"
    values = {"provider": {PROVIDER: provider(way, key)}, **chosen(way)}
    return (OwnFile(own_name(Path.home()), "json", values),)


OPENCODE = Client(
    name="opencode",
    title="opencode",
    program="opencode",
    install="npm install --global opencode-ai@1.18.33",
    oldest=(1, 18, 33),
    below=(1, 19),
    # The first prompt, measured: 30 KB, about 7,500 tokens.
    least_window=16_384,
    files=files,
    words=words,
    variables=variables,
    dropped=DROPPED,
    conflicts=conflicts,
    own_files=own_files,
)
