"""Where in JSON a value goes, comments and commas and all: whole texts before and after."""

import pytest

from playbooks.own_edit import merged, taken_back
from playbooks.own_json import plain, text_at
from playbooks.own_tree import MISSING, BrokenError

OURS = {"env": {"A": 1}, "m": "S"}
LINES = '\n  "env": {\n    "A": 1\n  },\n  "m": "S"\n'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '{\n  "env": {\n    "A": 1\n  },\n  "m": "S"\n}\n'),
        ("// only this", "// only this\n{" + LINES + "}\n"),
        ("{}", "{" + LINES + "}"),
        ("{ // c\n}", "{ // c" + LINES + "}"),
        ('{"a": 1}', '{"a": 1, "env": {"A": 1}, "m": "S"}'),
        ('{"a": 1,}', '{"a": 1, "env": {"A": 1}, "m": "S",}'),
        ('{\n  "a": 1 // c\n  // d\n}', '{\n  "a": 1, // c' + LINES + "  // d\n}"),
        ('{\n\t"a": 1\n}', '{\n\t"a": 1,\n\t"env": {\n\t\t"A": 1\n\t},\n\t"m": "S"\n}'),
        ('{\r\n  "m": 1,\r\n}', '{\r\n  "m": "S",\r\n  "env": {\r\n    "A": 1\r\n  },\r\n}'),
        ('{"m": [1, /* x */ 2], "env": {"B": 2}}', '{"m": "S", "env": {"B": 2, "A": 1}}'),
        ('{"env": null, "m": "S"}', '{"env": {"A": 1}, "m": "S"}'),
        ('{"a": 1 /* x\n */ }', '{"a": 1, "env": {"A": 1}, "m": "S" /* x\n */ }'),
    ],
)
def test_where_ours_goes(before: str, after: str) -> None:
    assert merged(before, "json", OURS)[0] == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"a": 1, "env": {"A": 1}, "m": "S", "b": 2}', '{"a": 1, "b": 2}'),
        ('{"m": "S", "b": 2}', '{"b": 2}'),
        ('{\n  "m": "S", // mine\n  "b": 2\n}', '{\n  // mine\n  "b": 2\n}'),
        ('{\n  "b": 2, // mine\n  "m": "S"\n}', '{\n  "b": 2 // mine\n}'),
        ('{\n  "b": 2,\n  "m": "S", "c": 3\n}', '{\n  "b": 2,\n  "c": 3\n}'),
        ('{"b": 2, /* mine */ "m": "S"}', '{"b": 2 /* mine */ }'),
        ('{"m": "S"}', "{}"),
        ('{\n  "env": {\n    "A": 1,\n    "B": 2\n  }\n}', '{\n  "env": {\n    "B": 2\n  }\n}'),
        ('{\n  "env": {\n    // mine\n    "A": 1\n  }\n}', '{\n  "env": {\n    // mine\n  }\n}'),
        ('{"env": {"A": 2}, "b": 1}', '{"env": {"A": 2}, "b": 1}'),  # theirs by now
    ],
)
def test_how_ours_goes_away(before: str, after: str) -> None:
    _, changes = merged("{}", "json", OURS)
    changed = "// mine" in before and "env" in before
    if changed:  # a comment in a mapping of ours is the user's: what holds it stays
        changes = merged("{}", "json", {"env": {"A": 1, "GONE": 1}})[1]
    assert taken_back(before, "json", changes)[0] == after


def test_lists_whose_items_say_which_they_are_are_merged_item_by_item() -> None:
    before = '{"models": [{"name": "x", "limit": 1}, {"name": "y"}]}'
    after, changes = merged(before, "json", {"models": [{"name": "x", "limit": 2}, {"name": "z"}]})
    assert after == '{"models": [{"name": "x", "limit": 2}, {"name": "y"}, {"name": "z"}]}'
    assert taken_back(after, "json", changes) == (before, [])


@pytest.mark.parametrize(
    ("text", "where"),
    [("{,}", 1), ('{"a" 1}', 5), ('{"a": 01}', 6), ('{"a": "\n"}', 6), ("{} x", 3), ('{"a": nullx}', 6), ("[1 2]", 3)],
)
def test_what_is_no_json_says_where(text: str, where: int) -> None:
    with pytest.raises(BrokenError) as caught:
        plain(text)
    assert caught.value.where == where


def test_what_stands_there_is_told_as_it_stands() -> None:
    assert text_at('{"a": {"b": [1, /* two */ 2]}}', ("a", "b")) == "[1, /* two */ 2]"
    assert plain(" // nothing\n") is MISSING
