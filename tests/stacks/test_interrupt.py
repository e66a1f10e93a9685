"""interrupt: what ends a program politely lets it clean up, also where nobody is left to read what it says."""

import os
import pty
import signal
import sys
from pathlib import Path

import pytest

from stacks.interrupt import ENDING, Ended, like_ctrl_c

ROOT = Path(__file__).resolve().parents[2]
CLEANS_UP = """
import signal, sys, time
from pathlib import Path
from stacks.interrupt import like_ctrl_c
with like_ctrl_c():
    try:
        print("begun", flush=True)
        time.sleep(60)
    except KeyboardInterrupt as ended:
        print("a word that nobody reads", file=sys.stderr, flush=True)
        signal.raise_signal(signal.SIGHUP)  # as the shell does, when its own terminal is gone
        Path(sys.argv[1]).write_text(str(ended))
"""


@pytest.mark.parametrize("number", ENDING)
def test_what_is_begun_hears_of_it_as_of_ctrl_c(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(Ended, match=f"ended by {number.name}"), like_ctrl_c():
        signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_under_nohup_a_closed_terminal_is_still_no_matter() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with like_ctrl_c():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_closed_terminal_heard_within_two_blocks_is_heard_once() -> None:
    """The kernel's SIGHUP comes in the inner one; the shell's, while the outer one cleans up."""
    cleaned_up, before = False, signal.getsignal(signal.SIGHUP)
    with pytest.raises(Ended), like_ctrl_c():
        try:
            with like_ctrl_c():
                signal.raise_signal(signal.SIGHUP)
        finally:
            signal.raise_signal(signal.SIGHUP)
            cleaned_up = True
    assert cleaned_up and signal.getsignal(signal.SIGHUP) is before


def test_a_terminal_that_is_gone_cuts_no_cleaning_up_short(tmp_path: Path) -> None:
    told = tmp_path / "told"
    pid, terminal = pty.fork()
    if not pid:
        os.chdir(ROOT)
        os.execv(sys.executable, [sys.executable, "-c", CLEANS_UP, str(told)])
    assert os.read(terminal, 5) == b"begun"
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert (status, told.read_text()) == (0, "ended by SIGHUP")
