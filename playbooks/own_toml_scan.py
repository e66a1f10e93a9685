"""Where each header and each key of a TOML text stands. The text is known to be right: tomllib has read it."""

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from playbooks.own_commas import HASHES, skip
from playbooks.own_tree import BrokenError, Child, Node, Steps

KEY = re.compile(r'[A-Za-z0-9_-]+|"(?:\\.|[^"\\\r\n])*"|\'[^\'\r\n]*\'')
BLANKS = re.compile(r"[ \t]*")
VALUE = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\\r\n])*"'
    r"|'[^'\r\n]*'"
    r"|\d{4}-\d\d-\d\d [^,\]}\s#]+"  # a date and a time with a blank between them
    r"|[^,\]}\s#]+",
    re.DOTALL,
)


@dataclass(frozen=True)
class Line:
    """A key and its value. path: the section's and its own; section: that of its header; start: of the key."""

    path: Steps
    section: Steps
    start: int
    node: Node


@dataclass(frozen=True)
class Section:
    """A header and the lines below it; the first one has no header. start, end: of the header."""

    path: Steps
    start: int
    end: int
    is_array: bool = False
    lines: list[Line] = field(default_factory=list)


def sections(text: str) -> list[Section]:
    """All of them, in their order; that of the root first."""
    found = [Section((), 0, 0)]
    at = skip(text, 0, HASHES.anywhere)
    while at < len(text):
        if text[at] == "[":
            found.append(header(text, at))
            at = found[-1].end
        else:
            found[-1].lines.append(line(text, at, found[-1].path))
            at = found[-1].lines[-1].node.end
        at = skip(text, at, HASHES.anywhere)
    return found


def header(text: str, at: int) -> Section:
    """The header that begins there."""
    is_array = text[at : at + 2] == "[["
    path, end = dotted(text, at + (2 if is_array else 1))
    return Section(path, at, end + (2 if is_array else 1), is_array)


def line(text: str, at: int, section: Steps) -> Line:
    """The line that begins there."""
    path, end = dotted(text, at)
    return Line((*section, *path), section, at, value(text, skip(text, end + 1, BLANKS)))


def dotted(text: str, at: int) -> tuple[Steps, int]:
    """A key with its dots, and where what follows it stands."""
    parts = list[str]()
    while True:
        at = skip(text, at, BLANKS)
        found = KEY.match(text, at)
        if not found:
            raise BrokenError("a key should stand there", at)
        parts.append(found[0] if found[0][0] not in "'\"" else str(read(found[0])))
        at = skip(text, found.end(), BLANKS)
        if text[at : at + 1] != ".":
            return tuple(parts), at
        at += 1


def value(text: str, at: int) -> Node:
    """The value that begins there."""
    if text[at : at + 1] in ("[", "{"):
        is_list = text[at] == "["
        children, end = between(text, at, "]" if is_list else "}", item if is_list else member)
        return Node("list" if is_list else "mapping", at, end, read(text[at:end]), children)
    found = VALUE.match(text, at)
    if not found:
        raise BrokenError("a value should stand there", at)
    return Node("scalar", at, found.end(), read(found[0]))


def read(value_text: str) -> Any:
    """What a value means."""
    return tomllib.loads(f"x = {value_text}")["x"]


def between(text: str, at: int, closing: str, one: Callable[[str, int], Child]) -> tuple[tuple[Child, ...], int]:
    """What stands between the bracket at `at` and its closing one, and where that ends."""
    children, at = list[Child](), skip(text, at + 1, HASHES.anywhere)
    while text[at : at + 1] != closing:
        children.append(one(text, at))
        at = skip(text, children[-1].node.end, HASHES.anywhere)
        if text[at : at + 1] == ",":
            at = skip(text, at + 1, HASHES.anywhere)
    return tuple(children), at + 1


def member(text: str, at: int) -> Child:
    """A key with its value between braces; one with dots is none that is changed there."""
    path, end = dotted(text, at)
    return Child(
        str(path[0]) if len(path) == 1 else "\0".join(map(str, path)), at, value(text, skip(text, end + 1, BLANKS))
    )


def item(text: str, at: int) -> Child:
    """A value of a list."""
    return Child("", at, value(text, at))
