"""Which stack a command means."""

import pytest

from playbooks.boxes import choose_stack
from stacks.errors import UsageError

STACKS = [{"name": "coder-30b", "resourceCount": 9}, {"name": "local", "resourceCount": 0}]


def test_the_stack_that_is_named_wins() -> None:
    assert choose_stack("local", "coder-30b", STACKS) == "local"


def test_the_environment_comes_next() -> None:
    assert choose_stack(None, "local", STACKS) == "local"


def test_then_the_selected_one() -> None:
    assert choose_stack(None, None, [STACKS[0], STACKS[1] | {"current": True}]) == "local"


def test_then_the_only_one_that_is_up() -> None:
    assert choose_stack(None, None, STACKS) == "coder-30b"


def test_otherwise_it_stops_and_lists_them() -> None:
    with pytest.raises(UsageError) as caught:
        choose_stack(None, None, [row | {"resourceCount": 9} for row in STACKS])
    assert "coder-30b, local" in caught.value.hint


def test_a_stack_that_does_not_exist_names_those_that_do() -> None:
    with pytest.raises(UsageError, match="stacks/coder-33b: there is no such stack"):
        choose_stack("coder-33b", None, STACKS)
