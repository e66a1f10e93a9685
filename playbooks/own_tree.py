"""A configuration file as a tree whose nodes know where they stand in the text, so that only those bytes are changed.

Libraries that write such files were tried, and left: tomlkit 0.15.2 puts a key of the root into a table where dotted
keys came before, moves comments, and ends lines with LF in a file of CRLF; ruamel.yaml writes every line anew;
json-five 1.1.2 keeps what it read, and places nothing new. So text is changed where it stands, and then read again.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

# A key of a mapping; or of a list of mappings the one item that says so of itself: ("name", "daybox").
Step = str | tuple[str, str]
Steps = tuple[Step, ...]
IDENTITIES = ("name", "id", "model_id")


class Missing:
    """Nothing stands there; None is something: a null."""


MISSING = Missing()


class BrokenError(Exception):
    """Why a text cannot be changed safely. where: its offset in the text, in characters; None: no one place."""

    def __init__(self, why: str, where: int | None = None) -> None:
        super().__init__(why)
        self.why, self.where = why, where


@dataclass(frozen=True)
class Node:
    """A value in a text: from `start` up to `end`, in characters. value: as Python has it.

    block: of YAML, without brackets. column: of a block, where its keys or dashes stand. last: of YAML, the end with
    the line breaks that belong to it.
    """

    kind: Literal["mapping", "list", "scalar"]
    start: int
    end: int
    value: Any
    children: tuple["Child", ...] = ()
    block: bool = False
    column: int = 0
    last: int = 0
    alias: bool = False


@dataclass(frozen=True)
class Child:
    """A key with its value, or an item of a list (without key). start: of the key, or of the item."""

    key: str
    start: int
    node: Node


def mapping_of(children: tuple[Child, ...]) -> dict[str, Any]:
    """What a mapping with these children holds. Raises BrokenError for a key that comes twice."""
    found = dict[str, Any]()
    for child in children:
        if child.key in found:
            raise BrokenError(f"{child.key!r} stands there twice", child.start)
        found[child.key] = child.node.value
    return found


def child_at(node: Node, step: Step) -> int | None:
    """Which of its children a step leads to; None if none."""
    for place, child in enumerate(node.children):
        if node.kind == "mapping" and child.key == step:
            return place
        if node.kind == "list" and isinstance(step, tuple) and says(child.node.value, step):
            return place
    return None


def says(value: Any, step: tuple[str, str]) -> bool:
    """Whether an item of a list is the one that is meant."""
    return isinstance(value, Mapping) and value.get(step[0]) == step[1]


def node_at(node: Node, steps: Steps) -> Node | None:
    """The node to which the steps lead; None if nothing stands there. Raises BrokenError if an alias is on the way."""
    for step in steps:
        place = child_at(node, step)
        if place is None:
            return None
        node = node.children[place].node
        if node.alias:
            raise BrokenError(f"{words_of((step,))} is shared with another place of the file (an alias)", node.start)
    return node


def node_there(root: Node | None, steps: Steps) -> Node:
    """The node to which the steps lead. Raises BrokenError if nothing stands there."""
    node = node_at(root, steps) if root else None
    if node is None:
        raise BrokenError("what was there is gone")
    return node


def value_at(value: Any, steps: Steps) -> Any:
    """What stands there of a plain value; MISSING if nothing does."""
    for step in steps:
        if isinstance(step, str):
            value = value.get(step, MISSING) if isinstance(value, Mapping) else MISSING
        else:
            items = value if isinstance(value, list) else []
            value = next((item for item in items if says(item, step)), MISSING)
    return value


def identity(value: Any) -> tuple[str, str] | None:
    """How an item of a list is told from the others; None if it does not say."""
    if not isinstance(value, Mapping):
        return None
    return next(((name, value[name]) for name in IDENTITIES if isinstance(value.get(name), str)), None)


def is_named_list(value: Any) -> bool:
    """Whether every item says which one it is."""
    return isinstance(value, list | tuple) and bool(value) and all(identity(item) for item in value)


def same(one: Any, other: Any) -> bool:
    """Whether two plain values are alike, kinds and all: 1 is neither 1.0 nor true."""
    return plain_text(one) == plain_text(other)


def plain_text(value: Any) -> str:
    """A value as text that only another such value has. Dates, which JSON lacks, are told by Python's own words."""
    return json.dumps(value, sort_keys=True, default=repr)


def words_of(steps: Steps) -> str:
    """Steps for people: `provider.daybox`."""
    return ".".join(step if isinstance(step, str) else step[1] for step in steps) or "the whole file"
