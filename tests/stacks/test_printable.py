"""What a box says reaches a terminal as text, and moves nothing on it."""

import pytest

from stacks.printable import LONGEST_TEXT, clean, printable

HOSTILE = "a\x1b[2K\rb\x07\u202ec"


def test_what_a_terminal_would_obey_is_a_space() -> None:
    assert printable(HOSTILE) == "a [2K b  c"


def test_a_line_stays_as_long_as_it_is_and_a_notice_is_cut() -> None:
    assert (len(printable("x" * 1000)), len(clean("x" * 1000))) == (1000, LONGEST_TEXT)


@pytest.mark.parametrize("value", [None, 7, ["a"]], ids=str)
def test_what_is_no_text_is_empty(value: object) -> None:
    assert clean(value) == ""
