"""The model answers, in a container that is closed on both sides."""

import json
from typing import Any

import pytest
from testinfra.host import Host

from stacks.arming import AS_ITS_UNIT
from tests.host.facts import Facts

# The key is read on the box: it appears neither in an argument nor in what comes back.
COMPLETION = """
import json, urllib.request
key = open("/etc/daybox/vllm-key").read().strip()
body = {"model": "MODEL", "max_tokens": 1, "messages": [{"role": "user", "content": "Say yes."}]}
headers = {"Authorization": "Bearer " + key, "Content-Type": "application/json"}
url = "http://127.0.0.1:8000/v1/chat/completions"
reply = urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers), timeout=120)
print(len(json.load(reply)["choices"]))
"""
WITHOUT_KEY = "curl --silent --output /dev/null --write-out '%{http_code}' http://127.0.0.1:8000/v1/models"
# Prints every address that could be reached.
REACH = """
import socket
from concurrent.futures import ThreadPoolExecutor

def reached(address):
    try:
        socket.create_connection(address, timeout=1).close()
        return True
    except OSError:
        return False

addresses = ADDRESSES
with ThreadPoolExecutor(len(addresses)) as pool:
    for address, yes in zip(addresses, pool.map(reached, addresses)):
        if yes:
            print(*address)
"""
METADATA = (("169.254.169.254", 80), ("fd00:a9fe:a9fe::1", 80))
WORLD = (("1.1.1.1", 443), ("2606:4700:4700::1111", 443))


@pytest.fixture
def container(host: Host) -> dict[str, Any]:
    found: dict[str, Any] = host.docker("vllm").inspect()
    return found


@pytest.fixture
def addresses(host: Host) -> list[tuple[str, int]]:
    """Every address of the box itself, with ssh's port, which listens on all of them."""
    rows = json.loads(host.check_output("ip -j address show scope global"))
    return [(one["local"], 22) for row in rows for one in row["addr_info"] if one.get("local")]


def reached(host: Host, addresses: list[tuple[str, int]], where: str) -> list[str]:
    """Those of `addresses` that can be reached from the box. where: what goes before the program, as `docker exec`."""
    program = REACH.replace("ADDRESSES", repr(addresses))
    return list(host.check_output(f"{where} python3 -c %s", program).splitlines())


def api_of(facts: Facts) -> tuple[str, int]:
    """The cloud's API, as the box asks it."""
    name, _, port = facts.box_api_url.split("//")[1].partition(":")
    return name, int(port or 443)


def test_one_completion_comes_back(host: Host, facts: Facts) -> None:
    assert host.check_output("python3 -c %s", COMPLETION.replace("MODEL", facts.served_name)) == "1"


def test_without_the_key_nothing_is_answered(host: Host) -> None:
    assert host.check_output(WITHOUT_KEY) == "401"


def test_nobody_but_the_box_itself_reaches_vllm(host: Host) -> None:
    """Listening on loopback, and there only."""
    listening = host.check_output("ss --no-header --tcp --listening --numeric 'sport = :8000'").splitlines()
    assert [line.split()[3] for line in listening] == ["127.0.0.1:8000"]


def test_it_runs_the_declared_image(container: dict[str, Any], facts: Facts) -> None:
    assert container["Config"]["Image"] == facts.image


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("IpcMode", "host"),
        ("NetworkMode", "daybox"),
        ("Privileged", False),
        ("CapAdd", None),
        ("CapDrop", ["ALL"]),
    ],
)
def test_it_runs_with(container: dict[str, Any], flag: str, value: object) -> None:
    assert container["HostConfig"][flag] == value


def test_it_comes_back_after_a_crash_and_a_reboot(container: dict[str, Any]) -> None:
    assert container["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"


def test_only_its_own_port_is_published_and_only_on_loopback(container: dict[str, Any]) -> None:
    assert container["HostConfig"]["PortBindings"] == {"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8000"}]}


def test_no_secret_is_seen_in_docker_inspect(host: Host, secret_file: str) -> None:
    assert host.run(f"docker inspect vllm | grep --quiet --fixed-strings --file {secret_file}").rc == 1


def test_it_sees_neither_the_token_nor_dockers_socket(container: dict[str, Any]) -> None:
    sources = [mount["Source"] for mount in container["Mounts"]]
    forbidden = ("/etc/daybox/token", "/etc/daybox", "/etc", "/", "/var/run/docker.sock", "/run/docker.sock")
    assert [source for source in sources if source in forbidden] == []


def test_from_inside_no_connection_can_be_opened(host: Host, facts: Facts, addresses: list[tuple[str, int]]) -> None:
    """Neither to the box nor to the cloud's API, its metadata, or the world; the box itself reaches its own address."""
    assert reached(host, [*addresses, api_of(facts), *METADATA, *WORLD], "docker exec vllm") == []
    assert reached(host, addresses, "") != []


def test_the_box_itself_opens_none_but_what_must_ask_the_clouds_api(host: Host, facts: Facts) -> None:
    api = api_of(facts)
    assert reached(host, [api, *METADATA, *WORLD], "") == []
    assert reached(host, [api], AS_ITS_UNIT) == [f"{api[0]} {api[1]}"]
