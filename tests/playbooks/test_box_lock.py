"""box_lock: one at a time, named to whoever comes second, and gone with whoever held it."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from playbooks import box_lock
from playbooks.box_lock import FILE, Hold, LostLock, hold_command, holding, me, taken
from stacks.errors import BoxError
from stacks.ssh import Target
from tests.laptop import wait_for
from tests.playbooks.own_sshd import own_sshd
from tests.playbooks.pretend_box import PretendBox

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PretendBox]:
    """A box that is this machine, with a folder for its root."""
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    with own_sshd(tmp_path / "sshd") as running:
        yield PretendBox(tmp_path / "box", running)


def refused(box: PretendBox, target: Target, what: str = "x") -> BoxError:
    """What somebody is told who is not let in."""
    with pytest.raises(BoxError) as caught, holding(target, what, onbox=box.onbox):
        pytest.fail("it was let in")
    return caught.value


def is_free(box: PretendBox, target: Target) -> bool:
    """Whether the lock is to be had now."""
    try:
        with holding(target, "a look", onbox=box.onbox):
            return True
    except BoxError:
        return False


def test_who_comes_second_is_told_who_is_there_since_when_and_for_what(box: PretendBox) -> None:
    with holding(target := box.target(), "model becomes x", onbox=box.onbox):
        error = refused(box, target)
    assert error.hint == "wait until that is done"
    told = error.fact.removeprefix(f"box/{target.alias}: {me()} is changing it since ")
    assert told[2::3][:2] == "::" and told.endswith(" UTC: model becomes x")


def test_the_next_one_is_let_in_when_the_first_is_done(box: PretendBox) -> None:
    with holding(target := box.target(), "first", onbox=box.onbox):
        pass
    assert is_free(box, target)
    assert Path(box.root / FILE).read_text() == ""


def test_a_lock_does_not_outlive_a_failure_within(box: PretendBox) -> None:
    with pytest.raises(ValueError), holding(target := box.target(), "first", onbox=box.onbox):
        raise ValueError
    assert is_free(box, target)


def test_a_holder_that_is_killed_leaves_no_lock(box: PretendBox) -> None:
    """Killed hard, as by the kernel: nothing of it cleans up."""
    target = box.target()
    words = [
        "ssh",
        "-F",
        str(target.config_file),
        target.alias,
        "--",
        hold_command("u@laptop", "x", "0a", onbox=box.onbox),
    ]
    program = f"import subprocess, time; p = subprocess.Popen({words!r}, stdin=subprocess.PIPE); time.sleep(60)"
    holder = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.DEVNULL, cwd=ROOT)
    wait_for(lambda: not is_free(box, target))
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    wait_for(lambda: is_free(box, target), seconds=10)


def test_a_holder_that_is_silent_is_not_waited_for(box: PretendBox, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a laptop that sleeps: its connection is there and says nothing."""
    monkeypatch.setattr(box_lock, "SILENT_SECONDS", 1)
    target = box.target()
    with holding(target, "first", onbox=box.onbox) as hold:
        wait_for(lambda: is_free(box, target), seconds=10)
        wait_for(lambda: hold.process.poll() is not None, seconds=5)
        with pytest.raises(BoxError, match="was lost, nothing more is changed"):
            hold.check()


def lose(hold: Hold) -> None:
    """End the connection that holds it, as a laptop that changes its network does."""
    hold.process.kill()
    hold.process.wait()


def test_a_lost_lock_is_taken_again_where_nobody_came(box: PretendBox) -> None:
    with holding(target := box.target(), "first", onbox=box.onbox) as hold:
        lose(hold)
        hold.check()
        assert not is_free(box, target)
    assert is_free(box, target)


def test_a_lock_that_a_reboot_took_is_taken_again(box: PretendBox) -> None:
    (box.root / "run/daybox").mkdir(parents=True)
    with holding(target := box.target(), "first", onbox=box.onbox) as hold:
        lose(hold)
        shutil.rmtree(box.root / "run")
        hold.check()
        assert not is_free(box, target)


def test_a_lost_lock_stays_lost_once_another_had_it(box: PretendBox) -> None:
    with holding(target := box.target(), "first", onbox=box.onbox) as hold:
        lose(hold)
        wait_for(lambda: is_free(box, target), seconds=10)
        with pytest.raises(LostLock):
            hold.check()
        with pytest.raises(LostLock):
            hold.check()
    assert is_free(box, target)


def test_a_holder_that_says_that_it_lives_keeps_it(box: PretendBox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(box_lock, "SILENT_SECONDS", 2)
    monkeypatch.setattr(box_lock, "BEAT_SECONDS", 0.2)
    with holding(target := box.target(), "first", onbox=box.onbox) as hold:
        hold.ended.wait(3)
        hold.check()
        assert not is_free(box, target)


def test_a_box_that_is_not_reached_is_said_to_be_so(box: PretendBox) -> None:
    target = box.target()
    box.sshd.stop()
    assert "not reached at" in refused(box, target).fact
    box.sshd.start()


def test_a_lock_that_cannot_be_made_is_no_lock(box: PretendBox) -> None:
    (box.root / "var/lib").mkdir(parents=True)
    (box.root / "var/lib/daybox").write_text("a file")
    assert "its lock cannot be taken" in refused(box, box.target()).fact


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a@b\n10:00:00\nmodel becomes x\n", "a@b is changing it since 10:00:00 UTC: model becomes x"),
        ("", "somebody is changing it"),  # they have it, and have not yet written who they are
        ("a\x1b[31m@b\n", "a [31m@b is changing it"),
    ],
)
def test_what_the_holder_wrote_is_text_and_no_more(box: PretendBox, text: str, said: str) -> None:
    assert taken(target := box.target(), text).fact == f"box/{target.alias}: {said}"


def test_a_name_with_quotes_is_a_name(box: PretendBox) -> None:
    with holding(target := box.target(), what := 'it\'s $(false) "x"', onbox=box.onbox):
        assert refused(box, target).fact.endswith(f": {what}")


def test_a_box_that_vanishes_does_not_hide_what_went_wrong(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its ssh neither ends nor answers: it is ended."""
    monkeypatch.setattr(box_lock, "remote", lambda *_: ["sh", "-c", "echo held; exec sleep 60"])
    monkeypatch.setattr(box_lock, "HANG_UP_SECONDS", 0.2)
    target = Target("s", "", "daybox-1", tmp_path, ())
    with pytest.raises(BoxError, match="what went wrong"), holding(target, "x") as hold:
        raise BoxError("what went wrong", hint="")
    assert hold.process.poll() is not None
