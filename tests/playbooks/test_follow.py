"""Following a box over a real sshd: live, over lost connections, over reboots."""

import itertools
import subprocess
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from playbooks.follow import LOG_HEAD, Seen, follow, follow_command, running_words
from stacks.errors import BoxError
from tests.playbooks.own_sshd import own_sshd
from tests.playbooks.pretend_box import BOOT, NEXT_BOOT, PretendBox, began, ended, whole_run

Following = Generator[Seen, None, None]


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PretendBox]:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    monkeypatch.setattr("playbooks.follow.TICK_SECONDS", 0.05)
    monkeypatch.setattr("playbooks.follow.RETRY_SECONDS", 0.05)
    with own_sshd(tmp_path / "sshd") as running:
        found = PretendBox(tmp_path / "box", running)
        found.boot(BOOT)
        yield found


@pytest.fixture
def following(box: PretendBox) -> Iterator[Following]:
    generator = follow(box.target(), onbox=box.onbox)
    yield generator
    generator.close()


def until(following: Following, wanted: Callable[[Seen], bool], seconds: float = 15) -> Seen:
    """The first thing seen that is wanted."""
    deadline = time.monotonic() + seconds
    for seen in following:
        if wanted(seen):
            return seen
        assert time.monotonic() < deadline, seen
    raise AssertionError


def test_what_was_before_is_seen_at_once_and_whole(box: PretendBox, following: Following) -> None:
    box.write(*whole_run())
    counts = {len(seen.events) for seen in itertools.takewhile(lambda s: len(s.events) < 12, following)}
    assert counts <= {0}  # never a part of it


def test_an_event_is_seen_when_it_comes(box: PretendBox, following: Following) -> None:
    until(following, lambda seen: seen.connected)
    box.write(began("docker", 1))
    assert until(following, lambda seen: bool(seen.events)).events == (began("docker", 1),)


def test_the_boot_and_the_clock_of_the_box_are_known(box: PretendBox, following: Following) -> None:
    seen = until(following, lambda seen: seen.connected)
    assert seen.boot == BOOT
    assert abs(seen.ahead) < 2


def test_a_box_that_has_written_nothing_is_waited_for(box: PretendBox, following: Following) -> None:
    assert until(following, lambda seen: seen.connected).events == ()


def test_half_a_line_is_passed_over(box: PretendBox, following: Following) -> None:
    box.write(began("docker", 1))
    with Path(box.onbox.events).open("a") as file:
        file.write('{"stage": "doc\n')
    box.write(ended("docker", 2))
    assert until(following, lambda seen: seen.connected).events == (began("docker", 1), ended("docker", 2))


def test_what_a_running_stage_says_is_seen(box: PretendBox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playbooks.follow.BEAT_SECONDS", 0.05)
    monkeypatch.setattr("playbooks.follow.running_words", lambda: """echo '@now weights 1 of 9 GB "now"'""")
    generator = follow(box.target(), onbox=box.onbox)
    assert until(generator, lambda seen: bool(seen.words)).words == {"weights": '1 of 9 GB "now"'}
    generator.close()


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("(EngineCore pid=20) INFO 11-21 02:23:26 [loader.py:501] Loading took 1 s", "Loading took 1 s"),
        ("INFO 11-21 02:23:26 [loader.py:501] Loading took 1 s", "Loading took 1 s"),
        ("Unpacking containerd", "Unpacking containerd"),
    ],
)
def test_of_vllms_log_only_what_it_says_is_shown(line: str, word: str) -> None:
    assert LOG_HEAD.sub("", line) == word


def test_a_lost_connection_is_made_anew_and_nothing_is_missed(box: PretendBox, following: Following) -> None:
    box.write(began("docker", 1))
    until(following, lambda seen: bool(seen.events))
    box.sshd.stop()
    lost = until(following, lambda seen: not seen.connected)
    assert lost.events == (began("docker", 1),)  # what is known is not forgotten
    box.write(ended("docker", 2))
    box.sshd.start()
    assert len(until(following, lambda seen: len(seen.events) == 2).events) == 2


def test_a_reboot_is_seen_by_the_boot_id(box: PretendBox, following: Following) -> None:
    until(following, lambda seen: seen.boot == BOOT)
    box.sshd.stop()
    box.boot(NEXT_BOOT)
    box.sshd.start()
    assert until(following, lambda seen: seen.boot == NEXT_BOOT).connected


def test_a_box_that_stays_silent_is_given_up(box: PretendBox) -> None:
    generator = follow(box.target(), onbox=box.onbox, patience=0.5)
    until(generator, lambda seen: seen.connected)
    box.sshd.stop()
    with pytest.raises(BoxError, match="port 22 is closed to us"):
        until(generator, lambda _: False)


def test_another_host_key_ends_it_at_once(box: PretendBox, following: Following) -> None:
    until(following, lambda seen: seen.connected)
    box.sshd.stop()
    box.sshd.new_host_key()
    box.sshd.start()
    with pytest.raises(BoxError, match="host key is not the pinned one"):
        until(following, lambda _: False)


def test_nothing_is_left_when_nobody_follows_any_more(box: PretendBox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playbooks.follow.BEAT_SECONDS", 0.05)
    generator = follow(box.target(), onbox=box.onbox)
    until(generator, lambda seen: seen.connected)
    generator.close()
    deadline = time.monotonic() + 10
    while subprocess.run(["pgrep", "-f", str(box.onbox.events)], capture_output=True).stdout:
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("stage", "line"),
    [
        ("weights", "@now weights 7.1G so far"),
        ("ready", "@now ready loading shards: 50%"),
        ("docker", "@now docker Unpacking containerd"),
    ],
)
def test_a_running_stage_says(stage: str, line: str, tmp_path: Path) -> None:
    said = {
        "systemctl": f"daybox-{stage}.service loaded activating start daybox: x",
        "du": "7.1G\t/var/lib/daybox/models",
        "docker": "loading shards:\\r50%",
        "journalctl": "Unpacking containerd",
    }
    for name, text in said.items():
        (tmp_path / name).write_text(f"#!/bin/sh\nprintf '%b\\n' '{text}'\n")
        (tmp_path / name).chmod(0o755)
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(["sh", "-c", running_words()], env=path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [line]


def test_a_shell_can_read_the_command() -> None:
    subprocess.run(["sh", "-n", "-c", follow_command()], check=True)
