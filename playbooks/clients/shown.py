"""Editors and pages that the user starts, so that daybox cannot seal them: what to put where, what is not protected.

Each text names what of the program's own goes elsewhere, and the setting that turns it off.
"""

import json
import shlex
from pathlib import Path
from typing import Any

from playbooks.clients.client import OwnFile, Refused, Shown, Way
from stacks.webui import FIXED

NAME = "daybox"
KEY_FILE = "key"  # in the client's folder; whoever shows a text writes it
CONTINUE_KEY = "<what the key file holds>"
# Of Open WebUI's settings on the box, those that keep a user's own one from speaking to others; not its accounts.
OPEN_WEBUI_KEPT = (
    *("ENABLE_OLLAMA_API", "ENABLE_PERSISTENT_CONFIG", "OFFLINE_MODE", "ENABLE_VERSION_UPDATE_CHECK"),
    *("SCARF_NO_ANALYTICS", "DO_NOT_TRACK", "ANONYMIZED_TELEMETRY", "ENABLE_COMMUNITY_SHARING"),
    *("ENABLE_DIRECT_CONNECTIONS", "ENABLE_WEB_SEARCH", "ENABLE_IMAGE_GENERATION", "ENABLE_IMAGE_EDIT"),
)


def key_file(way: Way) -> Path:
    """The 0600 file that the texts read the client's key from."""
    return way.folder / KEY_FILE


def read_key(way: Way) -> str:
    """For a shell: the key, read where it is needed."""
    return f'"$(cat {shlex.quote(str(key_file(way)))})"'


def zed_settings(way: Way) -> dict[str, Any]:
    """What goes into Zed's settings.json. Source of the names: crates/settings_content of Zed, read 2026-11-26."""
    chosen = {"provider": NAME, "model": way.model}
    # A user's own choice for one of them would send a diff, or a selection, elsewhere.
    roles = ("default", "inline_assistant", "commit_message", "thread_summary", "subagent")
    return {
        "language_models": {"openai_compatible": {NAME: {"api_url": way.base, "available_models": zed_models(way)}}},
        "agent": {f"{role}_model": chosen for role in roles},
        "edit_predictions": {"provider": "none"},  # else what is typed goes to Zed's servers
        "telemetry": {"diagnostics": False, "metrics": False},
        "auto_update": False,
    }


def zed_models(way: Way) -> list[dict[str, Any]]:
    """Zed's row of each model that the box serves."""
    capabilities = {"tools": way.tools, "images": False, "parallel_tool_calls": False, "prompt_cache_key": False}
    return [
        {
            "name": name,
            "display_name": f"{name} (daybox)",
            "max_tokens": tokens,
            "max_output_tokens": min(way.answer_tokens, tokens // 4),
            "capabilities": capabilities,
        }
        for name, tokens in served(way)
    ]


def served(way: Way) -> list[tuple[str, int]]:
    """Name and window of each model that the box serves."""
    second = [(way.architect, way.architect_window_tokens)] if way.architect else []
    return [(way.model, way.window_tokens), *second]


def zed_text(way: Way) -> str:
    """For people."""
    return f"""\
Zed, into ~/.config/zed/settings.json (merged by `fab launch zed --config`):

{json.dumps(zed_settings(way), indent=2)}

Its key: Zed asks for it in the settings of its agent panel, under LLM
Providers, and keeps it in the keychain. It is in
  {key_file(way)}
or start Zed with it:
  DAYBOX_API_KEY={read_key(way)} zed

Not protected: Zed is started by you, unsealed. These reach other hosts, with
this model or any: its extensions and language servers, which it fetches; a
sign-in, with collaboration and edit predictions; other agents in its panel.
Where a proxy is set, for Zed or in the shell, set NO_PROXY=127.0.0.1 as well:
else the proxy is sent each prompt."""


def continue_settings(way: Way, key: str) -> dict[str, Any]:
    """What goes into Continue's config.yaml.

    The key itself stands in it: of one that is named (`${{{{ secrets.NAME }}}}`) and not found, Continue makes a model
    behind its own proxy (its config-yaml 1.42.0, clientRender.js).
    """
    return {
        "name": "Local Config",
        "version": "1.0.0",
        "schema": "v1",
        "models": [
            {
                "name": f"{name} (daybox)",
                "provider": "vllm",
                "model": name,
                "apiBase": way.base,
                "apiKey": key,
                "roles": ["chat", "edit", "apply"],
                "capabilities": ["tool_use"] if way.tools else [],
                "defaultCompletionOptions": {
                    "contextLength": tokens,
                    "maxTokens": min(way.answer_tokens, tokens // 4),
                },
                "requestOptions": {"noProxy": ["127.0.0.1", "localhost"]},
            }
            for name, tokens in served(way)
        ],
    }


def continue_text(way: Way) -> str:
    """For people."""
    import yaml  # 20 ms: `fab -l` needs it not

    return f"""\
Continue, into ~/.continue/config.yaml (merged, with the key, by
`fab launch continue --config`):

{yaml.safe_dump(continue_settings(way, CONTINUE_KEY), sort_keys=False)}
Its key is in
  {key_file(way)}
Write it into config.yaml itself (chmod 600): of a key that is named there as
a secret and not found, Continue makes a model behind its own proxy.

Not protected: Continue runs in your editor, unsealed. Turn its telemetry off
(in VS Code: continue.telemetryEnabled, and telemetry.telemetryLevel of VS Code
itself), do not sign in to its hub, and look at the model's name before you
ask: a repository's own .continue folder and .continuerc.json add models and
servers. Continue is at its last version, 2.0.0; Cline, its neighbour, is
started sealed: fab launch cline."""


def open_webui_settings(way: Way) -> dict[str, str]:
    """The environment of the user's own Open WebUI, but for the key."""
    return {"OPENAI_API_BASE_URL": way.base, **{name: FIXED[name] for name in OPEN_WEBUI_KEPT}}


def open_webui_lines(way: Way) -> str:
    """The same as lines for a POSIX shell, which reads the key from its file."""
    fixed = [f"export {name}={value}" for name, value in open_webui_settings(way).items()]
    return "\n".join([*fixed, f"export OPENAI_API_KEY={read_key(way)}"])


def open_webui_text(way: Way) -> str:
    """For people."""
    return f"""\
Open WebUI, your own on this laptop, before you start it:

{open_webui_lines(way)}
open-webui serve --host 127.0.0.1 --port 8080

In Docker: the same variables, and this laptop's network (--network host, with
HOST=127.0.0.1), for the gateway listens on loopback only. What you changed on
its settings page is not read with ENABLE_PERSISTENT_CONFIG=false.

Not protected: it is started by you, unsealed, and keeps chats in its own
database. Tools, functions and pipelines installed in it reach what they like.
The box has one of its own, sealed with the model, where a stack says
`daybox:webui: true`: fab webui."""


def env_text(way: Way) -> str:
    """For people."""
    return f"""\
Any other client of OpenAI's or Anthropic's API, from this shell on:

  eval "$(fab env)"

The model is {way.model},
at {way.base} (OpenAI) and {way.origin} (Anthropic).
Not protected: what a client reads from a repository (.env, its own settings)
may still send it elsewhere."""


def zed_files(way: Way) -> tuple[OwnFile, ...]:
    """Its settings.json, without the key."""
    return (OwnFile(".config/zed/settings.json", "json", zed_settings(way)),)


def continue_files(way: Way) -> tuple[OwnFile, ...]:
    """Its config.yaml, with the key: see `continue_settings`."""
    return (OwnFile(".continue/config.yaml", "yaml", continue_settings(way, way.key), holds_key=True),)


SHOWN_CLIENTS = (
    Shown("zed", "Zed", zed_text, zed_files),
    Shown("continue", "Continue", continue_text, continue_files),
    Shown("open-webui", "Open WebUI", open_webui_text),
    Shown("env", "any other, by variables", env_text),
)
REFUSED_CLIENTS = (
    Refused(
        "cursor",
        "Cursor",
        reason="what is asked goes from Cursor to Cursor's servers and from there to your model, so code leaves this"
        " laptop, and 127.0.0.1 is not reached from there: nothing is written for it",
        instead="in an editor: fab launch zed, or continue; on a terminal: fab launch aider, or opencode",
    ),
    Refused(
        "roo",
        "Roo Code",
        reason="was shut down on 2026-05-15",
        instead="its successors: Cline (fab launch cline); Kilo Code and ZooCode take an OpenAI-compatible provider:"
        " fab launch env names address and model",
    ),
)
