"""Where Claude Code is led elsewhere: variables, settings of home, of a repository and of an administrator."""

import plistlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

from playbooks.clients.client import Conflict, Place
from playbooks.clients.reading import (
    files_in,
    inside,
    json_of,
    leading,
    places_of,
    strings_of,
    text_of,
)

PROVIDER_SWITCHES = (
    *("CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY", "CLAUDE_CODE_USE_MANTLE"),
    *("CLAUDE_CODE_USE_ANTHROPIC_AWS", "CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD", "CLAUDE_CODE_USE_GATEWAY"),
    "ANTHROPIC_UNIX_SOCKET",
)
TELEMETRY = "CLAUDE_CODE_ENABLE_TELEMETRY"  # with OTEL_* it sends what is done, and prompts if asked to
CHOOSERS = (*PROVIDER_SWITCHES, TELEMETRY, "CLAUDE_CONFIG_DIR", "CLAUDE_CODE_MANAGED_SETTINGS_PATH")
BASES = (
    *("ANTHROPIC_BASE_URL", "ANTHROPIC_BEDROCK_BASE_URL", "ANTHROPIC_VERTEX_BASE_URL", "ANTHROPIC_FOUNDRY_BASE_URL"),
    *("ANTHROPIC_AWS_BASE_URL", "ANTHROPIC_GOOGLE_CLOUD_BASE_URL", "ANTHROPIC_BEDROCK_MANTLE_BASE_URL"),
)
# Settings that start somebody's program, or fetch it.
PROGRAMS = (
    *("hooks", "statusLine", "subagentStatusLine", "fileSuggestion", "otelHeadersHelper", "processWrapper"),
    *("policyHelper", "enabledPlugins", "extraKnownMarketplaces"),
)
# The same, but not while the launcher manages the provider, or with --strict-mcp-config: an administrator's neither.
OVERRULED = (
    *("apiKeyHelper", "awsAuthRefresh", "awsCredentialExport", "gcpAuthRefresh", "proxyAuthHelper"),
    *("enableAllProjectMcpServers", "enabledMcpjsonServers", "managedMcpServers", "forceLoginMethod"),
)
SETTINGS = (".claude/settings.json", ".claude/settings.local.json")
SERVERS = "mcpServers"
PLIST = ".plist"
MANAGEMENT, PREFERENCES = Path("/Library/Managed Preferences"), f"com.anthropic.claudecode{PLIST}"
WINS = "an administrator's settings beat daybox"
NO_START = "Claude Code does not start beside it without the MCP servers it names"


def conflicts(place: Place) -> list[Conflict]:
    """Variables, and every file that Claude Code would read without our words."""
    found = [Conflict("the environment", tuple(leading(place.environment, place.port, BASES, CHOOSERS)))]
    for file in files_in(places_of(place.folder, place.home), SETTINGS):
        found.append(Conflict(str(file), settings_names(file, place.port)))
    for file in files_in(places_of(place.folder, place.home), (".claude.json", ".mcp.json")):
        found.append(Conflict(str(file), (SERVERS,) if inside(json_of(text_of(file)), SERVERS) else ()))
    return [one for one in [*found, *administrators(place.port)] if one.names]


def settings_names(file: Path, port: int | None) -> tuple[str, ...]:
    """What in a file of settings leads elsewhere: variables by their names, programs by their keys."""
    values = preferences_of(file) if file.suffix == PLIST else json_of(text_of(file))
    names = leading(strings_of(inside(values, "env")), port, BASES, CHOOSERS)
    return (*names, *(key for key in (*PROGRAMS, *OVERRULED) if values.get(key)))


def administrators(port: int | None) -> Iterator[Conflict]:
    """Managed settings, apart by whether the launcher's word beats them; measured with 2.1.332."""
    folder = managed_folder()
    for file in [*files_in([folder], ("managed-settings.json",)), *drop_ins(folder), *preferences()]:
        names = settings_names(file, port)
        yield Conflict(str(file), tuple(one for one in names if one in (*PROGRAMS, TELEMETRY)), wins=WINS)
        yield Conflict(str(file), tuple(one for one in names if one not in (*PROGRAMS, TELEMETRY)))
    for file in files_in([folder], ("managed-mcp.json",)):
        yield Conflict(str(file), (SERVERS,), wins=NO_START)


def drop_ins(folder: Path) -> list[Path]:
    """The files of managed-settings.d; none if nobody may look."""
    return found_in(folder / "managed-settings.d", "*.json")


def preferences() -> list[Path]:
    """What a device's management says on macOS: for all, and for one user. Read as documented, not tried."""
    return [file for name in (PREFERENCES, f"*/{PREFERENCES}") for file in found_in(MANAGEMENT, name)]


def found_in(folder: Path, pattern: str) -> list[Path]:
    """The files there; none if nobody may look."""
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []


def preferences_of(file: Path) -> dict[str, Any]:
    """A file of preferences; empty if it is none."""
    try:
        values = plistlib.loads(file.read_bytes())
    except (OSError, ValueError, plistlib.InvalidFileException, ExpatError):
        return {}
    return values if isinstance(values, dict) else {}


def managed_folder() -> Path:
    """Where an administrator's settings lie."""
    return Path("/Library/Application Support/ClaudeCode" if sys.platform == "darwin" else "/etc/claude-code")
