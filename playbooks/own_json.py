"""JSON, with comments and trailing commas or without, changed at single places."""

import json
import re
from collections.abc import Callable
from typing import Any

from playbooks.own_commas import SLASHES, indentation, newline_of, put_in, skip, spread, taken_out, unit_of
from playbooks.own_tree import MISSING, BrokenError, Child, Node, Steps, child_at, mapping_of, node_at, node_there

STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
SCALAR = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])|(?:true|false|null)\b")


def tree(text: str) -> Node | None:
    """The text as a tree; None if it holds nothing but comments. Raises BrokenError."""
    at = skip(text, 0, SLASHES.anywhere)
    if at == len(text):
        return None
    node = value(text, at)
    end = skip(text, node.end, SLASHES.anywhere)
    if end != len(text):
        raise BrokenError(f"{text[end : end + 10].splitlines()[0]!r} stands behind the end of the value", end)
    return node


def value(text: str, at: int) -> Node:
    """The value that begins there. Raises BrokenError."""
    if text[at : at + 1] == "{":
        children, end = between(text, at, "}", member)
        return Node("mapping", at, end, mapping_of(children), children)
    if text[at : at + 1] == "[":
        children, end = between(text, at, "]", item)
        return Node("list", at, end, [child.node.value for child in children], children)
    found = STRING.match(text, at) or SCALAR.match(text, at)
    if not found:
        raise unexpected(text, at, "a value")
    return Node("scalar", at, found.end(), json.loads(found[0]))


def between(text: str, at: int, closing: str, one: Callable[[str, int], Child]) -> tuple[tuple[Child, ...], int]:
    """What stands between the bracket at `at` and its closing one, and where that ends."""
    children, at = list[Child](), skip(text, at + 1, SLASHES.anywhere)
    while text[at : at + 1] != closing:
        children.append(one(text, at))
        at = skip(text, children[-1].node.end, SLASHES.anywhere)
        if text[at : at + 1] == ",":
            at = skip(text, at + 1, SLASHES.anywhere)
        elif text[at : at + 1] != closing:
            raise unexpected(text, at, f"a comma or {closing}")
    return tuple(children), at + 1


def member(text: str, at: int) -> Child:
    """A key with its value."""
    key = STRING.match(text, at)
    if not key:
        raise unexpected(text, at, "a key in double quotes")
    colon = skip(text, key.end(), SLASHES.anywhere)
    if text[colon : colon + 1] != ":":
        raise unexpected(text, colon, "a colon")
    return Child(json.loads(key[0]), at, value(text, skip(text, colon + 1, SLASHES.anywhere)))


def item(text: str, at: int) -> Child:
    """A value of a list."""
    return Child("", at, value(text, at))


def unexpected(text: str, at: int, wanted: str) -> BrokenError:
    """What stands there instead of what is wanted."""
    found = repr(text[at]) if at < len(text) else "the end"
    return BrokenError(f"{found} stands where {wanted} should", at)


def plain(text: str) -> Any:
    """What the text says; MISSING if nothing. Raises BrokenError."""
    node = tree(text)
    return MISSING if node is None else node.value


def text_at(text: str, steps: Steps) -> str:
    """The text of the value there, which exists."""
    node = found(text, steps)
    return text[node.start : node.end]


def put_text(text: str, steps: Steps, former: str) -> str:
    """The text with this text as the value there, which exists."""
    node = found(text, steps)
    return text[: node.start] + former + text[node.end :]


def put(text: str, steps: Steps, new: Any) -> str:
    """The text with this value there, changed or added; what it is added to exists."""
    root = tree(text)
    if root is None:
        gap = "" if text == "" or text.endswith(("\n", "\r")) else newline_of(text)
        return text + gap + written(text, new, "") + newline_of(text)
    here = node_at(root, steps)
    if here:
        indent = indentation(text, here.start) if spread(text, found(text, steps[:-1])) else None
        return text[: here.start] + written(text, new, indent) + text[here.end :]
    parent = found(text, steps[:-1])
    indent = child_indent(text, parent) if spread(text, parent) else None
    key = f"{json.dumps(steps[-1], ensure_ascii=False)}: " if isinstance(steps[-1], str) else ""
    return put_in(text, parent, key + written(text, new, indent), SLASHES, indent)


def child_indent(text: str, node: Node) -> str:
    """The blanks before a line of a new child."""
    if node.children:
        return indentation(text, node.children[-1].start)
    return indentation(text, node.start) + unit_of(text)


def written(text: str, new: Any, indent: str | None) -> str:
    """A value as it stands in this text. indent: of the line it begins on; None: on one line."""
    if indent is None:
        return json.dumps(new, ensure_ascii=False)
    lines = json.dumps(new, ensure_ascii=False, indent=unit_of(text)).split("\n")
    return f"{newline_of(text)}{indent}".join(lines)


def without(text: str, steps: Steps) -> str:
    """The text without what stands there, which exists."""
    parent = found(text, steps[:-1])
    place = child_at(parent, steps[-1])
    assert place is not None, "only what exists is taken out"
    return taken_out(text, parent, place, SLASHES)


def found(text: str, steps: Steps) -> Node:
    """The node there. Raises BrokenError if there is none."""
    return node_there(tree(text), steps)
