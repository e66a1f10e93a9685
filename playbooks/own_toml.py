"""TOML changed at single places: tomllib says what it means, a small scan says where each line of it stands."""

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from playbooks.own_commas import HASHES, line_end, line_start, newline_of, put_in, taken_out
from playbooks.own_toml_scan import Line, Section, sections
from playbooks.own_tree import BrokenError, Node, Steps, child_at, node_at

BARE = re.compile(r"[A-Za-z0-9_-]+")
WHERE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def plain(text: str) -> dict[str, Any]:
    """What the text says. Raises BrokenError."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise broken(text, str(error)) from None
    except RecursionError:
        raise BrokenError("it is nested too deep") from None


def broken(text: str, said: str) -> BrokenError:
    """tomllib's own words, and the place that they name."""
    found = WHERE.search(said)
    if not found:
        return BrokenError(said)
    if not found[1]:
        return BrokenError(said[: found.start()], len(text))
    lines = text.splitlines(keepends=True)[: int(found[1]) - 1]
    return BrokenError(said[: found.start()], sum(map(len, lines)) + int(found[2]) - 1)


def text_at(text: str, steps: Steps) -> str:
    """The text of the value there, which exists; of a table that of all its lines, comments included."""
    here = node_of(text, steps)
    if here:
        return text[here.start : here.end]
    whole = sections(text)
    ends = [*(one.start for one in whole[1:]), len(text)]
    return "".join(text[one.start : end] for one, end in zip(whole, ends, strict=True) if starts(one.path, steps))


def put_text(text: str, steps: Steps, former: str) -> str:
    """The text with this text as the value there, which exists."""
    here = node_of(text, steps)
    if here is None:
        raise BrokenError("what was there is gone")
    return text[: here.start] + former + text[here.end :]


def put(text: str, steps: Steps, new: Any) -> str:
    """The text with this value there, changed or added."""
    if not steps:
        for key, value in new.items():
            text = put(text, (key,), value)
        return text
    if node_of(text, steps):
        return put_text(text, steps, inline(new))
    parent = node_of(text, steps[:-1])
    if parent:
        return put_in(text, parent, f"{key_text(steps[-1:])} = {inline(new)}", HASHES, None)
    whole = sections(text)
    section = next((one for one in whole if one.path == steps[:-1] and not one.is_array), None)
    dotted = next((line for one in whole for line in one.lines[::-1] if is_beside(line, steps)), None)
    if isinstance(new, Mapping):
        by_dots = dotted is not None and section is None and all(one.path[:-1] != steps[:-1] for one in whole)
        return put_table(text, steps, new, by_dots=by_dots)
    if section:
        return put_line(text, section, f"{key_text(steps[-1:])} = {inline(new)}")
    if dotted:
        beside = key_text(steps[len(dotted.section) :])
        return text_with_line(text, dotted.node.end, f"{beside} = {inline(new)}", dotted.start)
    return put_line(*with_section(text, steps[:-1]), f"{key_text(steps[-1:])} = {inline(new)}")


def is_beside(line: Line, steps: Steps) -> bool:
    """Whether a line puts something into the same table, and names it with dots, below another header."""
    return starts(line.path, steps[:-1]) and len(line.section) < len(steps) - 1


def put_table(text: str, steps: Steps, new: Mapping[str, Any], *, by_dots: bool) -> str:
    """The text with a new table: its own keys under its header, then the tables in it."""
    single = {key: value for key, value in new.items() if not isinstance(value, Mapping)}
    if not by_dots and (single or not new):
        text, _ = with_section(text, steps)
    for key, value in sorted(new.items(), key=lambda one: isinstance(one[1], Mapping)):
        text = put(text, (*steps, key), value)
    return text


def with_section(text: str, steps: Steps) -> tuple[str, Section]:
    """The text with the header of a new table at its end."""
    newline = newline_of(text)
    gap = "" if not text or text.endswith("\n") else newline
    text += f"{gap}{newline if text else ''}[{key_text(steps)}]{newline}"
    return text, sections(text)[-1]


def put_line(text: str, section: Section, words: str) -> str:
    """The text with a line more at the end of a section."""
    if section.lines:
        return text_with_line(text, section.lines[-1].node.end, words, section.lines[-1].start)
    if section.path:
        return text_with_line(text, section.end, words, section.start)
    newline, whole = newline_of(text), sections(text)
    if len(whole) == 1:
        gap = "" if not text or text.endswith("\n") else newline
        return f"{text}{gap}{words}{newline}"
    at = above_comments(text, line_start(text, whole[1].start))
    return f"{text[:at]}{words}{newline}{newline}{text[at:]}"


def above_comments(text: str, at: int) -> int:
    """Where the comments begin that stand on the lines right above; those that begin the file are about the file."""
    first = at
    while first and text[line_start(text, first - 1) : first].lstrip().startswith("#"):
        first = line_start(text, first - 1)
    return first or at


def text_with_line(text: str, after: int, words: str, like: int) -> str:
    """The text with a line more, below that of `after`, indented like that of `like`."""
    at, newline = line_end(text, after), newline_of(text)
    words = text[line_start(text, like) : like].rstrip("[") + words
    if at and text[at - 1] != "\n":
        return f"{text}{newline}{words}"
    return f"{text[:at]}{words}{newline}{text[at:]}"


def without(text: str, steps: Steps) -> str:
    """The text without what stands there, which exists: a line, a part of one, or a table with all its lines."""
    line, rest = line_of(text, steps)
    if line and rest:
        parent = node_at(line.node, rest[:-1])
        place = child_at(parent, rest[-1]) if parent else None
        if parent and place is not None:
            return taken_out(text, parent, place, HASHES)
    whole = sections(text)
    spans = [(one.start, one.end) for one in whole if one.path and starts(one.path, steps)]
    spans += [(one.start, one.node.end) for section in whole for one in section.lines if starts(one.path, steps)]
    for start, end in sorted(spans, reverse=True):
        text = text[: blank_line_above(text, start)] + text[line_end(text, end) :]
        if start == 0:  # the first line of all came with a blank one below it
            text = text.removeprefix(newline_of(text))
    return text


def blank_line_above(text: str, start: int) -> int:
    """Where the line begins; of a header the blank line above it, which came with it."""
    first = line_start(text, start)
    above = line_start(text, first - 1) if first else 0
    return above if text[start] == "[" and first and not text[above:first].strip() else first


def node_of(text: str, steps: Steps) -> Node | None:
    """The value that stands behind an equals sign there; None if it is a table of lines, or nothing."""
    line, rest = line_of(text, steps)
    return node_at(line.node, rest) if line else None


def line_of(text: str, steps: Steps) -> tuple[Line | None, Steps]:
    """The line that holds it, and the steps from there on."""
    lines = (line for section in sections(text) for line in section.lines)
    line = next((line for line in lines if steps and starts(steps, line.path)), None)
    return line, steps[len(line.path) :] if line else ()


def starts(path: Steps, steps: Steps) -> bool:
    """Whether a path leads through these steps."""
    return path[: len(steps)] == steps


def key_text(steps: Steps) -> str:
    """A key with its dots."""
    parts = (step if isinstance(step, str) else step[1] for step in steps)
    return ".".join(part if BARE.fullmatch(part) else inline(part) for part in parts)


def inline(new: Any) -> str:
    """A value behind an equals sign. Raises BrokenError for what TOML has no word for."""
    if isinstance(new, Mapping):
        return "{" + ", ".join(f"{key_text((key,))} = {inline(value)}" for key, value in new.items()) + "}"
    if isinstance(new, list | tuple):
        return "[" + ", ".join(map(inline, new)) + "]"
    if new is None:
        raise BrokenError("TOML has no null")
    return json.dumps(new, ensure_ascii=False).replace("\x7f", "\\u007f")
