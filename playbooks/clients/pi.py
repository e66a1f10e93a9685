"""pi, a small coding agent, on the box's own model.

Its settings, models, keys and sessions lie in one folder, PI_CODING_AGENT_DIR; a repository may have a `.pi` folder of
its own. What that can do was tried with pi 0.73.1 and 0.74.2: name another provider (the command line wins), bring
extensions and packages, which are anybody's code (switched off), and name a shell, or words before every command of the
model's, which no word and no setting of ours overrules: such a repository is refused.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from playbooks.clients.client import Client, Conflict, OwnFile, Place, Way
from playbooks.clients.moved import refuse_moved
from playbooks.clients.reading import files_in, json_of, leading, text_of
from stacks.errors import UsageError

PROVIDER = "daybox"
# Commands of pi's own about itself; they fetch, and know no model.
PACKAGE_COMMANDS = ("install", "remove", "uninstall", "update", "list", "config")
ABOUT_ITSELF = ("--version", "-v", "--help", "-h", "--export")
# The first word is one that an option left open may swallow (`pi -- --system-prompt`): it stands in the variables, too.
WITHOUT_CODE = ("--offline", "--no-extensions")
PINS = (*WITHOUT_CODE, "--provider", PROVIDER)

AGENT_DIR, SESSION_DIR = "PI_CODING_AGENT_DIR", "PI_CODING_AGENT_SESSION_DIR"
# Providers' keys that pi looks for, beside those that no client inherits. Source: pi-ai's env-api-keys.js, 0.73.1.
DROPPED = (
    *("PI_", "AI_GATEWAY_", "AWS_", "CLOUDFLARE_", "COPILOT_GITHUB_TOKEN", "GCLOUD_", "GH_TOKEN", "GITHUB_TOKEN"),
    *("GOOGLE_", "KIMI_", "MINIMAX_", "MOONSHOT_", "OPENCODE_", "XIAOMI_", "ZAI_"),
)
CHOOSERS = (
    *(AGENT_DIR, SESSION_DIR, "PI_PACKAGE_DIR", "PI_SHARE_VIEWER_URL"),
    *("ANTHROPIC_OAUTH_TOKEN", "COPILOT_GITHUB_TOKEN", "AWS_BEARER_TOKEN_BEDROCK", "AI_GATEWAY_API_KEY"),
)
SETTINGS = ".pi/settings.json"
# npmCommand fetches packages: a program of the repository's choice, run while pi starts, but for `--offline`.
OVERRULED = ("defaultProvider", "defaultModel", "enabledModels", "extensions", "npmCommand", "packages", "sessionDir")
PROGRAMS = ("shellPath", "shellCommandPrefix")
EXTENSIONS = ".pi/extensions"


def model_row(way: Way, model: str, window_tokens: int) -> dict[str, object]:
    """One model as models.json has it. Without a window pi assumes 128,000 tokens, and never shortens in time."""
    return {
        "id": model,
        "name": f"{model} (daybox)",
        "reasoning": False,
        "input": ["text"],
        "contextWindow": window_tokens,
        "maxTokens": min(way.answer_tokens, window_tokens // 4),
        "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0},
    }


def provider(way: Way) -> dict[str, object]:
    """The box as a provider. The key stands in here: pi reads it from this file or from a variable."""
    models = [model_row(way, way.model, way.window_tokens)]
    if way.architect:
        models.append(model_row(way, way.architect, way.architect_window_tokens))
    return {
        "baseUrl": way.base,
        "api": "openai-completions",
        "apiKey": way.key,
        # What OpenAI's own models know and others do not.
        "compat": {
            "supportsStore": False,
            "supportsDeveloperRole": False,
            "supportsReasoningEffort": False,
            "maxTokensField": "max_tokens",
        },
        "models": models,
    }


def settings(way: Way) -> dict[str, object]:
    """pi's own defaults shorten a talk to 20,000 tokens when 16,384 are left: never enough in a window of 32k."""
    return {
        "defaultProvider": PROVIDER,
        "defaultModel": way.model,
        "enabledModels": [f"{PROVIDER}/*"],
        "enableInstallTelemetry": False,
        "quietStartup": True,
        "compaction": {
            "enabled": True,
            "reserveTokens": min(way.answer_tokens, way.window_tokens // 4) + 1024,
            "keepRecentTokens": way.window_tokens // 4,
        },
    }


def files(way: Way) -> dict[str, str]:
    """Its whole folder. auth.json is emptied, so that nothing a `/login` left in it is there the next time."""
    texts = {"models.json": {"providers": {PROVIDER: provider(way)}}, "settings.json": settings(way), "auth.json": {}}
    return {name: json.dumps(value, indent=2) + "\n" for name, value in texts.items()}


def variables(way: Way) -> dict[str, str]:
    """Its folder, and nothing of its own over the network: no look at new versions, no fetching of programs."""
    return {
        AGENT_DIR: str(way.folder),
        SESSION_DIR: str(way.folder / "sessions"),  # a repository's settings may name another folder
        "PI_OFFLINE": "1",
        "PI_SKIP_VERSION_CHECK": "1",
        "PI_TELEMETRY": "0",
    }


def words(way: Way, own: Sequence[str]) -> list[str]:
    """The user's words, then the pins: the last one wins. Raises UsageError for commands that fetch."""
    if own and own[0] in PACKAGE_COMMANDS:
        raise UsageError(f"pi {own[0]}: fetches, or changes pi itself", hint="type it without daybox")
    if own and own[0] in ABOUT_ITSELF:
        return [*own, *WITHOUT_CODE]  # `--help` lists what extensions add, and runs them for it
    model = way.architect if way.architect and asks_for(own, way.architect) else way.model
    return [*own, *PINS, "--model", model, "--models", f"{PROVIDER}/*"]


def asks_for(own: Sequence[str], model: str) -> bool:
    """Whether the user's own last `--model` is this one."""
    named = [own[at + 1] for at, word in enumerate(own[:-1]) if word == "--model"]
    return named[-1:] in ([model], [f"{PROVIDER}/{model}"])


def conflicts(place: Place) -> list[Conflict]:
    """Variables, the user's own folder, and what the repository's `.pi` says."""
    names = leading(place.environment, place.port, choosers=CHOOSERS)
    found = [Conflict("the environment", tuple(names))] if names else []
    homes = files_in([place.home / ".pi/agent"], ("models.json", "settings.json", "auth.json"))
    found += [Conflict(str(file.parent), (file.name,)) for file in homes]
    return [*found, *of_the_repository(place)]


def of_the_repository(place: Place) -> list[Conflict]:
    """pi reads `.pi` of the folder it is started in, and of no other."""
    found = []
    for file in files_in([place.folder], (SETTINGS,)):
        values = json_of(text_of(file))
        if programs := tuple(name for name in PROGRAMS if values.get(name)):
            found.append(Conflict(str(file), programs, wins="pi runs it around every command"))
        if overruled := tuple(name for name in OVERRULED if values.get(name)):
            found.append(Conflict(str(file), overruled))
    if (folder := place.folder / EXTENSIONS).is_dir():
        found.append(Conflict(str(folder), ("extensions",)))
    return found


def own_files(way: Way) -> tuple[OwnFile, ...]:
    """Beside the user's own providers: `pi --provider daybox`. Raises ConfigError if pi looks elsewhere."""
    refuse_moved("pi", AGENT_DIR, Path.home() / ".pi/agent")
    return (OwnFile(".pi/agent/models.json", "json", {"providers": {PROVIDER: provider(way)}}, holds_key=True),)


PI = Client(
    name="pi",
    title="pi",
    program="pi",
    # Up to 0.73 it is @mariozechner/pi-coding-agent; from 0.75 on it needs Node.js 22.19.
    install="npm install --global --ignore-scripts @earendil-works/pi-coding-agent@0.74.2",
    oldest=(0, 73),
    below=(0, 75),
    least_window=16_384,
    files=files,
    words=words,
    variables=variables,
    dropped=DROPPED,
    conflicts=conflicts,
    own_files=own_files,
)
