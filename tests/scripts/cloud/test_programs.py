"""Other programs: their words are kept, their failure is one line."""

import threading
import time

import pytest

from scripts.cloud import programs
from stacks.errors import CloudError


def test_what_a_program_says_is_returned() -> None:
    assert programs.run("sh", "-c", "echo $WORD; echo two >&2", part="x", WORD="one") == "one\ntwo\n"


def test_a_failure_names_the_part_the_program_and_its_last_lines() -> None:
    with pytest.raises(CloudError) as caught:
        programs.run("sh", "-c", "seq 5; exit 3", part="site")
    assert caught.value.fact == "prepare/site: sh ended with 3: 3 | 4 | 5"


def test_a_program_that_is_not_here_is_named() -> None:
    with pytest.raises(CloudError, match="prepare/x: there is no no-such-program here"):
        programs.run("no-such-program", part="x")


def test_programs_can_be_ended() -> None:
    failed: list[CloudError] = []
    waiting = threading.Thread(target=lambda: failed.append(failure()))
    waiting.start()
    while not programs._running:
        time.sleep(0.01)
    programs.end_all()
    waiting.join(timeout=5)
    assert failed and "-9" in failed[0].fact


def failure() -> CloudError:
    with pytest.raises(CloudError) as caught:
        programs.run("sleep", "30", part="x")
    return caught.value
