"""The second vLLM, of a box that has one: the same seal and rights as the first one's, on a port of its own."""

from typing import Any

import pytest
from testinfra.host import Host

from tests.host.facts import Facts
from tests.host.test_vllm import COMPLETION, METADATA, WITHOUT_KEY, WORLD, reached


@pytest.fixture
def container(host: Host, facts: Facts) -> dict[str, Any]:
    if not facts.architect_name:
        pytest.skip("one model has both roles")
    found: dict[str, Any] = host.docker("vllm-architect").inspect()
    return found


def test_the_second_model_answers_too_and_only_with_the_key(
    host: Host, facts: Facts, container: dict[str, Any]
) -> None:
    asked = COMPLETION.replace("MODEL", facts.architect_name).replace(":8000/", ":8001/")
    assert host.check_output("python3 -c %s", asked) == "1"
    assert host.check_output(WITHOUT_KEY.replace(":8000/", ":8001/")) == "401"


def test_the_second_container_has_no_more_rights_than_the_first(host: Host, container: dict[str, Any]) -> None:
    mine, first = container["HostConfig"], host.docker("vllm").inspect()["HostConfig"]
    same = ("IpcMode", "NetworkMode", "Privileged", "CapAdd", "CapDrop", "SecurityOpt", "RestartPolicy")
    assert {name: mine[name] for name in same} == {name: first[name] for name in same}
    assert mine["PortBindings"] == {"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8001"}]}


def test_from_inside_the_second_no_connection_can_be_opened(
    host: Host, facts: Facts, container: dict[str, Any], first_address: str
) -> None:
    """Nor to the first one, on the same bridge; but Open WebUI may be there, which asks it at that port."""
    beside = [] if facts.box["webui"] else [(first_address, 8000)]
    assert reached(host, [*beside, *METADATA, *WORLD], "docker exec vllm-architect") == []


@pytest.fixture
def first_address(host: Host) -> str:
    """The first container's, on the bridge."""
    return str(host.docker("vllm").inspect()["NetworkSettings"]["Networks"]["daybox"]["IPAddress"])
