"""A real box, without the API double: it boots, its firewall holds, it comes back, and it goes without a trace."""

import gzip
import http.server
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scripts.cloud import cgroup
from scripts.cloud.nspawn import NspawnBoxes

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("systemd-nspawn") is None, reason="boxes need root and systemd-nspawn"
)
BOX = 10_000_000 + os.getpid() % 1_000_000  # boxes of two test runs must not meet
SSH_ONLY = [{"action": "ACCEPT", "protocol": "TCP", "ports": "22", "addresses": {"ipv4": ["198.51.100.0/24"]}}]
USER_DATA = """\
#cloud-config
ssh_deletekeys: true
ssh_keys:
  ed25519_private: |
{private}
  ed25519_public: {public}
"""


@dataclass
class Rented:
    """One box, and how to ask it."""

    boxes: NspawnBoxes
    folder: Path
    address: str

    def ssh(self, command: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """One command on the box, over ssh, with its host key pinned."""
        options = ("StrictHostKeyChecking=yes", f"UserKnownHostsFile={self.folder / 'known'}", "ConnectTimeout=2")
        words = [word for option in options for word in ("-o", option)]
        argv = ["ssh", "-F", "none", "-i", str(self.folder / "login"), *words, f"root@{self.address}", command]
        return subprocess.run(argv, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)

    def told(self, command: str) -> str:
        """What the command prints; it must succeed."""
        done = self.ssh(command)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def boot_id(self) -> str:
        """Which boot of the box this is; empty while it cannot be reached."""
        with suppress(subprocess.TimeoutExpired):
            return self.ssh("cat /proc/sys/kernel/random/boot_id").stdout.strip()
        return ""


def until(question: Callable[[], object], seconds: float = 90) -> None:
    """Ask until the answer is yes."""
    deadline = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def key(folder: Path, name: str) -> str:
    """A new key; gives its public half."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", folder / name], check=True)
    return (folder / f"{name}.pub").read_text().strip()


@pytest.fixture(scope="module")
def api() -> Iterator[int]:
    """The port of something that answers on this machine's loopback, as the API double does."""
    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield served.server_port
    served.shutdown()


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory, api: int) -> Iterator[Rented]:
    folder = tmp_path_factory.mktemp("boxes")
    login, host = key(folder, "login"), key(folder, "host")
    private = "\n".join(f"    {line}" for line in (folder / "host").read_text().splitlines())
    user_data = gzip.compress(USER_DATA.format(private=private, public=host).encode())
    boxes = NspawnBoxes(folder / "cloud", lassie_seconds=1)
    try:
        boxes.set_rules(BOX, SSH_ONLY, "DROP")
        address = boxes.create(
            BOX, label="test-box", user_data=user_data, authorized_keys=[login], lassie=True, api_port=api
        )
        rented = Rented(boxes, folder, address)
        (folder / "known").write_text(f"{address} {host}\n")
        until(rented.boot_id)
        yield rented
    finally:
        boxes.delete(BOX)


def test_root_logs_in_with_the_key_of_the_call_and_the_host_key_of_the_user_data(box: Rented) -> None:
    assert box.told("id -un; hostname") == "root\ntest-box"
    assert box.boxes.state(BOX) == "running"


def test_a_box_comes_up_whole(box: Rented) -> None:
    assert box.told("cloud-init status --wait; systemctl is-system-running --wait").splitlines()[-1] == "running"


def test_docker_keeps_its_layers_on_a_real_file_system(box: Rented) -> None:
    assert json.loads(box.told("docker info --format '{{json .Driver}}'")) == "overlay2"


def test_the_firewall_lets_in_what_its_rules_say_and_nothing_else(box: Rented) -> None:
    box.told("systemd-run --unit=listener python3 -m http.server 8080")
    until(lambda: box.ssh("curl -sf -m 1 127.0.0.1:8080").returncode == 0)
    assert not reaches(box.address, 8080)
    box.boxes.set_rules(BOX, [*SSH_ONLY, SSH_ONLY[0] | {"ports": "80, 8000-9000"}], "DROP")
    assert reaches(box.address, 8080)
    box.boxes.set_rules(BOX, SSH_ONLY, "DROP")
    assert not reaches(box.address, 8080)


def test_the_firewall_asks_where_a_connection_comes_from(box: Rented) -> None:
    elsewhere: list[dict[str, Any]] = [SSH_ONLY[0] | {"addresses": {"ipv4": ["203.0.113.9/32"]}}]
    box.boxes.set_rules(BOX, elsewhere, "DROP")
    assert not reaches(box.address, 22)
    box.boxes.set_rules(BOX, SSH_ONLY, "DROP")
    assert reaches(box.address, 22)


def test_the_box_reaches_the_api_and_nothing_else(box: Rented, api: int) -> None:
    assert box.ssh(f"curl -sf -m 2 -o /dev/null http://198.51.100.1:{api}/").returncode == 0
    here = f"198.51.100.{int(box.address.rpartition('.')[2]) - 1}"  # this machine's end of the link
    with socket.create_server((here, 0)) as listener:
        port = listener.getsockname()[1]
        assert reaches(here, port)  # from here it is open
        for nowhere in (f"{here}:{port}", "192.0.2.1:80", "203.0.113.1:80"):
            assert box.ssh(f"curl -s -m 1 -o /dev/null http://{nowhere}/").returncode in (7, 28), nowhere


def test_the_disk_outlives_a_reboot_and_the_boot_id_does_not(box: Rented) -> None:
    before = box.boot_id()
    box.told("echo here > /root/note")
    box.boxes.reboot(BOX)
    until(lambda: box.boot_id() not in ("", before))
    assert box.told("cat /root/note") == "here"


def test_a_box_that_powers_itself_off_is_brought_back_by_lassie(box: Rented) -> None:
    before = box.boot_id()
    box.ssh("systemctl poweroff")
    until(lambda: box.boxes.state(BOX) == "offline")
    until(lambda: box.boot_id() not in ("", before))


def test_a_box_that_was_shut_down_stays_off_until_it_is_booted(box: Rented) -> None:
    box.boxes.shutdown(BOX)
    until(lambda: box.boxes.state(BOX) == "offline")
    time.sleep(2 * box.boxes.lassie_seconds)
    assert box.boxes.state(BOX) == "offline"
    box.boxes.boot(BOX)
    until(box.boot_id)


def test_another_process_finds_the_same_box(box: Rented) -> None:
    again = NspawnBoxes(box.folder / "cloud")
    assert (again.address(BOX), again.state(BOX)) == (box.address, "running")


def test_a_deleted_box_leaves_nothing(box: Rented) -> None:
    box.boxes.delete(BOX)
    assert box.boxes.state(BOX) == "gone"
    assert not (box.folder / "cloud" / str(BOX)).exists()
    assert not cgroup.folder(BOX).exists()
    assert f"ve-dbx{BOX}" not in output("ip", "link")
    assert f"daybox_{BOX}" not in output("nft", "list", "tables")
    assert str(box.folder) not in Path("/proc/mounts").read_text()


def reaches(address: str, port: int) -> bool:
    """Whether a connection from this machine is taken."""
    try:
        socket.create_connection((address, port), timeout=1).close()
    except OSError:
        return False
    return True


def output(*words: str) -> str:
    """What a command prints."""
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout
