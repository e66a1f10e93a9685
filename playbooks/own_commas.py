"""What stands between commas and brackets, of JSON, and of YAML's and TOML's own brackets: put in, and taken out."""

import re
from dataclasses import dataclass

from playbooks.own_tree import Node


@dataclass(frozen=True)
class Trivia:
    """What may stand between two tokens. anywhere: any of it; on_line: what stands on the rest of one line."""

    anywhere: re.Pattern[str]
    on_line: re.Pattern[str]


SLASHES = Trivia(
    re.compile(r"(?:[ \t\r\n]+|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL),
    re.compile(r"(?:[ \t]+|/\*[^\r\n]*?\*/)*(?://[^\r\n]*)?"),
)
HASHES = Trivia(re.compile(r"(?:[ \t\r\n]+|#[^\r\n]*)*"), re.compile(r"[ \t]*(?:#[^\r\n]*)?"))


def skip(text: str, at: int, pattern: re.Pattern[str]) -> int:
    """The end of what the pattern matches from there on, if anything."""
    found = pattern.match(text, at)
    return found.end() if found else at


def newline_of(text: str) -> str:
    """How the text ends its lines."""
    found = re.search(r"\r\n|\n|\r", text)
    return found[0] if found else "\n"


def line_start(text: str, at: int) -> int:
    """Where the line begins in which `at` stands."""
    bare = text.rfind("\r", 0, at)
    if text[bare : bare + 2] == "\r\n" and bare + 1 == at:  # between the two is no line
        bare = text.rfind("\r", 0, bare)
    return max(text.rfind("\n", 0, at), bare) + 1


def indentation(text: str, at: int) -> str:
    """The blanks with which the line of `at` begins."""
    return re.compile(r"[ \t]*").match(text, line_start(text, at), at)[0]  # type: ignore[index]  # matches nothing, too


def line_end(text: str, at: int) -> int:
    """Where the line of `at` ends, its line break included."""
    found = re.compile(r"\r\n|\n|\r").search(text, at)
    return found.end() if found else len(text)


def unit_of(text: str) -> str:
    """By how much the text indents: its first line that is indented, two blanks if there is none."""
    found = re.search(r"^([ \t]+)[^ \t\r\n/*#]", text, re.MULTILINE)
    return found[1] if found else "  "


def spread(text: str, node: Node) -> bool:
    """Whether what is put in gets a line of its own: as the first child has; without one, as anything in the text."""
    if node.children:
        return bool(re.search(r"[\r\n]", text[node.start : node.children[0].start]))
    return bool(re.search(r"[\r\n]", text)) or not text[: node.start].strip()


def put_in(text: str, node: Node, entry: str, trivia: Trivia, indent: str | None) -> str:
    """The text with one more child at the end of `node`. indent: of a line of its own; None: on the same line."""
    comma = ""
    if not node.children:
        at = skip(text, node.start + 1, trivia.on_line)
        return text[:at] + first_child(text, node, at, entry, indent) + text[at:]
    end = at = node.children[-1].node.end
    following = skip(text, end, trivia.anywhere)
    if text[following] == ",":
        at, comma = following + 1, ","
    else:
        text, at = text[:end] + "," + text[end:], end + 1
    if indent is None:
        return f"{text[:at]} {entry}{comma}{text[at:]}"
    at = skip(text, at, trivia.on_line)
    return text[:at] + newline_of(text) + indent + entry + comma + text[at:]


def first_child(text: str, node: Node, at: int, entry: str, indent: str | None) -> str:
    """What is put between empty brackets. at: behind whatever stands on the line of the opening one."""
    if indent is None:
        return entry
    is_open = re.search(r"[\r\n]", text[at : node.end])
    closing = "" if is_open else newline_of(text) + indentation(text, node.start)
    return newline_of(text) + indent + entry + closing


def taken_out(text: str, node: Node, place: int, trivia: Trivia) -> str:
    """The text without one child of `node`, and without one comma."""
    child = node.children[place]
    start, end = child.start, child.node.end
    following = skip(text, end, trivia.anywhere)
    if text[following] == ",":
        # NOTE: what stands between value and comma are at most comments on it, which go with it.
        return without_span(text, start, following + 1)
    if place == 0:
        return without_span(text, start, end)
    before = node.children[place - 1].node.end
    comma = skip(text, before, trivia.anywhere)
    if text[comma + 1 : start].strip(" \t") == "":
        return text[:comma] + text[end:]
    rest = without_span(text, start, end)
    return rest[:comma] + rest[comma + 1 :]


def without_span(text: str, start: int, end: int) -> str:
    """The text without this; without its lines where nothing else stands on them."""
    first = line_start(text, start)
    rest = re.compile(r"[ \t]*(\r\n|\n|\r|$)").match(text, end)
    if text[first:start].strip(" \t") == "" and rest:
        return text[:first] + text[rest.end() :]
    return text[:start] + text[skip(text, end, re.compile(r"[ \t]*")) :]
