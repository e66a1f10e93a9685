"""Where a client is led: what the box itself lists behind the gateway's port, and what the catalog knows of it."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from playbooks.clients.client import Client, Way
from stacks.catalog import MODELS
from stacks.errors import ConfigError, ModelError
from stacks.places import private_folder, stack_dir, write_private
from stacks.values import named

if TYPE_CHECKING:
    from playbooks.endpoint import Endpoint
    from stacks.box import Box
    from stacks.models import Model

ANSWER_TOKENS = 4096  # enough for an edit; agents ask for 32,000 unless told, which overflows a window of 32k
CLIENTS_FOLDER = "clients"
SERVED_PREFIX = "daybox-"  # of the architect's served name, which is its model's; the first one's may be the user's own


def way_to(box: "Box", endpoint: "Endpoint", name: str) -> Way:
    """The way of the client `name` to the box's model, or two. Raises BoxError, ModelError, ConfigError."""
    model, window_tokens = model_of(box.stack, box.model), endpoint.window(box.served_name)
    way = Way(
        base=endpoint.base,
        key=endpoint.key,
        model=box.served_name,
        window_tokens=window_tokens,
        answer_tokens=answer_tokens(model, window_tokens),
        tools=bool(model.family.tool_parser),
        catalog_name=model.name,
        folder=folder_of(box.stack, name),
    )
    return with_architect(way, box, endpoint) if box.architect_name else way


def with_architect(way: Way, box: "Box", endpoint: "Endpoint") -> Way:
    """The way to the box's second model as well."""
    return replace(
        way,
        architect=box.architect_name,
        architect_window_tokens=endpoint.window(box.architect_name),
        architect_catalog_name=model_of(box.stack, box.architect_name.removeprefix(SERVED_PREFIX)).name,
    )


def model_of(stack: str, name: str) -> "Model":
    """A model's row in the catalog. Raises ConfigError if this checkout does not know it."""
    try:
        return named(MODELS, name)
    except ValueError as error:
        raise ConfigError(f"stacks/{stack}/model: {error.args[0]}", hint=str(error.args[1])) from None


def answer_tokens(model: "Model", window_tokens: int) -> int:
    """The most that an agent may ask for in one answer: a model that thinks needs more, a small window has less."""
    return min(max(ANSWER_TOKENS, model.family.aider.max_output_tokens), window_tokens // 4)


def check_window(client: Client, window_tokens: int) -> None:
    """Raises ModelError if the model's window is too small for what this client sends at first."""
    if window_tokens < client.least_window:
        raise ModelError(
            f"box/vllm: its window of {window_tokens} tokens is too small for {client.title}, which needs"
            f" {client.least_window}",
            hint=f"fab switch --context {client.least_window}, if the box's memory holds it: `fab fit`",
        )


def folder_of(stack: str, name: str) -> Path:
    """Where a client's files are, whether or not it has any."""
    return stack_dir(stack).resolve() / CLIENTS_FOLDER / name


def write_files(client: Client, way: Way) -> None:
    """Write what the client is given, 0600 in a folder of its own, 0700."""
    private_folder(way.folder)
    for name, text in client.files(way).items():
        write_private(way.folder / name, text)
