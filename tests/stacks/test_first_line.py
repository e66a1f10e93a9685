"""The first line of programs that print for ever, leave somebody behind, or print nothing."""

import subprocess
import time

import pytest

from stacks.first_line import MOST, first_line


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo a; echo b", (b"a", 0)),
        ("echo a; exit 3", (b"a", 3)),
        ("printf a", (b"a", 0)),
        ("echo; echo a", (b"", 0)),
        ("true", (b"", 0)),
        ("printf a; exec >&-; sleep 0.2; exit 4", (b"a", 4)),
        (f"echo a; head -c {MOST - 2} /dev/zero", (b"a", 0)),
    ],
    ids=["two lines", "fails", "no newline", "an empty line", "silent", "closes its output", "just not too much"],
)
def test_it_is_told_with_the_exit_status(script: str, told: tuple[bytes, int]) -> None:
    assert first_line(["sh", "-c", script], 20) == told


def test_a_helper_that_is_left_behind_is_not_waited_for() -> None:
    """As an agent of a password manager, which its first call starts."""
    began = time.monotonic()
    assert first_line(["sh", "-c", "sleep 5 & echo a"], 20) == (b"a", 0)
    assert time.monotonic() - began < 4


@pytest.mark.parametrize("script", ["yes", "yes | tr -d '\\n'", "echo a; yes & exec sleep 60"])
def test_one_that_prints_for_ever_is_ended(script: str) -> None:
    with pytest.raises(ValueError, match="it printed more than 65536 bytes"):
        first_line(["sh", "-c", script], 20)


@pytest.mark.parametrize("script", ["sleep 60", "echo a; exec sleep 60", "exec >&-; exec sleep 60"])
def test_one_that_does_not_end_in_time_is_ended(script: str) -> None:
    began = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        first_line(["sh", "-c", script], 0.2)
    assert time.monotonic() - began < 10
