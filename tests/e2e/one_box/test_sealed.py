"""The box is sealed: it opens no connection but to its provider's API; its metadata service answers nobody."""

import json
from pathlib import Path

import pytest

from scripts.cloud.link import METADATA, METADATA_6
from scripts.trial import ASK
from stacks.arming import AS_ITS_UNIT
from tests.laptop import Laptop, wait_for
from tests.packets import Packet, packets

LOOK_SECONDS = 20
METADATA_ADDRESSES = (METADATA, METADATA_6)
# Asks as cloud-init does, and prints whether user-data came.
ASK_METADATA = """
import http.client, sys
def ask(method, path, **headers):
    connection = http.client.HTTPConnection(sys.argv[1], 80, timeout=2)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    return connection.getresponse().read()
try:
    token = ask("PUT", "/v1/token", Metadata_Token_Expiry_Seconds="60").decode()
    print(len(ask("GET", "/v1/user-data", Metadata_Token=token)) > 1000)
except OSError:
    print("refused")
"""
IMAGE = "$(docker inspect --format '{{.Config.Image}}' vllm)"
ANOTHER = "docker run --rm --interactive --entrypoint python3 --network"
IN_CONTAINERS = {
    "vLLM's": "docker exec --interactive vllm python3",
    "of the same network": f"{ANOTHER} daybox {IMAGE}",
    "of Docker's own network": f"{ANOTHER} bridge {IMAGE}",
    "in the box's own network": f"{ANOTHER} host {IMAGE}",
}
# Opens a connection and says whether that was let out; what is let out to this port is refused by the other end.
KNOCK = """
import errno, socket
try:
    socket.create_connection(({address!r}, {port}), timeout=5).close()
    print("open")
except OSError as error:
    kept_in = error.errno in (errno.EHOSTUNREACH, errno.EACCES)
    print("kept in" if kept_in else "let out")
"""

# Sends a datagram to the port of names and to that of the time.
SEND = """
import socket
for port in (53, 123):
    try:
        with socket.socket(type=socket.SOCK_DGRAM) as sending:
            sending.connect(({address!r}, port))
            sending.send(b"x")
        print("let out")
    except OSError:
        print("kept in")
"""


@pytest.fixture
def interface(laptop: Laptop) -> str:
    """This machine's end of the box's link."""
    return f"ve-dbx{laptop.outputs()['instanceId']}".removesuffix(".0")


@pytest.mark.parametrize("address", METADATA_ADDRESSES)
def test_the_metadata_service_would_answer_the_box(laptop: Laptop, repository: Path, address: str) -> None:
    """The control: it is there, and only the seal keeps it from answering."""
    family = "ip6" if ":" in address else "ip"
    laptop.on_box(f"nft insert rule inet daybox leave {family} daddr {address} accept")
    try:
        assert laptop.on_box(f"python3 - {address}", stdin=ASK_METADATA) == "True\n"
    finally:
        laptop.on_box("systemctl reload daybox-seal")
    assert laptop.on_box(f"python3 - {address}", stdin=ASK_METADATA) == "refused\n"


@pytest.mark.parametrize("address", METADATA_ADDRESSES)
@pytest.mark.parametrize("container", IN_CONTAINERS.values(), ids=IN_CONTAINERS)
def test_the_metadata_service_answers_no_container(
    laptop: Laptop, repository: Path, container: str, address: str
) -> None:
    assert laptop.on_box(f"{container} - {address}", stdin=ASK_METADATA) == "refused\n"


@pytest.mark.parametrize("container", list(IN_CONTAINERS)[:3])
def test_no_container_opens_a_connection_to_the_box_itself(laptop: Laptop, repository: Path, container: str) -> None:
    address = laptop.outputs()["address"]
    knock = KNOCK.format(address=address, port=22)
    assert laptop.on_box(f"{IN_CONTAINERS[container]} -", stdin=knock) != "open\n"


def test_only_the_systems_daemons_may_ask_for_names_and_time(laptop: Laptop, repository: Path) -> None:
    """A datagram of anybody else would carry whatever it likes."""
    gateway = laptop.on_box("ip route get 198.51.100.1").split(" via ")[1].split()[0]
    program = SEND.format(address=gateway)
    assert laptop.on_box("python3 -", stdin=program) == "kept in\nkept in\n"


def api_of(laptop: Laptop) -> tuple[str, int]:
    """Where the box's watchdog asks."""
    limits = json.loads(laptop.on_box("cat /etc/daybox/watchdog.json"))
    host, _, port = limits["api_url"].partition("//")[2].partition(":")
    return host, int(port)


def test_only_what_has_the_seals_group_is_let_out(laptop: Laptop, repository: Path) -> None:
    api, port = api_of(laptop)
    knock = KNOCK.format(address=api, port=port)
    assert laptop.on_box("python3 -", stdin=knock) == "kept in\n"
    assert laptop.on_box(f"{AS_ITS_UNIT} python3 -", stdin=knock) == "open\n"


def test_a_shell_on_the_box_reaches_nobody_and_its_package_manager_neither(laptop: Laptop, repository: Path) -> None:
    gateway = laptop.on_box("ip route get 198.51.100.1").split(" via ")[1].split()[0]
    knock = KNOCK.format(address=gateway, port=9)
    assert laptop.on_box("python3 -", stdin=knock) == "kept in\n"
    assert laptop.on_box("setpriv --reuid=_apt --regid=nogroup --clear-groups python3 -", stdin=knock) == "kept in\n"


def test_a_stage_that_installs_packages_is_let_out_while_it_runs(laptop: Laptop, repository: Path) -> None:
    """As the stage's own unit is: same group, no more rights."""
    gateway = laptop.on_box("ip route get 198.51.100.1").split(" via ")[1].split()[0]
    unit = "systemd-run --quiet --pipe --wait --property=Group=operator python3 -"
    assert laptop.on_box(unit, stdin=KNOCK.format(address=gateway, port=9)) != "kept in\n"


def strangers(seen: set[Packet], box: str, api: tuple[str, int]) -> set[Packet]:
    """What the box sent that was neither an answer of its sshd, nor meant for its provider's API."""
    return {
        packet
        for packet in seen
        if not (packet.source == box and packet.source_port == 22)
        and (packet.target, packet.target_port, packet.protocol) != (*api, "tcp")
        and packet.protocol != "58"  # ICMPv6: who is next to it on the link
    }


def test_while_aider_works_the_box_sends_to_ssh_and_its_api_alone(
    laptop: Laptop, repository: Path, interface: str
) -> None:
    """Every packet on its link, through a whole edit and a look of the watchdog."""
    box, api = laptop.outputs()["address"], api_of(laptop)
    with packets(interface) as seen:
        laptop.run(f"fab launch-aider -- --message '{ASK}' --yes-always calc.py", repository).ok()
        wait_for(lambda: any((packet.target, packet.target_port) == api for packet in seen), 2 * LOOK_SECONDS)
    assert any(packet.source_port == 22 for packet in seen)
    assert strangers(seen, box, api) == set()


def test_the_recorder_sees_what_is_sent_elsewhere(laptop: Laptop, repository: Path, interface: str) -> None:
    """Else the test above could not fail."""
    box, api = laptop.outputs()["address"], api_of(laptop)
    gateway = laptop.on_box("ip route get 198.51.100.1").split(" via ")[1].split()[0]
    with packets(interface) as seen:
        laptop.on_box(f"{AS_ITS_UNIT} python3 -", stdin=KNOCK.format(address=gateway, port=9))
    assert {(packet.target, packet.target_port) for packet in strangers(seen, box, api)} == {(gateway, 9)}
