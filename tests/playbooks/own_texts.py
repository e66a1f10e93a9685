"""Texts as people write them, drawn by hypothesis: JSON with comments, TOML and YAML; and values to merge into them."""

import json
import string
from typing import Any

from hypothesis import strategies as st

WORDS = st.text(string.ascii_lowercase + "_-", min_size=1, max_size=4).filter(lambda word: word[0] not in "-_")
# Few names, so that theirs and ours meet.
KEYS = st.sampled_from(["model", "env", "provider", "a", "b", "vllm", "some key", "ü"])
SINGLES = st.one_of(st.integers(-99, 99), st.booleans(), st.text(max_size=6).filter(str.isprintable), WORDS)
FLAT = st.lists(SINGLES, max_size=3)
NAMED = st.lists(st.fixed_dictionaries({"name": st.sampled_from(["x", "y", "z"]), "v": SINGLES}), max_size=3)
NAMED_ONCE = NAMED.map(lambda items: list({item["name"]: item for item in items}.values()))


def nested(lists: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mappings three deep."""
    inner = st.dictionaries(KEYS, st.one_of(SINGLES, lists), max_size=3)
    middle = st.dictionaries(KEYS, st.one_of(SINGLES, lists, inner), max_size=3)
    return st.dictionaries(KEYS, st.one_of(SINGLES, lists, inner, middle), max_size=4)


OURS = nested(st.one_of(FLAT, NAMED_ONCE))
GAPS = st.sampled_from(["", "", " ", "  ", "\t"])
COMMENTS = (" // it's a {note}, [so]\n", "/* a\n * note, } */")
NOTES = st.sampled_from(["", "", "", " ", "\n", "\r\n", "\n  ", "\n\n\t", *COMMENTS])


@st.composite
def json_texts(draw: st.DrawFn) -> str:
    """An object with comments, trailing commas, blanks and line breaks wherever they may stand."""
    return draw(NOTES) + json_text(draw, draw(OURS)) + draw(NOTES)


def json_text(draw: st.DrawFn, value: Any) -> str:
    """One value of it."""
    if isinstance(value, dict):
        parts = [f"{json.dumps(key)}{draw(GAPS)}:{draw(NOTES)}{json_text(draw, one)}" for key, one in value.items()]
        return bracketed(draw, parts, "{}")
    if isinstance(value, list):
        return bracketed(draw, [json_text(draw, one) for one in value], "[]")
    return json.dumps(value, ensure_ascii=draw(st.booleans()))


def bracketed(draw: st.DrawFn, parts: list[str], brackets: str) -> str:
    """Parts with commas, perhaps one too many."""
    text = ",".join(f"{draw(NOTES)}{part}{draw(NOTES)}" for part in parts)
    comma = "," if draw(st.booleans()) and parts else ""
    return f"{brackets[0]}{text}{comma}{draw(NOTES)}{brackets[1]}"


@st.composite
def yaml_texts(draw: st.DrawFn) -> str:
    """Blocks, brackets, comments, and blocks of text."""
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    top = draw(st.sampled_from(["", "# top\n", "---\n", "%YAML 1.1\n---\n"]))
    lines = yaml_lines(draw, draw(OURS), 0)
    # A block of text without a last line break would have one more, were a line put below it: such a file is refused.
    ends = ["\n", "\n\n", "\n# end\n", "\n...\n", *([] if "|" in "".join(lines) or ">" in "".join(lines) else [""])]
    text = top + "\n".join(lines) + draw(st.sampled_from(ends))
    return text.replace("\n", newline)


def yaml_lines(draw: st.DrawFn, value: Any, column: int) -> list[str]:
    """One mapping of it, as a block."""
    if not value:
        return [" " * column + "{}"]
    return [line for key, one in value.items() for line in yaml_entry(draw, key, one, column)]


def yaml_entry(draw: st.DrawFn, key: str, value: Any, column: int) -> list[str]:
    """A key and its value, in one of the ways there are to write it."""
    blanks, note = " " * column, draw(st.sampled_from(["", "  # it's a note: {so}"]))
    start = f"{blanks}{key}:"
    if isinstance(value, dict) and value and draw(st.booleans()):
        return [start + note, *yaml_lines(draw, value, column + 2)]
    if isinstance(value, list) and value and draw(st.booleans()):
        dash = " " * (column + draw(st.integers(0, 1)) * 2)
        return [start + note, *(line for item in value for line in yaml_item(draw, item, dash))]
    if isinstance(value, str) and value.isalpha() and draw(st.booleans()):
        return [f"{start} {draw(st.sampled_from(['|', '>', '|-', '|+']))}", f"{blanks}  {value}", *draw(BLANK_LINES)]
    return [f"{start} {json.dumps(value)}{note}", *draw(BLANK_LINES)]


def yaml_item(draw: st.DrawFn, item: Any, dash: str) -> list[str]:
    """An item of a list: a mapping on lines of its own, or anything on one line."""
    if isinstance(item, dict) and draw(st.booleans()):
        first, *others = yaml_lines(draw, item, len(dash) + 2)
        return [f"{dash}- {first.lstrip()}", *others]
    return [f"{dash}- {json.dumps(item)}"]


BLANK_LINES: st.SearchStrategy[list[str]] = st.sampled_from([[], [], [""], ["", "# a note"]])


@st.composite
def toml_texts(draw: st.DrawFn) -> str:
    """Tables, tables in braces, keys with dots, comments."""
    newline, value = draw(st.sampled_from(["\n", "\r\n"])), draw(nested(FLAT))
    lines = toml_lines(draw, value, ())
    text = draw(st.sampled_from(["", "#:schema x\n", "# top\n\n"])) + "\n".join(lines)
    text += draw(st.sampled_from(["", "\n", "\n\n", "\n# end"]))
    return text.replace("\n", newline)


def toml_lines(draw: st.DrawFn, value: Any, path: tuple[str, ...]) -> list[str]:
    """One table of it: its own keys first."""
    as_tables = [key for key, one in value.items() if isinstance(one, dict) and draw(st.booleans())]
    lines = list[str]()
    for key, one in value.items():
        if key in as_tables:
            continue
        note = draw(st.sampled_from(["", "  # it's a note: [so]"]))
        if isinstance(one, dict) and one and draw(st.booleans()):
            lines += [f"{toml_key(key)}.{toml_key(inner)} = {toml_value(two)}{note}" for inner, two in one.items()]
        else:
            lines.append(f"{toml_key(key)} = {toml_value(one)}{note}")
        lines += draw(BLANK_LINES)
    for key in as_tables:
        name, inner = ".".join(map(toml_key, (*path, key))), toml_lines(draw, value[key], (*path, key))
        is_implied = inner[:1] != [] and inner[0].startswith("[") and draw(st.booleans())
        lines += [*draw(BLANK_LINES), *([] if is_implied else [f"[{name}]"]), *inner]
    return lines


def toml_key(key: str) -> str:
    """As it stands before an equals sign."""
    return key if key.isascii() and " " not in key else json.dumps(key, ensure_ascii=False)


def toml_value(value: Any) -> str:
    """As it stands behind one."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{toml_key(key)} = {toml_value(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
