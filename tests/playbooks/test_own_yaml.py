"""Where in YAML a value goes: whole texts before and after."""

import pytest

from playbooks.own_edit import merged, taken_back
from playbooks.own_tree import BrokenError

OURS = {"env": {"A": 1}, "m": "S"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "env:\n  A: 1\nm: S\n"),
        ("# only this\n", "# only this\nenv:\n  A: 1\nm: S\n"),
        ("a: 1", "a: 1\nenv:\n  A: 1\nm: S"),
        ("a: 1\r\n", "a: 1\r\nenv:\r\n  A: 1\r\nm: S\r\n"),
        ("env:\n    B: 2 # c\n\n# end\n", "env:\n    B: 2 # c\n    A: 1\nm: S\n\n# end\n"),
        ("env: {B: 2}\nm: x # c\n", 'env: {B: 2, "A": 1}\nm: "S" # c\n'),
        ("env:\nm: |\n  x\n\nz: 1\n", 'env: {"A": 1}\nm: "S"\n\nz: 1\n'),
        ("m:\n- 1\n- 2\nenv: &e\n  B: 2\nz: *e\n", None),
        ("m: &x 1\nz: *x\n", None),
        ("base: &b {Q: 1}\nenv:\n  <<: *b\n", "base: &b {Q: 1}\nenv:\n  <<: *b\n  A: 1\nm: S\n"),
        ("a: |+\n  x\n\n\n", "a: |+\n  x\n\n\nenv:\n  A: 1\nm: S\n"),
        ("a: 1\n...\n", "a: 1\nenv:\n  A: 1\nm: S\n...\n"),
        ("{a: 1}\n", '{a: 1, "env": {"A": 1}, "m": "S"}\n'),
        ("? a\n: 1\n", "? a\n: 1\nenv:\n  A: 1\nm: S\n"),
    ],
)
def test_where_ours_goes_and_that_it_goes_again(before: str, after: str | None) -> None:
    """None: it would change what stands somewhere else in the file, and is refused."""
    if after is None:
        with pytest.raises(BrokenError, match="without changing other places of it"):
            merged(before, "yaml", OURS)
        return
    text, changes = merged(before, "yaml", OURS)
    assert text == after
    assert taken_back(text, "yaml", changes)[0].rstrip() == before.rstrip()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("- name: x # mine\n  v: 1\n", "- name: x # mine\n  v: 2\n  w: 3\n- name: y\n"),
        ("-   v: 1\n    name: x\n\n- name: z\n", "-   v: 2\n    name: x\n    w: 3\n\n- name: z\n- name: y\n"),
        ("[{name: x, v: 1}]\n", '[{name: x, v: 2, "w": 3}, {"name": "y"}]\n'),
    ],
)
def test_lists_whose_items_say_which_they_are_are_merged_item_by_item(before: str, after: str) -> None:
    text, changes = merged(before, "yaml", [{"name": "x", "v": 2, "w": 3}, {"name": "y"}])
    assert text == after
    assert taken_back(text, "yaml", changes) == (before, [])


def test_the_first_line_of_an_item_goes_and_the_next_takes_its_place() -> None:
    _, changes = merged("- {name: x}\n", "yaml", [{"name": "x", "v": 2}])
    assert taken_back("- v: 2 # ours\n  name: x\n", "yaml", changes) == ("- name: x\n", [])


def test_a_tag_of_anothers_and_a_key_that_is_no_text_are_left_as_they_are() -> None:
    before = "secret: !vault |\n  x\n1: !x [a]\n2026-01-01: =\n"
    after, changes = merged(before, "yaml", {"m": "S"})
    assert after == before + "m: S\n"
    assert taken_back(after, "yaml", changes) == (before, [])
