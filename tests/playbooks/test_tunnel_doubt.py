"""Sleep and a change of network: doubted, asked, and only a connection that gives no sign is ended."""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from playbooks import tunnel_doubt
from playbooks.tunnel_doubt import MOVED_WORD, SLEPT_WORD, Doubt, answers, own_address, probe_words, slept_seconds
from playbooks.tunnel_files import Orders
from playbooks.tunnel_ssh import Tunnel, ssh_words
from stacks.ssh import Target, prepare
from tests.playbooks.fake_box import eventually
from tests.playbooks.own_sshd import OwnSshd, own_sshd
from tests.playbooks.test_tunnel_ssh import says

PATIENCE = 20.0


class Laptop:
    """Its clocks and its address, as a test sets them."""

    def __init__(self) -> None:
        self.asleep, self.address = 0.0, "192.0.2.7"

    def doubt(self, probe: list[str] | None = None) -> Doubt:
        return Doubt("198.51.100.6", probe or ["true"], slept=lambda: self.asleep, here=lambda _: self.address)


@pytest.fixture
def laptop() -> Laptop:
    return Laptop()


def test_a_laptop_that_stays_where_it_is_and_awake_gives_no_doubt(laptop: Laptop) -> None:
    doubt = laptop.doubt()
    assert [doubt.reason() for _ in range(3)] == ["", "", ""]


@pytest.mark.parametrize(("asleep", "word"), [(4.0, ""), (6.0, SLEPT_WORD), (36_000.0, SLEPT_WORD)])
def test_a_sleep_is_doubted_once(laptop: Laptop, asleep: float, word: str) -> None:
    doubt = laptop.doubt()
    laptop.asleep += asleep
    assert [doubt.reason(), doubt.reason()] == [word, ""]


def test_another_network_is_doubted_once(laptop: Laptop) -> None:
    doubt = laptop.doubt()
    laptop.address = "10.0.0.3"
    assert [doubt.reason(), doubt.reason()] == [MOVED_WORD, ""]


def test_no_network_at_all_is_waited_out_and_the_same_one_again_is_no_doubt(laptop: Laptop) -> None:
    doubt = laptop.doubt()
    laptop.address = ""
    assert doubt.reason() == ""
    laptop.address = "192.0.2.7"
    assert doubt.reason() == ""


def test_a_sleep_is_doubted_only_when_there_is_a_network_to_ask_over(laptop: Laptop) -> None:
    """Wi-Fi comes back seconds after the laptop; what streams over a connection that outlived a nap goes on."""
    doubt = laptop.doubt()
    laptop.asleep, laptop.address = 60.0, ""
    assert [doubt.reason(), doubt.reason()] == ["", ""]
    laptop.address = "192.0.2.7"
    assert [doubt.reason(), doubt.reason()] == [SLEPT_WORD, ""]


def test_another_network_after_none_is_doubted(laptop: Laptop) -> None:
    doubt = laptop.doubt()
    laptop.address = ""
    assert doubt.reason() == ""
    laptop.address = "10.0.0.3"
    assert doubt.reason() == MOVED_WORD


def test_this_machine_has_not_slept_within_this_test() -> None:
    first = slept_seconds()
    time.sleep(0.1)
    assert slept_seconds() - first < 1


@pytest.mark.parametrize(("address", "own"), [("127.0.0.1", "127.0.0.1"), ("no address", ""), ("255.255.255.255", "")])
def test_the_address_that_would_be_used_is_the_kernels(address: str, own: str) -> None:
    assert own_address(address) == own


@pytest.mark.parametrize(("probe", "alive"), [(["true"], True), (["false"], False), (["sleep", "60"], False)])
def test_a_connection_that_gives_no_sign_in_time_is_dead(
    probe: list[str], alive: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tunnel_doubt, "ANSWER_SECONDS", 0.5)
    assert asyncio.run(answers(probe, tmp_path)) is alive


def test_the_probe_takes_the_tunnels_connection_and_no_other() -> None:
    orders = Orders("s", "lease-1", 12345678, 18001, 8000, "daybox-12345678", "/f/ssh_config", "", "")
    assert " ".join(probe_words(orders)) == (
        "ssh -F /f/ssh_config -S ./control -o ProxyCommand=false daybox-12345678 -- true"
    )


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[OwnSshd]:
    with own_sshd(tmp_path / "sshd") as running:
        yield running


@pytest.fixture
def wire(sshd: OwnSshd, tmp_path: Path) -> Iterator["Wire"]:
    """What lies between ssh and sshd."""
    with contextlib.closing(Wire(sshd, tmp_path / "wire.py")) as made:
        yield made


WIRE = """\
import asyncio, sys

async def pour(source, sink):
    while piece := await source.read(65536):
        sink.write(piece)
        await sink.drain()
    sink.close()

async def join(reader, writer):
    to = await asyncio.open_connection("127.0.0.1", int(sys.argv[1]))
    await asyncio.gather(pour(reader, to[1]), pour(to[0], writer), return_exceptions=True)

async def main():
    server = await asyncio.start_server(join, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


class Wire:
    """Forwards a port to sshd, each connection in its own process; `freeze` lets the ones there are say nothing more,
    without ending them, as a network does from which somebody has gone. New ones pass."""

    def __init__(self, sshd: OwnSshd, program: Path) -> None:
        program.write_text(WIRE)
        self._words = ["python3", str(program), str(sshd.port)]
        self._made: list[subprocess.Popen[str]] = []
        self.port = 0
        self.another()

    def another(self) -> int:
        """A new one; returns its port."""
        made = subprocess.Popen(self._words, stdout=subprocess.PIPE, text=True)
        assert made.stdout
        self._made.append(made)
        self.port = int(made.stdout.readline())
        return self.port

    def freeze(self) -> None:
        os.kill(self._made[-1].pid, signal.SIGSTOP)

    def close(self) -> None:
        for made in self._made:
            made.kill()
            made.wait()


@pytest.fixture
def tunnel(sshd: OwnSshd, wire: Wire, laptop: Laptop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tunnel:
    """A tunnel over the wire; its folder is short, for the control socket's sake."""
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    target = reached_at(wire.port, sshd)
    orders = Orders("s", "lease-1", 12345678, 1, sshd.port, target.alias, str(target.config_file), "", "")
    (tmp_path / "t").mkdir()
    return Tunnel(ssh_words(orders), tmp_path / "t", doubt=laptop.doubt(probe_words(orders)))


def reached_at(port: int, sshd: OwnSshd) -> Target:
    """The box as ssh reaches it from now on."""
    return prepare(Target("s", "127.0.0.1", "daybox-12345678", sshd.login_key, (sshd.host_key,), port))


def keep(tunnel: Tunnel, story: Callable[[], Awaitable[None]]) -> None:
    """Keep the tunnel while `story` runs; the story begins when it is up."""

    async def go() -> None:
        keeper = asyncio.create_task(tunnel.keep())
        assert await eventually(lambda: tunnel.state.up, PATIENCE), tunnel.state
        try:
            await story()
        finally:
            keeper.cancel()
            await asyncio.wait({keeper})

    asyncio.run(go())


@pytest.mark.parametrize("what", ["sleeps", "moves"])
def test_a_connection_that_did_not_outlive_it_is_replaced_within_seconds(
    tunnel: Tunnel, sshd: OwnSshd, wire: Wire, laptop: Laptop, what: str
) -> None:
    async def story() -> None:
        wire.freeze()
        reached_at(wire.another(), sshd)
        began = time.monotonic()
        laptop.asleep, laptop.address = (3600.0, laptop.address) if what == "sleeps" else (0.0, "10.0.0.3")
        assert await eventually(lambda: tunnel.state.lives == 2, PATIENCE), tunnel.state
        took = time.monotonic() - began
        print(f"{what}: up again after {took:.1f} s")
        assert took < 10, "ssh itself notices after 15 s"
        assert (await says(tunnel)).startswith(b"SSH-2.0")

    keep(tunnel, story)


def test_a_connection_that_outlived_it_goes_on(tunnel: Tunnel, laptop: Laptop) -> None:
    async def story() -> None:
        pid, laptop.address = tunnel.pid, "10.0.0.3"
        await asyncio.sleep(tunnel_doubt.LOOK_SECONDS + 2)
        assert (tunnel.state.lives, tunnel.pid) == (1, pid)
        assert (await says(tunnel)).startswith(b"SSH-2.0")

    keep(tunnel, story)


def test_what_happened_is_said(tunnel: Tunnel, wire: Wire, laptop: Laptop) -> None:
    async def story() -> None:
        wire.freeze()
        laptop.asleep = 3600.0
        assert await eventually(lambda: tunnel.state.word == SLEPT_WORD, PATIENCE), tunnel.state

    keep(tunnel, story)
