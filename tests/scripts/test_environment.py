"""What `source scripts/env` does to a shell and to the stack files."""

import subprocess

import pytest

from scripts.environment import prepended, salt_of, salted, shell_lines
from stacks.stack_file import stack_names
from tests.shipped import STACKS

FILE = "config:\n  daybox:plan: x\n"
SALT = "encryptionsalt: v1:abc="


def test_our_programs_come_first_on_path_and_only_once() -> None:
    assert prepended("/usr/bin:/ours:/bin", ["/ours"]) == "/ours:/usr/bin:/bin"


def test_any_value_survives_the_shell() -> None:
    awkward = 'it\'s $HOME `x` "y"'
    script = f'{shell_lines({"AWKWARD": awkward}, ["GONE"])}\nprintf %s "$AWKWARD${{GONE:-}}"'
    done = subprocess.run(["sh", "-c", script], env={"GONE": "still here"}, capture_output=True, text=True, check=True)
    assert done.stdout == awkward


def test_a_fresh_checkout_gets_the_salt_of_our_passphrase() -> None:
    assert salted(FILE, SALT) == f"{FILE}{SALT}\n"


def test_another_states_salt_is_replaced_and_the_rest_stays() -> None:
    assert salted(f"{FILE}encryptionsalt: v1:other=\n", SALT) == f"{FILE}{SALT}\n"


def test_a_stack_that_is_new_to_this_state_begins_without_a_salt() -> None:
    assert salted(f"{FILE}{SALT}\n", "") == FILE


@pytest.mark.parametrize("text", [f"{FILE}{SALT}\n", f"{FILE}{SALT}"])
def test_the_salt_is_found_again(text: str) -> None:
    assert salt_of(text).strip() == SALT


def test_every_stack_file_is_a_shipped_stack() -> None:
    assert set(STACKS) <= set(stack_names())
