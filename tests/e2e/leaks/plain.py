"""How each client is given one task, and how it is configured without daybox: the control column."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

PROMPT, BASE, ORIGIN, KEY, MODEL = "{prompt}", "{base}", "{origin}", "{key}", "{model}"


@dataclass(frozen=True)
class Plain:
    """words: one task, without questions; what stands in braces is filled in. The others: what the vendor says for an
    endpoint of one's own, as variables, files of the home, words.

    edits: the task ends with a file written.
    """

    words: tuple[str, ...]
    plain_words: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    home: Mapping[str, str] = field(default_factory=dict)
    edits: bool = True


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with what stands in braces filled in; other braces stay."""
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


CODEX = """\
model = "{model}"
model_provider = "own"
[model_providers.own]
name = "own"
base_url = "{base}"
env_key = "OWN_API_KEY"
wire_api = "responses"
[projects."{repository}"]
trust_level = "trusted"
"""
OPENCODE = {
    "model": "own/{model}",
    "provider": {
        "own": {
            "npm": "@ai-sdk/openai-compatible",
            "options": {"baseURL": "{base}", "apiKey": "{key}"},
            "models": {"{model}": {"name": "own", "limit": {"context": 65536, "output": 4096}}},
        }
    },
}
PI = {
    "providers": {
        "own": {"baseUrl": "{base}", "api": "openai-completions", "apiKey": "{key}", "models": [{"id": "{model}"}]}
    }
}
CLINE_OWN = {"provider": "openai-compatible", "apiKey": "{key}", "model": "{model}", "baseUrl": "{base}"}
CLINE = {
    "version": 1,
    "lastUsedProvider": "openai-compatible",
    "modes": {},
    "providers": {
        "openai-compatible": {"settings": CLINE_OWN, "updatedAt": "2026-11-21T08:00:00.000Z", "tokenSource": "manual"}
    },
}
LLM = "- model_id: own\n  model_name: {model}\n  api_base: {base}\n  api_key_name: own\n"
# Source of the settings: each vendor's own documentation of custom endpoints, as of 2026-11.
PLAIN: Mapping[str, Plain] = {
    "aider": Plain(
        ("--message", PROMPT, "--yes-always", "--no-stream", "made.py"),
        ("--model", "openai/{model}"),
        variables={"OPENAI_API_BASE": BASE, "OPENAI_API_KEY": KEY},
    ),
    "claude": Plain(
        ("-p", PROMPT, "--permission-mode", "acceptEdits"),
        variables={"ANTHROPIC_BASE_URL": ORIGIN, "ANTHROPIC_AUTH_TOKEN": KEY, "ANTHROPIC_MODEL": MODEL},
    ),
    "codex": Plain(
        ("exec", "--sandbox", "workspace-write", PROMPT),
        variables={"OWN_API_KEY": KEY},
        home={".codex/config.toml": CODEX},
    ),
    "opencode": Plain(("run", PROMPT), home={".config/opencode/opencode.json": json.dumps(OPENCODE)}),
    "cline": Plain((PROMPT,), home={".cline/data/settings/providers.json": json.dumps(CLINE)}),
    "llm": Plain(
        (PROMPT,),
        ("-m", "own"),
        home={
            ".config/io.datasette.llm/extra-openai-models.yaml": LLM,
            ".config/io.datasette.llm/keys.json": '{"own": "{key}"}',
        },
        edits=False,
    ),
    "pi": Plain(
        ("-p", PROMPT), ("--provider", "own", "--model", MODEL), home={".pi/agent/models.json": json.dumps(PI)}
    ),
}
