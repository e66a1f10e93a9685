"""What of a laptop and a repository would lead opencode elsewhere, and whether daybox overrules it."""

import re
import sys
from collections.abc import Iterable
from pathlib import Path

from playbooks.clients.client import Conflict, Place
from playbooks.clients.reading import files_in, folders_between, json_of, leading, text_of

NAMES = ("opencode.json", "opencode.jsonc")
USERS_OWN = ("config.json", *NAMES)
# Keys that name a provider, a program or a host.
LEADING = (
    *("agent", "autoshare", "command", "enabled_providers", "enterprise", "experimental", "formatter", "instructions"),
    *("lsp", "mcp", "mode", "model", "plugin", "plugins", "provider", "providers", "reference", "references", "share"),
    *("shell", "skills", "small_model"),
)
CODE_FOLDERS = ("plugin", "plugins", "tool", "tools")
# An administrator's, for all users; it is read last.
MANAGED = Path("/Library/Application Support/opencode" if sys.platform == "darwin" else "/etc/opencode")
WORD = re.compile(r'"(\w+)"\s*:')
# The folder's name is put into a JSON text as it is, by opencode itself.
UNSAFE = re.compile(r'["\\{}\x00-\x1f]')


def conflicts(place: Place) -> list[Conflict]:
    """Variables, the user's own files, the repository's, an administrator's: only the last one's win."""
    own = [name for name in place.environment if name.upper().startswith("OPENCODE_")]
    names = (*own, *leading(place.environment, place.port))
    found = [Conflict("the environment", names)] if names else []
    return [*found, *of_the_home(place), *of_the_repository(place), *of_the_administrator(), *of_the_name(place)]


def of_the_home(place: Place) -> list[Conflict]:
    """The user's own configuration, and logins."""
    folder = Path(place.environment.get("XDG_CONFIG_HOME") or place.home / ".config") / "opencode"
    files = [*files_in([folder], USERS_OWN), *files_in([place.home / ".opencode"], NAMES)]
    logins = files_in(
        [Path(place.environment.get("XDG_DATA_HOME") or place.home / ".local/share")], ("opencode/auth.json",)
    )
    known = [Conflict(str(file), tuple(keys)) for file in logins if (keys := json_of(text_of(file)))]
    return [*of_files(files), *known, *of_code([folder, place.home / ".opencode"])]


def of_the_repository(place: Place) -> list[Conflict]:
    """Every folder from the repository's root down."""
    folders = folders_between(place.folder)
    inner = [folder / ".opencode" for folder in folders]
    return [*of_files(files_in([*folders, *inner], NAMES)), *of_code(inner)]


def of_files(files: Iterable[Path], wins: str = "") -> list[Conflict]:
    """Configurations with a key that leads."""
    return [Conflict(str(file), names, wins) for file in files if (names := leading_keys(text_of(file)))]


def leading_keys(text: str) -> tuple[str, ...]:
    """The keys of a configuration that lead; of one that is no JSON, whatever looks like them."""
    keys = json_of(text) or WORD.findall(text)
    return tuple(name for name in LEADING if name in keys)


def of_code(folders: Iterable[Path]) -> list[Conflict]:
    """Folders whose files opencode would run."""
    return [Conflict(str(folder), names) for folder in folders if (names := tuple(code_in(folder)))]


def code_in(folder: Path) -> list[str]:
    """Which of them are there."""
    return [name for name in CODE_FOLDERS if (folder / name).is_dir()]


def of_the_administrator() -> list[Conflict]:
    """What is read last of all."""
    return of_files(files_in([MANAGED], NAMES), wins="opencode reads it last, and nothing of ours beats it")


def of_the_name(place: Place) -> list[Conflict]:
    """A folder whose own name would be read as configuration."""
    name = str(place.folder)
    wins = "opencode puts its name into a configuration as it is, quotes and braces with it"
    return [Conflict("the folder", (name,), wins)] if UNSAFE.search(name) else []
