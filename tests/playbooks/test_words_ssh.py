"""Following a box's words over a real ssh and sshd: each told once, over lost connections; ended with the tunnel."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from playbooks import desktop
from playbooks.tunnel_files import Orders
from playbooks.tunnel_ssh import Tunnel, ssh_words
from playbooks.words import Word, keep, known, words_file
from playbooks.words_ssh import Follower, follow_words, notice
from stacks.places import ledger_dir
from stacks.ssh import Target, prepare
from tests.playbooks.fake_box import eventually
from tests.playbooks.own_sshd import OwnSshd, descendants, own_sshd

LEASE = "lease-1"
NOW = 0.0  # when the test began: of what is older nobody is told on the desktop


@dataclass
class World:
    """A tunnel to this machine's own sshd, and the file with the words of its box."""

    tunnel: Tunnel
    orders: Orders
    sshd: OwnSshd
    file: Path
    shown: list[str]

    def say(self, *words: Word) -> None:
        """As the box's watchdog does."""
        with self.file.open("a") as file:
            file.writelines(json.dumps(vars(word)) + "\n" for word in words)

    def follower(self) -> Follower:
        return Follower(self.orders, self.tunnel, str(self.file))

    def tails(self) -> list[str]:
        """The programs that read the file."""
        done = subprocess.run(["pgrep", "-f", f"tail .*{self.file}"], capture_output=True, text=True, check=False)
        return done.stdout.split()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(sys.modules[__name__], "NOW", float(int(time.time())))
    shown: list[str] = []

    async def show(text: str) -> None:
        shown.append(text)

    monkeypatch.setattr(desktop, "show", show)
    (tmp_path / "tunnel").mkdir()
    with own_sshd(tmp_path / "sshd") as sshd:
        target = prepare(Target("s", "127.0.0.1", "daybox-1", sshd.login_key, (sshd.host_key,), sshd.port))
        orders = Orders("s", LEASE, 1, 1, sshd.port, target.alias, str(target.config_file), "", "")
        yield World(Tunnel(ssh_words(orders), tmp_path / "tunnel"), orders, sshd, tmp_path / "words.jsonl", shown)


def follow(world: World, story: Callable[[], Awaitable[None]]) -> None:
    """Keep tunnel and follower while `story` runs, and end them as the gateway does."""

    async def go() -> None:
        tasks = [asyncio.create_task(world.tunnel.keep()), asyncio.create_task(world.follower().keep())]
        try:
            await story()
        finally:
            for task in reversed(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(go())


def word(number: int, event: str = "warn", **more: float) -> Word:
    """The word of that number."""
    return Word(NOW + number, event, f"word {number}", "idle for 30 min", **more)  # type: ignore[arg-type]


async def heard(*words: Word) -> bool:
    """Whether these come to be known, and no others."""
    return await eventually(lambda: known("s", LEASE) == list(words)) and known("s") == list(words)


def test_what_was_said_before_and_what_is_said_now_is_heard_and_shown(world: World) -> None:
    world.say(word(1))

    async def story() -> None:
        assert await heard(word(1))
        world.say(word(2))
        assert await heard(word(1), word(2))
        assert await eventually(lambda: world.shown == ["s: word 1", "s: word 2"])

    follow(world, story)


def test_a_box_that_has_said_nothing_yet_is_listened_to(world: World) -> None:
    async def story() -> None:
        assert await eventually(lambda: bool(world.tails()))
        world.say(word(1))
        assert await heard(word(1))

    follow(world, story)


def test_after_a_lost_connection_nothing_is_missed_and_nothing_told_twice(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        world.say(word(1))
        assert await heard(word(1))
        await asyncio.to_thread(world.sshd.stop)
        assert await eventually(lambda: not world.tunnel.state.up)
        world.say(word(2))
        await asyncio.to_thread(world.sshd.start)
        assert await heard(word(1), word(2))
        assert await eventually(lambda: len(world.shown) == 2)

    follow(world, story)
    assert caplog.text == ""  # asyncio complains of a child that somebody else has waited for


def test_a_killed_channel_is_opened_anew_over_the_same_connection(world: World) -> None:
    async def story() -> None:
        assert await eventually(lambda: bool(world.tails()))
        [channel] = [pid for pid in descendants(os.getpid()) if is_channel(pid)]
        os.kill(channel, signal.SIGKILL)
        world.say(word(1))
        assert await heard(word(1))
        assert (world.tunnel.state.lives, len(world.sshd.sessions.connections)) == (1, 1)

    follow(world, story)


def is_channel(pid: int) -> bool:
    """Whether it is the ssh that follows."""
    return b"ProxyCommand=false" in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_what_another_gateway_has_told_is_not_told_again(world: World) -> None:
    keep("s", LEASE, word(1))
    world.say(word(1), word(2))

    async def story() -> None:
        assert await heard(word(1), word(2))
        assert await eventually(lambda: world.shown == ["s: word 2"])

    follow(world, story)


def test_last_words_are_known_to_the_gateway_also_to_the_next_one(world: World) -> None:
    world.say(word(1), word(2, "delete"))

    async def story() -> None:
        assert await eventually(lambda: world.tunnel.state.last_words == "idle for 30 min")

    follow(world, story)
    world.tunnel.state.last_words = ""
    world.follower()
    assert world.tunnel.state.told == "open; the box's last words: idle for 30 min"


def test_last_words_of_a_box_that_lives_on_are_taken_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its deletion failed, and it was extended: a connection that drops later comes back."""
    monkeypatch.setattr("playbooks.words_ssh.LAST_SECONDS", 1.0)
    world.say(word(2, "delete"))

    async def story() -> None:
        assert await eventually(lambda: world.tunnel.state.last_words == "idle for 30 min")
        assert await eventually(lambda: world.tunnel.state.last_words == "")

    follow(world, story)


def test_last_words_of_a_box_that_is_silent_since_stay(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playbooks.words_ssh.LAST_SECONDS", 1.0)
    world.say(word(2, "delete"))

    async def story() -> None:
        assert await eventually(lambda: world.tunnel.state.last_words == "idle for 30 min")
        await asyncio.to_thread(world.sshd.stop)
        assert await eventually(lambda: not world.tunnel.state.up)
        await asyncio.sleep(1.5)
        assert world.tunnel.state.last_words == "idle for 30 min"

    follow(world, story)


@pytest.mark.parametrize("event", ["trouble", "warn"])
def test_a_box_that_says_more_has_not_said_its_last_words(world: World, event: str) -> None:
    world.say(word(1, "delete"), word(2, event))

    async def story() -> None:
        assert await heard(word(1, "delete"), word(2, event))
        assert world.tunnel.state.last_words == ""

    follow(world, story)


def test_old_words_are_kept_but_are_no_news(world: World) -> None:
    old = Word(NOW - 3600, "warn", "will be deleted at noon")
    world.say(old, word(1))

    async def story() -> None:
        assert await heard(old, word(1))
        assert await eventually(lambda: world.shown == ["s: word 1"])

    follow(world, story)


def test_lines_that_are_no_words_or_too_long_are_passed_over(world: World) -> None:
    world.file.write_text("{\nhello\n" + '{"at": 1, "event": "warn", "text": "' + "x" * 300_000 + '"}\n')
    world.say(word(1))

    async def story() -> None:
        assert await heard(word(1))

    follow(world, story)


def test_a_box_that_never_stops_talking_fills_no_disk(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playbooks.words_ssh.MOST_WORDS", 3)
    world.say(*(word(number) for number in range(9)))

    async def story() -> None:
        assert await heard(word(0), word(1), word(2))

    follow(world, story)


def test_a_damaged_ledger_hides_no_word(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    path = ledger_dir() / f"{LEASE}.json"
    path.parent.mkdir(parents=True)
    path.write_text("{")
    world.say(word(1, tokens=3))

    async def story() -> None:
        assert await eventually(lambda: world.shown == ["s: word 1"])

    follow(world, story)
    out = capsys.readouterr().out
    assert "warn: word 1" in out
    assert "words: not kept: " in out


def test_nothing_is_left_here_or_on_the_box_when_the_gateway_ends(world: World) -> None:
    async def story() -> None:
        assert await eventually(lambda: bool(world.tails()))

    follow(world, story)
    asyncio.run(eventually(lambda: not world.tails()))
    assert world.tails() == []
    assert [pid for pid in descendants(os.getpid()) if is_channel(pid)] == []


def test_without_the_tunnels_connection_it_makes_none_of_its_own(world: World) -> None:
    done = subprocess.run(
        follow_words(world.orders), cwd=world.tunnel.folder, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, world.sshd.sessions.connections) == (255, b"", [])


def test_the_command_takes_any_path() -> None:
    orders = Orders("s", LEASE, 1, 18001, 8000, "daybox-1", "/f/ssh_config", "", "")
    assert follow_words(orders, "/a b/w") == [
        *("ssh", "-F", "/f/ssh_config", "-S", "./control", "-o", "ProxyCommand=false", "daybox-1", "--"),
        "(touch '/a b/w'; exec tail -s 0.2 -n +1 -F '/a b/w') 2>/dev/null & cat >/dev/null; kill $!",
    ]


def test_a_warning_on_the_desktop_also_says_when_by_the_clock_on_the_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    soon = Word(0.0, "warn", "will be deleted at 14:52 UTC", "idle", ends_at=14 * 3600 + 52 * 60)
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    assert notice("s", soon) == "s: will be deleted at 14:52 UTC (20:22 on this laptop)"
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    assert notice("s", soon) == "s: will be deleted at 14:52 UTC"


def test_words_are_private(world: World) -> None:
    keep("s", LEASE, word(1))
    assert words_file("s").stat().st_mode & 0o077 == 0
