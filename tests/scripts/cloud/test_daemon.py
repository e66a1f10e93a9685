"""scripts/cloud/start, stop, status, as a person types them."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from scripts.cloud import daemon
from stacks.errors import CloudError
from tests.cloud import CHECKOUT, INSTANCE

Run = subprocess.CompletedProcess[str]
BEARER = {"Authorization": "Bearer daybox-local"}


class Commands:
    """The three commands on a state of their own."""

    def __init__(self, state: Path) -> None:
        self.folder = state / "cloud"
        self.environment = os.environ | {"DAYBOX_STATE": str(state)}

    def run(self, name: str, *words: str, **environment: str) -> Run:
        command = [str(CHECKOUT / "scripts/cloud" / name), *words]
        return subprocess.run(command, env=self.environment | environment, capture_output=True, text=True, timeout=60)

    def start(self) -> str:
        run = self.run("start", "--no-boxes")
        assert run.returncode == 0, run.stderr
        return run.stdout.strip()

    def pid(self) -> int:
        return int((self.folder / "pid").read_text())


@pytest.fixture
def commands(tmp_path: Path) -> Iterator[Commands]:
    commands = Commands(tmp_path)
    yield commands
    commands.run("stop", "--boxes")


def test_start_says_where_it_answers_and_writes_it_down(commands: Commands) -> None:
    url = commands.start()
    assert (commands.folder / "url").read_text().strip() == url
    assert httpx.get(f"{url}/v4/regions").status_code == 200


def test_started_twice_it_is_the_same_one(commands: Commands) -> None:
    assert (commands.start(), commands.pid()) == (commands.start(), commands.pid())


def test_killed_and_started_again_it_has_its_old_port_and_a_stale_pid_deceives_nobody(commands: Commands) -> None:
    url, pid = commands.start(), commands.pid()
    os.kill(pid, signal.SIGKILL)
    (commands.folder / "pid").write_text(f"{os.getpid()}\n")  # the number of a living process that is not ours
    assert json.loads(commands.run("status", "--json").stdout)["running"] is False
    assert commands.start() == url
    assert commands.pid() not in (pid, os.getpid())


def test_status_tells_the_boxes(commands: Commands) -> None:
    url = commands.start()
    row = httpx.post(f"{url}/v4/linode/instances", json=INSTANCE | {"label": "here"}, headers=BEARER).json()
    told = json.loads(commands.run("status", "--json").stdout)
    box = {"id": row["id"], "label": "here", "address": row["ipv4"][0], "state": "running"}
    assert (told["running"], told["url"], told["boxes"]) == (True, url, [box])
    assert f"box {row['id']}  running" in commands.run("status").stdout


def test_boxes_live_on_unless_they_are_to_end_too(commands: Commands) -> None:
    url = commands.start()
    row = httpx.post(f"{url}/v4/linode/instances", json=INSTANCE, headers=BEARER).json()
    assert "boxes that live on: 1; end them: scripts/cloud/stop --boxes" in commands.run("stop").stdout
    assert not (commands.folder / "url").exists()
    assert f"box {row['id']} is gone" in commands.run("stop", "--boxes").stdout
    assert commands.run("stop", "--boxes").stdout == "local cloud: not running\n"
    listed = httpx.get(f"{commands.start()}/v4/linode/instances", headers=BEARER).json()
    assert listed["results"] == 0


def test_nothing_running_is_told_with_a_way_out(commands: Commands) -> None:
    assert commands.run("status").stdout == "local cloud: not running; start it: source scripts/env local\n"


def test_a_port_can_be_chosen(commands: Commands) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    run = commands.run("start", "--no-boxes", DAYBOX_CLOUD_PORT=str(port))
    assert run.stdout == f"http://127.0.0.1:{port}\n"


@pytest.mark.parametrize("port", ["x", "70000"])
def test_a_port_that_is_none_is_one_line(commands: Commands, port: str) -> None:
    run = commands.run("start", "--no-boxes", DAYBOX_CLOUD_PORT=port)
    assert (run.returncode, run.stderr) == (
        4,
        f"DAYBOX_CLOUD_PORT: {port!r} is not a port; give a number from 1 to 65535\n",
    )


def test_a_port_that_is_taken_is_one_line_with_a_way_out(commands: Commands) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        run = commands.run("start", "--no-boxes", DAYBOX_CLOUD_PORT=str(port))
    assert (run.returncode, run.stderr.count("\n")) == (4, 1)
    assert run.stderr.startswith(f"local cloud: port {port} of 127.0.0.1 cannot be had: Address already in use; ")


def test_without_systemd_nspawn_it_says_what_is_missing_and_who_does_not_need_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scripts.cloud.daemon.shutil.which", lambda name: None)
    with pytest.raises(CloudError) as raised:
        daemon.start(tmp_path)
    assert raised.value.fact == "local cloud: its boxes need Linux, root and systemd-nspawn (Debian: systemd-container)"
    assert raised.value.hint.startswith("the Linode stacks do not need it")


def test_boxes_of_one_kind_are_not_taken_for_those_of_the_other(commands: Commands) -> None:
    commands.start()
    (commands.folder / "mode").write_text("nspawn\n")
    run = commands.run("start", "--no-boxes")
    (commands.folder / "mode").write_text("paper\n")
    assert run.stderr == "local cloud: its boxes are nspawn, not paper; end it: scripts/cloud/stop --boxes\n"


def test_no_secret_of_the_shell_lives_on_in_the_double(commands: Commands) -> None:
    commands.run("start", "--no-boxes", LINODE_TOKEN="planted", PULUMI_CONFIG_PASSPHRASE="planted")
    assert b"planted" not in Path(f"/proc/{commands.pid()}/environ").read_bytes()


def test_two_starts_at_the_same_moment_make_one_cloud(commands: Commands) -> None:
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda _: commands.start(), range(2)))
    assert runs[0] == runs[1]


def test_a_double_that_ends_at_once_says_its_last_word(commands: Commands) -> None:
    commands.folder.mkdir(parents=True)
    (commands.folder / "state.json").write_text("{ not json")
    run = commands.run("start", "--no-boxes")
    assert run.returncode == 4
    assert run.stderr.startswith("local cloud: it ended at once: json.decoder.JSONDecodeError")
