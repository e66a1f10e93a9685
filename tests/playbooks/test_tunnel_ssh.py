"""The supervised ssh against a real sshd: killed, silent, rebooted, exchanged."""

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from playbooks import tunnel_ssh
from playbooks.tunnel_files import Orders
from playbooks.tunnel_ssh import DELETED_WORD, WRONG_KEY_WORD, Tunnel, leave_words, meaning, ssh_words
from stacks.ssh import Target, prepare
from tests.playbooks.fake_box import eventually
from tests.playbooks.own_sshd import OwnSshd, own_sshd

PATIENCE = 20.0  # seconds; for a busy machine
ORDERS = Orders("s", "lease-1", 12345678, 18001, 8000, "daybox-12345678", "/f/ssh_config", "", "")


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[OwnSshd]:
    with own_sshd(tmp_path / "sshd") as running:
        yield running


@pytest.fixture
def tunnel(sshd: OwnSshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tunnel:
    """A tunnel to `sshd`; what it forwards to is sshd's own port, so that something answers there."""
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    target = prepare(Target("s", "127.0.0.1", "daybox-12345678", sshd.login_key, (sshd.host_key,), sshd.port))
    orders = Orders("s", "lease-1", 12345678, 1, sshd.port, target.alias, str(target.config_file), "", "")
    (tmp_path / "tunnel").mkdir()
    return Tunnel(ssh_words(orders), tmp_path / "tunnel")


def keep(tunnel: Tunnel, story: Callable[[], Awaitable[None]]) -> None:
    """Keep the tunnel while `story` runs; the story begins when it is up or has ended."""

    async def go() -> None:
        keeper = asyncio.create_task(tunnel.keep())
        assert await eventually(lambda: tunnel.state.up or keeper.done(), PATIENCE), tunnel.state
        try:
            await story()
        finally:
            keeper.cancel()
            await asyncio.wait({keeper})

    asyncio.run(go())


async def says(tunnel: Tunnel) -> bytes:
    """What comes back through the forwarded socket: sshd's greeting."""
    reader, writer = await asyncio.open_unix_connection(str(tunnel.socket))
    try:
        return await asyncio.wait_for(reader.readline(), 5)
    finally:
        writer.close()


def test_the_command_is_pinned_supervised_and_relative_to_its_folder() -> None:
    assert " ".join(ssh_words(ORDERS)) == (
        "ssh -F /f/ssh_config -N -M -S ./control -o ExitOnForwardFailure=yes -o StreamLocalBindUnlink=yes"
        " -o StreamLocalBindMask=0177 -o ServerAliveInterval=5 -o ServerAliveCountMax=3 -o ConnectTimeout=5"
        " -o BatchMode=yes -o LogLevel=INFO -L ./vllm.sock:127.0.0.1:8000 daybox-12345678"
    )
    both = " ".join(ssh_words(replace(ORDERS, webui_port=19001)))
    assert both.endswith(" -L ./webui.sock:127.0.0.1:3000 -L ./vllm.sock:127.0.0.1:8000 daybox-12345678")
    assert " ".join(leave_words(ORDERS)) == "ssh -F /f/ssh_config -S ./control -O exit daybox-12345678"


@pytest.mark.parametrize(
    ("lines", "status", "word"),
    [
        (["@@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @@"], 255, WRONG_KEY_WORD),
        (["No ED25519 host key is known for x", "Host key verification failed."], 255, WRONG_KEY_WORD),
        (["debug", "ssh: connect to host h: Connection refused"], 255, "ssh: connect to host h: Connection refused"),
        (["Connection to h closed.", "channel 2: open failed"], 255, "Connection to h closed."),
        ([], -9, "ssh was ended by SIGKILL"),
        ([], 255, "ssh ended with status 255 and said nothing"),
    ],
)
def test_the_end_of_an_ssh_has_a_meaning(lines: list[str], status: int, word: str) -> None:
    assert meaning(lines, status) == word


def test_an_open_tunnel_carries_bytes_through_a_private_socket(tunnel: Tunnel) -> None:
    async def story() -> None:
        assert (await says(tunnel)).startswith(b"SSH-2.0")
        assert tunnel.socket.stat().st_mode & 0o077 == 0

    keep(tunnel, story)


def test_a_killed_ssh_comes_back_at_the_first_try(tunnel: Tunnel) -> None:
    async def story() -> None:
        assert tunnel.pid is not None
        os.kill(tunnel.pid, signal.SIGKILL)
        assert await eventually(lambda: not tunnel.state.up, PATIENCE)
        assert tunnel.state.word == "ssh was ended by SIGKILL"
        assert await eventually(lambda: tunnel.state.up, PATIENCE)
        assert tunnel.state.lives == 2
        assert (await says(tunnel)).startswith(b"SSH-2.0")

    keep(tunnel, story)


def test_a_rebooted_box_is_found_again(tunnel: Tunnel, sshd: OwnSshd) -> None:
    async def story() -> None:
        sshd.stop()
        assert await eventually(lambda: not tunnel.state.up and "refused" in tunnel.state.word, PATIENCE)
        assert not tunnel.socket.exists()
        sshd.start()
        assert await eventually(lambda: tunnel.state.up, PATIENCE)
        assert tunnel.state.lives == 2

    keep(tunnel, story)


def test_a_changed_host_key_ends_the_tunnel_with_a_word(tunnel: Tunnel, sshd: OwnSshd) -> None:
    async def story() -> None:
        sshd.stop()
        sshd.new_host_key()
        sshd.start()
        assert await eventually(lambda: tunnel.state.ended, PATIENCE)
        assert (tunnel.state.up, tunnel.state.word) == (False, WRONG_KEY_WORD)

    keep(tunnel, story)


def test_a_box_that_the_cloud_deleted_ends_the_tunnel_with_a_word(tunnel: Tunnel, sshd: OwnSshd) -> None:
    async def story() -> None:
        tunnel.is_deleted = lambda: True
        sshd.stop()
        assert await eventually(lambda: tunnel.state.ended, PATIENCE)
        assert tunnel.state.word == DELETED_WORD

    keep(tunnel, story)


def test_a_box_that_nobody_hears_of_for_an_hour_ends_the_tunnel_with_a_word(
    tunnel: Tunnel, sshd: OwnSshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        monkeypatch.setattr(tunnel_ssh, "GIVE_UP_SECONDS", 0.5)
        sshd.stop()
        assert await eventually(lambda: tunnel.state.ended, PATIENCE)
        assert tunnel.state.word.startswith("no contact for 0 minutes: ssh: connect to host 127.0.0.1 port")

    keep(tunnel, story)


def no_answer() -> bool:
    """A cloud that does not answer."""
    raise OSError("no route")


@pytest.mark.parametrize("answer", [lambda: False, no_answer])
def test_anything_but_a_plain_yes_of_the_cloud_lets_it_try_on(
    tunnel: Tunnel, sshd: OwnSshd, answer: Callable[[], bool]
) -> None:
    async def story() -> None:
        tunnel.is_deleted = answer
        sshd.stop()
        assert await eventually(lambda: "refused" in tunnel.state.word, PATIENCE)
        sshd.start()
        assert await eventually(lambda: tunnel.state.up, PATIENCE)

    keep(tunnel, story)


def test_closing_the_tunnel_ends_its_ssh_and_leaves_no_socket(tunnel: Tunnel) -> None:
    pids = []

    async def story() -> None:
        assert tunnel.pid is not None
        pids.append(tunnel.pid)

    keep(tunnel, story)
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)
    assert list(tunnel.folder.iterdir()) == []


def test_a_cloud_that_takes_its_time_does_not_hold_up_the_next_try(tunnel: Tunnel, sshd: OwnSshd) -> None:
    answered = threading.Event()

    async def story() -> None:
        tunnel.is_deleted = lambda: answered.wait(60)
        sshd.stop()
        assert await eventually(lambda: "refused" in tunnel.state.word, PATIENCE)
        sshd.start()
        assert await eventually(lambda: tunnel.state.up, PATIENCE)

    keep(tunnel, story)
    answered.set()


def test_an_architect_is_forwarded_before_the_socket_that_says_that_ssh_is_up() -> None:
    words = ssh_words(replace(ORDERS, architect_box_port=8001, webui_port=9001))
    assert [words[index + 1] for index, word in enumerate(words) if word == "-L"] == [
        "./webui.sock:127.0.0.1:3000",
        "./architect.sock:127.0.0.1:8001",
        "./vllm.sock:127.0.0.1:8000",
    ]
