"""What of a laptop and a repository would lead Cline elsewhere; daybox overrules all of it."""

from pathlib import Path

from playbooks.clients.client import Conflict, Place
from playbooks.clients.reading import (
    dotenv_values,
    files_in,
    folders_between,
    inside,
    json_of,
    leading,
    leading_lines,
    text_of,
)

DOTENV = (".env", ".env.local", ".env.development", ".env.production", ".env.test")  # as Bun reads them
BUN = "bunfig.toml"
CODE = (".cline/hooks", ".cline/plugins", ".clinerules/hooks", ".agents/plugins")
USERS_CODE = (".cline/hooks", ".cline/plugins", ".agents/plugins", "Documents/Cline/Hooks", "Documents/Cline/Plugins")
SETTINGS = ".cline/data/settings"
OWN_SETTINGS = (("providers.json", "providers"), ("cline_mcp_settings.json", "mcpServers"))
BASES = ("CLINE_API_BASE_URL", "OPENAI_BASE_URL", "OPENAI_API_BASE")
CHOOSERS = (
    *("CLINE_DIR", "CLINE_DATA_DIR", "CLINE_PROVIDER_SETTINGS_PATH", "CLINE_MCP_SETTINGS_PATH", "CLINE_PROVIDER"),
    *("CLINE_GLOBAL_SETTINGS_PATH", "CLINE_HUB_ADDRESS", "CLINE_RPC_ADDRESS", "CLINE_ENVIRONMENT", "CLINE_API_KEY"),
    *("CLINE_BIN_PATH", "CLINE_HOOKS_DIR", "BUN_OPTIONS", "OPENAI_API_KEY"),
)


def conflicts(place: Place) -> list[Conflict]:
    """Variables, the user's own settings, and what the repository holds."""
    names = leading(place.environment, place.port, BASES, CHOOSERS)
    found = [Conflict("the environment", tuple(names))] if names else []
    return [*found, *of_the_home(place), *of_the_repository(place)]


def of_the_home(place: Place) -> list[Conflict]:
    """The user's own providers, MCP servers, hooks and plugins."""
    found = []
    for file, key in (
        (f"{SETTINGS}/providers.json", "providers"),
        (f"{SETTINGS}/cline_mcp_settings.json", "mcpServers"),
    ):
        for there in files_in([place.home], (file,)):
            if names := tuple(inside(json_of(text_of(there)), key) or ()):
                found.append(Conflict(str(there), names))
    return [*found, *of_code(place.home, USERS_CODE)]


def of_the_repository(place: Place) -> list[Conflict]:
    """What Bun reads where Cline is started, and the code that Cline would run."""
    found = []
    for file in files_in([place.folder], DOTENV):
        if names := leading_lines(dotenv_values(text_of(file)), place.port, BASES, CHOOSERS):
            found.append(Conflict(str(file), tuple(names)))
    found += [
        Conflict(str(file), ("preload",)) for file in files_in([place.folder], (BUN,)) if "preload" in text_of(file)
    ]
    return [*found, *(one for folder in folders_between(place.folder) for one in of_code(folder, CODE))]


def of_code(folder: Path, names: tuple[str, ...]) -> list[Conflict]:
    """Folders with code that Cline would run."""
    return [Conflict(str(there), (there.name,)) for name in names if (there := folder / name).is_dir()]
