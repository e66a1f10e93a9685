from typing import Any

import pytest

from tests.cloud import FIREWALL, Cloud

PATH = "/linode/instances"


@pytest.fixture(scope="module")
def row(cloud: Cloud) -> dict[str, Any]:
    firewall = cloud.json("POST", "/networking/firewalls", FIREWALL | {"label": "parts"})
    return cloud.create("with-parts", firewall_id=firewall["id"])


def test_its_address_is_the_public_one(cloud: Cloud, row: dict[str, Any]) -> None:
    ips = cloud.json("GET", f"{PATH}/{row['id']}/ips")
    assert [ip["address"] for ip in ips["ipv4"]["public"]] == row["ipv4"]
    assert ips["ipv4"]["private"] == []


def test_its_disks_fill_the_plan(cloud: Cloud, row: dict[str, Any]) -> None:
    disks = cloud.json("GET", f"{PATH}/{row['id']}/disks?page=1")["data"]
    assert [(disk["filesystem"], disk["status"]) for disk in disks] == [("ext4", "ready"), ("swap", "ready")]
    assert sum(disk["size"] for disk in disks) == row["specs"]["disk"]


def test_it_boots_the_kernel_of_its_distribution(cloud: Cloud, row: dict[str, Any]) -> None:
    (config,) = cloud.json("GET", f"{PATH}/{row['id']}/configs?page=1")["data"]
    disks = cloud.json("GET", f"{PATH}/{row['id']}/disks")["data"]
    assert (config["kernel"], config["devices"]["sda"]["disk_id"]) == ("linode/grub2", disks[0]["id"])


@pytest.mark.parametrize("part", ["disks", "configs"])
def test_a_part_can_be_asked_for_alone(cloud: Cloud, row: dict[str, Any], part: str) -> None:
    first = cloud.json("GET", f"{PATH}/{row['id']}/{part}")["data"][0]
    assert cloud.json("GET", f"{PATH}/{row['id']}/{part}/{first['id']}") == first
    assert cloud.call("GET", f"{PATH}/{row['id']}/{part}/7").status_code == 404


def test_it_knows_its_firewall_and_volumes(cloud: Cloud, row: dict[str, Any]) -> None:
    assert [one["label"] for one in cloud.json("GET", f"{PATH}/{row['id']}/firewalls")["data"]] == ["parts"]
    assert cloud.json("GET", f"{PATH}/{row['id']}/volumes")["data"] == []


@pytest.mark.parametrize("part", ["ips", "disks", "configs", "firewalls", "volumes"])
def test_the_parts_of_nothing_are_404(cloud: Cloud, part: str) -> None:
    assert cloud.call("GET", f"{PATH}/7/{part}").status_code == 404
