"""llm: questions from a shell, and `llm chat`, answered by the box's own model.

It reads one folder, `LLM_USER_PATH`, and no file of the repository. So it gets a folder of daybox's own: with one model
that is the default as well, and with a key by name, because without that name it sends whatever OPENAI_API_KEY says
(measured with llm 0.36). Its own models of OpenAI stay in its list and have no key: it refuses them before it connects.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from playbooks.clients.asked import models_asked
from playbooks.clients.client import Client, Conflict, OwnFile, Place, Way
from playbooks.clients.moved import refuse_moved
from playbooks.clients.reading import files_in, leading
from stacks.errors import UsageError

KEY_NAME = "daybox"
USER_PATH = "io.datasette.llm"  # below what the system has for programs' settings
ASKING = ("prompt", "chat")
# They look at what lies in the folder. `embed` and `similar` would ask OpenAI, `install` fetches, `keys` writes keys.
LOOKING = ("aliases", "collections", "fragments", "logs", "models", "plugins", "schemas", "templates", "tools")
ELSEWHERE = ("embed", "embed-models", "embed-multi", "install", "keys", "openai", "similar", "uninstall")
FLAGS = "cnRux"  # of one letter, and without a value
ABOUT_ITSELF = ("--version", "--help", "-h")
BASES = ("OPENAI_BASE_URL", "OPENAI_API_BASE")
CHOOSERS = ("LLM_MODEL", "LLM_EMBEDDING_MODEL", "LLM_USER_PATH", "LLM_LOAD_PLUGINS", "OPENAI_API_KEY")
# What the user's own folder may hold that leads elsewhere; daybox's folder takes its place.
OWN_NAMES = ("default_model.txt", "extra-openai-models.yaml", "keys.json", "aliases.json")


def model_row(way: Way, model: str) -> dict[str, object]:
    """One entry of extra-openai-models.yaml."""
    return {
        "model_id": model,
        "model_name": model,
        "api_base": way.base,
        "api_key_name": KEY_NAME,
        "supports_tools": way.tools,
        "supports_schema": True,  # vLLM holds every model to a schema
    }


def model_rows(way: Way) -> list[dict[str, object]]:
    """Every model that the box serves."""
    return [model_row(way, model) for model in dict.fromkeys((way.model, way.architect)) if model]


def files(way: Way) -> dict[str, str]:
    """Its whole folder. `logs-off` is a file that need only be there: llm writes every prompt into a database else."""
    import yaml  # 20 ms: `fab -l` needs it not

    return {
        "extra-openai-models.yaml": str(yaml.safe_dump(model_rows(way), sort_keys=False)),
        "keys.json": json.dumps({KEY_NAME: way.key}) + "\n",
        "default_model.txt": way.model + "\n",
        "aliases.json": "{}\n",
        "logs-off": "",
    }


def variables(way: Way) -> dict[str, str]:
    """Its folder; and no plugins, which are other providers and anybody's code. Empty means none, unset means all."""
    return {"LLM_USER_PATH": str(way.folder), "LLM_LOAD_PLUGINS": ""}


def words(way: Way, own: Sequence[str]) -> list[str]:
    """The user's words with the model behind them: the last `-m` wins.

    Raises UsageError for a command of llm's that would ask somebody else.
    """
    first = own[0] if own else ""
    if first in ELSEWHERE:
        raise UsageError(f"llm {first}: asks elsewhere, or changes llm itself", hint="type it without daybox")
    if first in (*LOOKING, *ABOUT_ITSELF) or not own:
        return list(own)
    asked = list(own) if first in ASKING else ["prompt", *own]
    model = chosen(way, asked)
    # After a `--` of the user's own everything is the question, so the model goes before it.
    end = asked.index("--") if "--" in asked else len(asked)
    return [*asked[:end], "-m", model, *asked[end:]]


def chosen(way: Way, asked: Sequence[str]) -> str:
    """The box's second model, if the user names it; else the first, whatever is named."""
    named = list(models_asked(asked, FLAGS))
    return way.architect if way.architect and way.architect in named[-1:] else way.model


def user_path(home: Path) -> Path:
    """The folder that llm reads when nobody tells it another."""
    return home / (f"Library/Application Support/{USER_PATH}" if sys.platform == "darwin" else f".config/{USER_PATH}")


def conflicts(place: Place) -> list[Conflict]:
    """Variables, and the user's own folder: all overruled, because llm is told another folder."""
    names = leading(place.environment, place.port, BASES, CHOOSERS)
    own = files_in([user_path(place.home)], OWN_NAMES)
    found = [Conflict("the environment", tuple(names))] if names else []
    return [*found, *(Conflict(str(file.parent), (file.name,)) for file in own)]


def own_files(way: Way) -> tuple[OwnFile, ...]:
    """Beside the user's own models: `llm -m NAME`. llm reads keys from its keys.json only, so the key stands there.

    Raises ConfigError if llm looks elsewhere.
    """
    refuse_moved("llm", "LLM_USER_PATH", user_path(Path.home()))
    if sys.platform != "darwin":
        refuse_moved("llm", "XDG_CONFIG_HOME", Path.home() / ".config")
    folder = str(user_path(Path()))
    return (
        OwnFile(f"{folder}/extra-openai-models.yaml", "yaml", model_rows(way)),
        OwnFile(f"{folder}/keys.json", "json", {KEY_NAME: way.key}, holds_key=True),
    )


LLM = Client(
    name="llm",
    title="llm",
    program="llm",
    install="uv tool install llm",
    # 0.26 brought tools in extra-openai-models.yaml; its log of prompts, plugins and keys are those of 0.36.
    oldest=(0, 26),
    below=(0, 37),
    least_window=2048,
    files=files,
    words=words,
    variables=variables,
    dropped=("LLM_",),
    conflicts=conflicts,
    own_files=own_files,
)
