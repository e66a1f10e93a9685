"""Linode's own API description, as PyPI's linode-cli carries it, for tests that hold the double against it."""

import functools
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import Any

# Run apart: linode-cli reads its settings when it is imported, and asks for a token if it finds none.
DUMP = """
import json, pathlib, pickle, sys
import linodecli
operations = pickle.loads((pathlib.Path(linodecli.__file__).parent / "data-3").read_bytes())
found = {}
for commands in operations.values():
    for operation in commands.values() if isinstance(commands, dict) else ():
        path = operation.url_path.replace("/{apiVersion}", "")
        answer = operation.response_model.attrs if operation.response_model else []
        asked = operation.request.attrs if operation.request else []
        found[f"{operation.method.upper()} {path}"] = {
            "answer": {a.name: [a.datatype, bool(a.filterable)] for a in answer},
            "asked": [a.path for a in asked],
        }
json.dump(found, sys.stdout)
"""


@dataclass(frozen=True)
class Operation:
    """One operation. answer: dotted name of each leaf -> its JSON type; asked: dotted names of the request's leaves."""

    answer: dict[str, str]
    filterable: frozenset[str]
    asked: frozenset[str]


@functools.cache
def operations() -> dict[str, Operation]:
    """Every operation by `METHOD /path`, with the path's holes named as Linode names them."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"LINODE_CLI_TOKEN": "x", "LINODE_CLI_CONFIG": f"{folder}/config"}
        run = subprocess.run([sys.executable, "-c", DUMP], env=environment, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(run.stdout[run.stdout.index("{") :])
    return {
        name: Operation(
            answer={leaf: kind for leaf, (kind, _) in raw["answer"].items()},
            filterable=frozenset(leaf for leaf, (_, can) in raw["answer"].items() if can),
            asked=frozenset(raw["asked"]),
        )
        for name, raw in found.items()
    }


def leaves(body: object, name: str = "") -> dict[str, list[object]]:
    """Every leaf of a JSON body by its dotted name, lists of objects looked through; an empty list is a leaf."""
    if isinstance(body, dict):
        parts = [leaves(value, f"{name}.{key}" if name else key) for key, value in body.items()]
    elif isinstance(body, list) and body and isinstance(body[0], dict):
        parts = [leaves(item, name) for item in body]
    else:
        return {name: [body]}
    merged: dict[str, list[object]] = {}
    for part in parts:
        for leaf, values in part.items():
            merged.setdefault(leaf, []).extend(values)
    return merged
