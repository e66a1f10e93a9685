"""Where Codex is led elsewhere: variables, its files in home, in a repository, and an administrator's."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playbooks.clients.client import Conflict, Place
from playbooks.clients.reading import (
    dotenv_values,
    files_in,
    folders_between,
    leading,
    leading_lines,
    text_of,
)

BASES = ("OPENAI_BASE_URL", "CODEX_OSS_BASE_URL", "CODEX_APP_SERVER_CHATGPT_BASE_URL")
CHOOSERS = ("CODEX_HOME",)
# Keys of config.toml that name another provider, tell others what is done, or start somebody's program.
KEYS = (
    *("model", "model_provider", "model_providers", "openai_base_url", "chatgpt_base_url", "oss_provider", "profile"),
    *("model_catalog_json", "analytics", "features", "feedback", "hooks", "mcp_servers", "notify", "otel"),
    *("plugins", "sandbox_mode", "web_search", "default_permissions", "projects"),
)
HOME_FOLDER, CONFIG = ".codex", "config.toml"
ADMINISTRATORS = Path("/etc/codex")
# Files of an administrator's -> keys that win over a home and a command line. Of the first, what a layer above it
# cannot take away again; of the second, all; of the third, what it demands. Measured.
WINNING = {
    "config.toml": ("mcp_servers",),
    "managed_config.toml": KEYS,
    "requirements.toml": ("otel", "hooks"),
}
WINS = "an administrator's file beats daybox"


def conflicts(place: Place) -> list[Conflict]:
    """Variables, and what Codex reads in home, in the repository and in an administrator's folder."""
    found = [Conflict("the environment", tuple(leading(place.environment, place.port, BASES, CHOOSERS)))]
    for file in files_in([place.home / HOME_FOLDER], (".env",)):
        found.append(Conflict(str(file), tuple(leading_lines(dotenv_values(text_of(file)), place.port, BASES))))
    for file in files_in([place.home / HOME_FOLDER, *repository_folders(place)], (CONFIG,)):
        found.append(Conflict(str(file), keys_in(file, KEYS)))
    return [one for one in [*found, *administrators()] if one.names]


def repository_folders(place: Place) -> list[Path]:
    """The folders that may hold a project's file; home's own is not one of them."""
    return [folder / HOME_FOLDER for folder in folders_between(place.folder) if folder != place.home]


def administrators() -> Iterator[Conflict]:
    """What an administrator's files say, apart by whether it is overruled."""
    for name, winning in WINNING.items():
        for file in files_in([ADMINISTRATORS], (name,)):
            names = keys_in(file, KEYS)
            yield Conflict(str(file), tuple(one for one in names if one in winning), wins=WINS)
            yield Conflict(str(file), tuple(one for one in names if one not in winning))


def keys_in(file: Path, keys: tuple[str, ...]) -> tuple[str, ...]:
    """Those keys that stand in the file; none if Codex itself could not read it."""
    values = toml_of(text_of(file))
    return tuple(key for key in keys if key in values)


def toml_of(text: str) -> dict[str, Any]:
    """The tables of TOML; empty if it is none."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}
