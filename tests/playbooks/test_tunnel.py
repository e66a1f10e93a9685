"""`fab tunnel` with the gateway's real process, a real ssh and sshd, and a stand-in for vLLM behind it."""

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from playbooks import bootstrap, gateway_process, tunnel
from playbooks.endpoint import Endpoint
from playbooks.gateway_process import gateway_environment, orders_for, start_words
from playbooks.keys import client_key
from playbooks.port import check_port
from playbooks.report import Report, WatchdogReport
from playbooks.stage_table import keep, record_file
from playbooks.tunnel import close_for, open_for, tunnel_meant
from playbooks.tunnel_files import GATEWAY_SOCKET, Orders, box_key_file, living_pid, read_orders, tunnel_dir
from playbooks.tunnel_ssh import WRONG_KEY_WORD
from playbooks.tunnel_status import open_tunnels, status_line, tunnel_row
from stacks.box import Box
from stacks.errors import BoxError, ModelError, UsageError
from stacks.ssh import REACH_HINT, Target, environment, prepare
from stacks.webui import webui_port
from tests.playbooks.fake_box import BOX_KEY, SERVED, FakeBox, LoopThread, free_port, serve
from tests.playbooks.own_sshd import OwnSshd, descendants, own_sshd

PATIENCE = 20.0  # seconds; how fast it is stands in the benchmark: a busy machine is no broken program
READY = Report("boot", "bundle", (), WatchdogReport(True, None, None, ""), ready=True)


@dataclass
class World:
    """A box whose sshd and vLLM are this machine's own."""

    box: Box
    sshd: OwnSshd
    vllm: FakeBox

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self.box.port, client_key(self.box.stack, "test"))

    def gateway_pid(self) -> int:
        pid = living_pid(tunnel_dir(self.box.stack))
        assert pid is not None
        return pid

    def ssh_pid(self) -> int:
        """The ssh that forwards; another one follows the box's words over its connection."""
        return next(pid for pid in descendants(self.gateway_pid()) if b"\0-N\0" in command_line(pid))


def command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def within(seconds: float, happened: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.02)
    return happened()


def a_box(port: int, sshd: OwnSshd) -> Box:
    """A box of stack `s` on this machine."""
    numbers: dict[str, Any] = {"instance_id": 12345678, "usd_per_hour": None, "port": port, "idle_minutes": 30}
    texts = {field: "" for field in Box.__dataclass_fields__ if field not in numbers}
    return Box(
        **texts
        | numbers
        | {
            "stack": "s",
            "lease": "lease-1",
            "cloud": "linode",
            "api_url": "http://127.0.0.1:9",
            "address": "127.0.0.1",
            "served_name": SERVED,
            "host_key": sshd.host_key,
            "login_key": str(sshd.login_key),
        }
    )


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Everything real but the box: its port 22, its key file and its report are found on this machine."""
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("LINODE_TOKEN", "the-planted-token")
    (tmp_path / "vllm-key").write_text(BOX_KEY + "\n")
    monkeypatch.setattr(gateway_process, "read_vllm_key", lambda: f"cat {tmp_path}/vllm-key")
    monkeypatch.setattr(tunnel, "read_report", lambda target: READY)
    vllm, thread, vllm_port = FakeBox(), LoopThread(), free_port()
    monkeypatch.setattr(gateway_process, "BOX_PORT", vllm_port)
    stop = thread.call(serve(vllm.app(), lambda runner: web.TCPSite(runner, "127.0.0.1", vllm_port)))
    with own_sshd(tmp_path / "sshd") as sshd:

        def target_of(box: Box) -> Target:
            keys = (box.host_key,)
            return prepare(Target(box.stack, box.address, box.alias, Path(box.login_key), keys, sshd.port))

        monkeypatch.setattr(tunnel, "box_target", target_of)
        box = a_box(free_port(), sshd)
        keep(box, [])  # its way to ready was shown
        try:
            yield World(box, sshd, vllm)
        finally:
            close_for("s")
    thread.call(stop())
    thread.stop()


def test_opening_proves_one_completion_and_a_second_time_changes_nothing(world: World) -> None:
    first = open_for(world.box)
    assert first.startswith(f"tunnel: open, http://127.0.0.1:{world.box.port}/v1 serves coder; a completion took ")
    pid, asked = world.gateway_pid(), len(world.vllm.asked)
    assert open_for(world.box) == f"tunnel: already open, http://127.0.0.1:{world.box.port}/v1"
    assert (world.gateway_pid(), [one["path"] for one in world.vllm.asked[asked:]]) == (pid, ["/v1/models"])


def test_open_webui_has_a_port_of_its_own_which_is_held_as_long(world: World) -> None:
    """Nothing answers on the box: the gateway says so itself, and nobody else can take the port."""
    second = webui_port(world.box.port)
    open_for(replace(world.box, webui=True))
    with closing(HTTPConnection("127.0.0.1", second, timeout=10)) as connection:
        connection.request("GET", "/health")
        reply = connection.getresponse()
        assert (reply.status, b"fab webui" in reply.read()) == (503, True)
    with pytest.raises(UsageError):
        check_port("s", second)
    close_for("s")
    check_port("s", second)


def test_a_second_port_that_is_taken_is_named_before_anything_is_started(world: World) -> None:
    with socket.socket() as thief, pytest.raises(UsageError) as caught:
        thief.bind(("127.0.0.1", webui_port(world.box.port)))
        thief.listen()
        open_for(replace(world.box, webui=True))
    assert f"stacks/s/port: {webui_port(world.box.port)} on this laptop is taken" in caught.value.fact
    assert living_pid(tunnel_dir("s")) is None


def test_a_box_that_gets_open_webui_gets_the_second_port_with_the_next_open(world: World) -> None:
    open_for(world.box)
    first = world.gateway_pid()
    open_for(replace(world.box, webui=True))
    assert world.gateway_pid() != first
    with pytest.raises(UsageError):
        check_port("s", webui_port(world.box.port))


def test_closing_frees_the_port_ends_ssh_and_forgets_the_key(world: World) -> None:
    open_for(world.box)
    pids = (world.gateway_pid(), world.ssh_pid())
    assert box_key_file("s").stat().st_mode & 0o777 == 0o600
    assert close_for("s")
    assert within(PATIENCE, lambda: not any(is_running(pid) for pid in pids))
    assert not box_key_file("s").exists()
    with socket.socket() as other:
        other.bind(("127.0.0.1", world.box.port))
    assert not close_for("s")


def is_running(pid: int) -> bool:
    """Whether it runs; one that ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # the latter: it ends while it is read
        return False


def test_a_killed_ssh_comes_back_and_meanwhile_the_port_answers_503_and_cannot_be_taken(world: World) -> None:
    open_for(world.box)
    world.sshd.stop()  # so that it stays down long enough to look
    assert within(PATIENCE, lambda: not tunnel_row("s")["alive"])
    assert world.endpoint.ask("/v1/models")[0] == 503
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", world.box.port))
    world.sshd.start()
    assert within(PATIENCE, lambda: bool(tunnel_row("s")["alive"]))
    os.kill(world.ssh_pid(), signal.SIGKILL)
    assert within(PATIENCE, lambda: not tunnel_row("s")["alive"])
    assert within(PATIENCE, lambda: bool(tunnel_row("s")["alive"]))
    assert world.endpoint.complete(SERVED) < 5


def test_a_killed_gateway_takes_its_ssh_with_it_and_opening_again_works(world: World) -> None:
    open_for(world.box)
    ssh = world.ssh_pid()
    os.kill(world.gateway_pid(), signal.SIGKILL)
    assert within(PATIENCE, lambda: not is_running(ssh))
    assert within(PATIENCE, lambda: tunnel_row("s")["pid"] is None)
    assert open_for(world.box).startswith("tunnel: open")


def test_a_changed_host_key_ends_the_tunnel_with_a_word_and_keeps_the_port(world: World) -> None:
    open_for(world.box)
    world.sshd.stop()
    world.sshd.new_host_key()
    world.sshd.start()
    assert within(PATIENCE, lambda: tunnel_row("s")["word"] == WRONG_KEY_WORD)
    code, answer = world.endpoint.ask("/v1/models")
    assert (code, WRONG_KEY_WORD in answer["error"]["message"]) == (503, True)
    with pytest.raises(BoxError, match="its host key is not the pinned one"):
        open_for(world.box)


PROMPT = "the planted prompt"


def prompt_status(world: World) -> int:
    """HTTP status of one more prompt."""
    body = {"model": SERVED, "messages": [{"role": "user", "content": PROMPT}]}
    return world.endpoint.ask("/v1/chat/completions", body)[0]


def test_a_prompt_sent_while_the_tunnel_is_down_reaches_nobody_also_not_later(world: World) -> None:
    """Invariant 9."""
    open_for(world.box)
    world.sshd.stop()
    assert within(PATIENCE, lambda: not tunnel_row("s")["alive"])
    assert prompt_status(world) == 503
    world.sshd.start()
    assert within(PATIENCE, lambda: bool(tunnel_row("s")["alive"]))
    assert PROMPT not in json.dumps(world.vllm.asked)
    assert (prompt_status(world), PROMPT in json.dumps(world.vllm.asked)) == (200, True)


def test_a_prompt_never_reaches_who_answers_with_another_host_key(world: World) -> None:
    """Invariant 9; behind that other key there is a vLLM, too."""
    open_for(world.box)
    world.sshd.stop()
    world.sshd.new_host_key()
    world.sshd.start()
    statuses = [prompt_status(world)]
    assert within(PATIENCE, lambda: tunnel_row("s")["word"] == WRONG_KEY_WORD)
    assert {*statuses, prompt_status(world)} == {503}
    assert PROMPT not in json.dumps(world.vllm.asked)


def test_a_new_lease_replaces_the_gateway_of_the_old_one(world: World) -> None:
    open_for(world.box)
    old = world.gateway_pid()
    new = replace(world.box, lease="lease-2")
    keep(new, [])
    open_for(new)
    assert world.gateway_pid() != old
    assert tunnel_row("s")["lease"] == "lease-2"


def test_a_gateway_that_cannot_prove_whose_it_is_is_replaced(world: World) -> None:
    """As one of an older checkout: after a git pull `fab tunnel` opens it anew."""
    open_for(world.box)
    old = world.gateway_pid()
    (tunnel_dir("s") / "witness").write_text("another secret than it knows\n")
    assert not tunnel_row("s")["alive"]
    assert open_for(world.box).startswith("tunnel: open")
    assert world.gateway_pid() != old
    assert tunnel_row("s")["alive"]


def test_a_taken_port_is_an_error_before_anything_is_started(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "make_ready", lambda box: pytest.fail("it was started"))
    with socket.socket() as other:
        other.bind(("127.0.0.1", world.box.port))
        other.listen()
        with pytest.raises(UsageError, match=f"stacks/s/port: {world.box.port} on this laptop is taken"):
            open_for(world.box)
    assert living_pid(tunnel_dir("s")) is None


@pytest.mark.parametrize("report", [None, replace(READY, ready=False)], ids=["no bundle", "not ready"])
def test_a_box_that_is_not_ready_is_made_ready_first(
    world: World, monkeypatch: pytest.MonkeyPatch, report: Report | None
) -> None:
    made: list[Box] = []
    monkeypatch.setattr(tunnel, "read_report", lambda target: report)
    monkeypatch.setattr(bootstrap, "make_ready", made.append)
    open_for(world.box)
    assert made == [world.box]


def test_ssh_connects_while_the_box_becomes_ready(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    came_up: list[bool] = []

    def slowly(box: Box) -> None:
        came_up.append(within(PATIENCE, lambda: bool(tunnel_row("s")["alive"])))

    monkeypatch.setattr(tunnel, "read_report", lambda target: None)
    monkeypatch.setattr(bootstrap, "make_ready", slowly)
    open_for(world.box)
    assert came_up == [True]


def test_a_box_that_does_not_become_ready_leaves_nothing_open(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(box: Box) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(tunnel, "read_report", lambda target: None)
    monkeypatch.setattr(bootstrap, "make_ready", interrupted)
    with pytest.raises(KeyboardInterrupt):
        open_for(world.box)
    assert living_pid(tunnel_dir("s")) is None


def test_ctrl_c_while_the_gateway_starts_ends_it_although_nobody_can_find_it_yet(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_folder: Path) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(gateway_process, "living_pid", interrupted)
    with pytest.raises(KeyboardInterrupt):
        open_for(world.box)
    lines = [command_line(pid) for pid in descendants(os.getpid())]
    assert not [line for line in lines if b"playbooks.gateway" in line]


def silent(target: Target) -> Report:
    raise BoxError("box/x: not reached", hint=REACH_HINT)


def test_a_box_that_is_still_booting_is_followed_until_ready(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Box] = []
    monkeypatch.setattr(tunnel, "read_report", silent)
    monkeypatch.setattr(bootstrap, "make_ready", made.append)
    open_for(world.box)
    assert made == [world.box]


def test_the_way_of_a_box_that_became_ready_by_itself_is_shown_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Box] = []
    record_file(world.box).unlink()
    monkeypatch.setattr(bootstrap, "make_ready", made.append)
    open_for(world.box)
    assert made == [world.box]


def test_a_box_that_serves_another_model_is_an_error_and_leaves_nothing_open(world: World) -> None:
    with pytest.raises(ModelError, match="serves coder, coder-commit, not another"):
        open_for(replace(world.box, served_name="another"))
    assert living_pid(tunnel_dir("s")) is None


def test_no_secret_is_in_the_arguments_environment_log_or_orders(world: World) -> None:
    open_for(world.box)
    world.endpoint.complete(SERVED)
    seen = [
        Path(f"/proc/{pid}/{name}").read_bytes()
        for pid in (world.gateway_pid(), world.ssh_pid())
        for name in ("cmdline", "environ")
    ]
    files = [file for file in tunnel_dir("s").iterdir() if file.is_file() and file.name != "keys.json"]
    text = b"".join([*seen, *(file.read_bytes() for file in files)]).decode()
    keys = json.loads((tunnel_dir("s") / "keys.json").read_text())
    assert [secret for secret in (BOX_KEY, "the-planted-token", *keys.values()) if secret in text] == []


def test_the_status_tells_programs_and_people(world: World) -> None:
    open_for(world.box)
    row = tunnel_row("s")
    expected = {"stack": "s", "port": world.box.port, "alive": True, "lease": "lease-1", "instance_id": 12345678}
    assert row | expected == row
    assert status_line(row | {"since": "T"}) == f"s: up since T, 127.0.0.1:{world.box.port} -> box 12345678"
    assert open_tunnels() == ["s"]


def test_what_was_never_open_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    assert tunnel_row("s") == {
        "stack": "s",
        "port": None,
        "alive": False,
        "pid": None,
        "since": None,
        "word": "",
        "lease": None,
        "instance_id": None,
    }
    assert open_tunnels() == []


@pytest.mark.parametrize(
    ("named", "living", "meant"), [("a", ["b"], "a"), (None, ["b"], "b"), (None, [], None), ("a", ["b", "c"], "a")]
)
def test_the_tunnel_to_close_is_the_one_named_or_the_only_one(
    named: str | None, living: list[str], meant: str | None
) -> None:
    assert tunnel_meant(named, living) == meant


def test_which_of_two_tunnels_to_close_must_be_said() -> None:
    with pytest.raises(UsageError) as caught:
        tunnel_meant(None, ["a", "b"])
    assert caught.value.line() == "tunnel: more than one is open; say --stack; choose from: a, b"


def test_the_gateway_inherits_no_token_no_proxy_and_no_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("DAYBOX_CACHE", str(tmp_path / "cache"))
    for name in ("LINODE_TOKEN", "HTTP_PROXY", "SSH_AUTH_SOCK", "HF_TOKEN", "PULUMI_CONFIG_PASSPHRASE"):
        monkeypatch.setenv(name, "planted")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    assert "planted" not in gateway_environment().values()
    assert gateway_environment() == environment() | {
        "DAYBOX_STATE": str(tmp_path / "state"),
        "DAYBOX_CACHE": str(tmp_path / "cache"),
        "XDG_RUNTIME_DIR": "/run/user/1000",  # where a desktop takes notices
    }
    assert start_words("s")[1:] == ["-m", "playbooks.gateway", "--stack", "s"]


def test_a_gateway_that_ended_before_it_was_told_the_token_says_why(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe that nobody reads is not `fab models | head`, which ends without a word."""
    broken = [sys.executable, "-c", f"print('it broke'); open('{tmp_path}/ended', 'w')"]
    monkeypatch.setattr(gateway_process, "start_words", lambda _stack: broken)

    def slow_token(_box: Box) -> str:
        assert within(PATIENCE, (tmp_path / "ended").exists)
        time.sleep(0.3)
        return ""

    monkeypatch.setattr(gateway_process, "cloud_token", slow_token)
    with pytest.raises(BoxError, match="the gateway ended: it broke"):
        open_for(world.box)


def test_orders_are_read_back_as_they_were_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    orders = Orders("s", "lease-1", 1, 18_001, 8000, "daybox-1", "/f", "ssh-ed25519 A", "https://api.linode.com")
    assert read_orders("s") is None
    orders.write()
    assert read_orders("s") == orders
    (tunnel_dir("s") / "gateway.json").write_text('{"of": "another version"}')
    assert read_orders("s") is None


def test_a_new_pin_makes_new_orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    target = Target("s", "127.0.0.1", "daybox-1", tmp_path / "key", ("ssh-ed25519 A",))
    sshd = OwnSshd(tmp_path, 22)
    (tmp_path / "host.pub").write_text("ssh-ed25519 A comment")
    box = a_box(18_001, sshd)
    assert orders_for(box, target) != orders_for(replace(box, host_key="ssh-ed25519 B"), target)


def unix_status(folder: Path) -> int:
    """What the gateway answers at its Unix socket to who shows no key."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(str(folder / GATEWAY_SOCKET))
        connection.sendall(b"GET /v1/models HTTP/1.1\r\nHost: nobody\r\nConnection: close\r\n\r\n")
        return int(connection.recv(100).split()[1])


def test_who_has_no_network_finds_the_gateway_at_a_socket_and_it_goes_with_it(world: World) -> None:
    folder = tunnel_dir("s")
    (folder / GATEWAY_SOCKET).write_text("what a killed one left")
    open_for(world.box)
    assert ((folder / GATEWAY_SOCKET).stat().st_mode & 0o777, unix_status(folder)) == (0o600, 403)
    close_for("s")
    assert not (folder / GATEWAY_SOCKET).exists()


def test_closing_a_tunnel_whose_gateway_was_killed_leaves_no_socket(world: World) -> None:
    open_for(world.box)
    os.kill(world.gateway_pid(), signal.SIGKILL)
    assert within(PATIENCE, lambda: living_pid(tunnel_dir("s")) is None)
    close_for("s")
    assert not (tunnel_dir("s") / GATEWAY_SOCKET).exists()


def test_two_models_are_behind_one_port(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    thinker, thread, port = FakeBox(served=("thinker",)), LoopThread(), free_port()
    monkeypatch.setattr(gateway_process, "ARCHITECT_BOX_PORT", port)
    stop = thread.call(serve(thinker.app(), lambda runner: web.TCPSite(runner, "127.0.0.1", port)))
    try:
        open_for(replace(world.box, architect_name="thinker"))
        assert [one.name for one in world.endpoint.served()] == [SERVED, f"{SERVED}-commit", "thinker"]
        world.endpoint.complete("thinker")
        assert [one["body"]["model"] for one in thinker.asked if one["body"]] == ["thinker"]
    finally:
        thread.call(stop())
        thread.stop()


def test_orders_of_an_older_checkout_are_read_on(world: World) -> None:
    """A tunnel that is open while the checkout is renewed stays reachable."""
    open_for(world.box)
    file = tunnel_dir("s") / "gateway.json"
    new = json.loads(file.read_text())
    file.write_text(json.dumps({name: new[name] for name in new if not name.startswith("architect")}))
    orders = read_orders("s")
    assert orders and (orders.architect_box_port, orders.architect_name) == (0, "")
    assert open_for(world.box).startswith("tunnel: already open")
