"""What on this laptop would lead a client elsewhere than to the tunnel: variables, and files that clients read.

`fab launch-aider` is pinned against all of it but one (measured with aider 0.86.2, see aider_files.py); aider started
by hand, and every other client, is not. Names are told, values never: they may be keys.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from playbooks.aider import dotenv_files
from playbooks.aider_files import BREAKING_VARIABLE
from playbooks.client_env import LOOPBACK_NAMES

BASES = (
    *("OPENAI_BASE_URL", "OPENAI_API_BASE", "AIDER_OPENAI_API_BASE", "HOSTED_VLLM_API_BASE"),
    *("ANTHROPIC_BASE_URL", "ANTHROPIC_API_BASE", "LITELLM_PROXY_API_BASE"),
)
# Set at all, to whatever, they choose another model, provider or way.
CHOOSERS = (
    *("AIDER_MODEL", "AIDER_WEAK_MODEL", "AIDER_EDITOR_MODEL", "AIDER_ALIAS", "AIDER_SET_ENV", "AIDER_ENV_FILE"),
    *("AIDER_MODEL_SETTINGS_FILE", "USE_LITELLM_PROXY"),
    *("CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "ANTHROPIC_BEDROCK_BASE_URL", "ANTHROPIC_VERTEX_BASE_URL"),
    BREAKING_VARIABLE,
)
COST_MAP = "LITELLM_LOCAL_MODEL_COST_MAP"  # set and not true: litellm fetches a price list
# Of an address without TLS, as the gateway's is: a proxy is sent every prompt in clear text.
PROXIES, DIRECT = ("http_proxy", "all_proxy"), "no_proxy"
KEY = re.compile(r"(API_KEY|AUTH_TOKEN)$")  # a key alone leads nowhere, but some clients show it to whom they ask
# Keys of .aider.conf.yml that choose a model or a way. Source: aider's args.py; also its names of models, as `sonnet:`.
AIDER_KEYS = re.compile(
    r"(model|weak-model|editor-model|openai-api-base|openai-api-type|api-key|set-env|alias|env-file"
    r"|model-settings-file|sonnet|opus|haiku|4|4o|4-turbo|mini|deepseek|o1-mini|o1-preview|35turbo)"
)


@dataclass(frozen=True)
class Conflict:
    """One place that leads elsewhere. names: the variables or keys in it. breaks: even `fab launch-aider`."""

    place: str
    names: tuple[str, ...]

    @property
    def breaks(self) -> bool:
        """Whether aider sends nothing then, however it is started."""
        return self.place != "the environment" and BREAKING_VARIABLE in self.names

    def words(self) -> str:
        """For people."""
        return f"{self.place}: {', '.join(self.names)}"


def conflicts(environment: Mapping[str, str], folder: Path, home: Path, port: int | None) -> list[Conflict]:
    """Every place that would lead a client elsewhere. folder: where the user stands; port: the gateway's."""
    places = {"the environment": leading(environment, port)}
    for file, values in in_files(folder, home):
        places[str(file)] = leading(values, port)
    for file, names in aider_settings(folder, home):
        places[str(file)] = names
    return [Conflict(place, tuple(names)) for place, names in places.items() if names]


def leading(values: Mapping[str, str], port: int | None) -> list[str]:
    """The names among `values` that lead elsewhere than to the gateway at `port`."""
    bases = [name for name in BASES if values.get(name) and not is_ours(values[name], port)]
    choosers = [name for name in CHOOSERS if values.get(name)]
    cost_map = [COST_MAP] if values.get(COST_MAP, "true").lower() not in ("true", "1") else []
    return [*bases, *choosers, *proxied(values), *cost_map]


def proxied(values: Mapping[str, str]) -> list[str]:
    """The names of proxies that would be sent what is meant for loopback, or that take it from the exceptions."""
    proxies = [name for wanted in PROXIES for name in (wanted, wanted.upper()) if values.get(name)]
    given = [name for name in (DIRECT, DIRECT.upper()) if name in values]
    covered = any(covers(values[name]) for name in given[:1])  # lower case wins, where a client reads both
    if proxies and not covered:
        return proxies
    # NOTE: an empty one in a .env undoes what the shell says, whose proxies then hold.
    return [name for name in given if not values[name].strip()]


def covers(names: str) -> bool:
    """Whether these exceptions hold the gateway's address."""
    words = {word.strip() for word in names.split(",")}
    return "*" in words or LOOPBACK_NAMES[0] in words


def is_ours(url: str, port: int | None) -> bool:
    """Whether it is the gateway's address."""
    try:
        parts = urlsplit(url)
        return parts.hostname in LOOPBACK_NAMES and parts.port == port
    except ValueError:
        return False


def in_files(folder: Path, home: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """The variables in each file that a client loads over its environment. What cannot be read has none."""
    login = home / ".aider/oauth-keys.env"
    for file in [*([login] if login.is_file() else []), *dotenv_files(folder, home)]:
        yield file, dict(dotenv_values(text_of(file)))
    for file in claude_files(folder, home):
        yield file, claude_values(text_of(file))


def dotenv_values(text: str) -> Iterator[tuple[str, str]]:
    """`NAME=value` lines, with or without `export`."""
    for line in text.splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            yield name.strip(), value.strip().strip("'\"")


def claude_files(folder: Path, home: Path) -> list[Path]:
    """Claude Code's settings: a repository's own beat the shell, with our key in the request (measured, 2.1.329)."""
    names = (".claude/settings.json", ".claude/settings.local.json")
    return [file for place in places_of(folder, home) for name in names if (file := place / name).is_file()]


def claude_values(text: str) -> dict[str, str]:
    """The variables that such a file sets."""
    try:
        return {str(name): str(value) for name, value in json.loads(text)["env"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def aider_settings(folder: Path, home: Path) -> Iterator[tuple[Path, list[str]]]:
    """The keys that choose a model or a way in aider's own files."""
    for place in places_of(folder, home):
        for name, meant in ((".aider.conf.yml", AIDER_KEYS), (".aider.model.settings.yml", re.compile("api_base"))):
            if (file := place / name).is_file():
                keys = re.findall(r"^[ -]*([\w-]+)\s*:", text_of(file), re.MULTILINE)
                yield file, [key for key in dict.fromkeys(keys) if meant.fullmatch(key)]


def places_of(folder: Path, home: Path) -> list[Path]:
    """Home, the root of the repository, and the folder itself, each once: where clients look."""
    root = next((place for place in (folder, *folder.parents) if (place / ".git").exists()), folder)
    return list(dict.fromkeys((home, root, folder)))


def keys_set(environment: Iterable[str]) -> list[str]:
    """The names of providers' keys in the environment."""
    return sorted(name for name in environment if KEY.search(name))


def unreadable(folder: Path, home: Path) -> list[Path]:
    """The files of clients that nobody here can look into."""
    names = (".env", ".aider.conf.yml", ".aider.model.settings.yml", ".claude/settings.json")
    files = (place / name for place in places_of(folder, home) for name in names)
    return [file for file in files if file.is_file() and not os.access(file, os.R_OK)]


def text_of(file: Path) -> str:
    """The text of a file; empty if it cannot be read."""
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""
