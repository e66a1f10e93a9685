import json
from typing import Any

import pytest

from tests.cloud import FIREWALL, Cloud

PATH = "/networking/firewalls"
CLOSED = {"inbound": [], "inbound_policy": "DROP", "outbound": [], "outbound_policy": "ACCEPT"}


def make(cloud: Cloud, label: str, **more: object) -> dict[str, Any]:
    row: dict[str, Any] = cloud.json("POST", PATH, FIREWALL | {"label": label} | more)
    return row


def held(cloud: Cloud, instance: dict[str, Any]) -> tuple[list[str], str]:
    """What the box's link lets in: ports, and the policy for the rest."""
    paper = json.loads((cloud.folder / f"boxes/{instance['id']}/paper.json").read_text())
    return [rule["ports"] for rule in paper["inbound"]], paper["inbound_policy"]


def test_a_firewall_gives_back_the_rules_it_was_given(cloud: Cloud) -> None:
    row = make(cloud, "gives-back")
    given = {name: row["rules"][name] for name in FIREWALL["rules"]}
    assert given == FIREWALL["rules"]
    assert (row["status"], row["rules"]["version"], len(row["rules"]["fingerprint"])) == ("enabled", 1, 8)


def test_without_a_firewall_everything_is_let_in(cloud: Cloud) -> None:
    assert held(cloud, cloud.create("open")) == ([], "ACCEPT")


def test_a_firewall_named_at_creation_holds_from_the_first_moment(cloud: Cloud) -> None:
    instance = cloud.create("closed", firewall_id=make(cloud, "from-birth")["id"])
    assert held(cloud, instance) == (["22"], "DROP")


def test_a_firewall_made_for_an_instance_holds_at_once(cloud: Cloud) -> None:
    instance = cloud.create("closed-later")
    make(cloud, "for-later", devices={"linodes": [instance["id"]]})
    assert held(cloud, instance) == (["22"], "DROP")


def test_a_change_of_rules_reaches_the_box(cloud: Cloud) -> None:
    firewall = make(cloud, "to-change")
    instance = cloud.create("sees-change", firewall_id=firewall["id"])
    rules = cloud.json("PUT", f"{PATH}/{firewall['id']}/rules", CLOSED)
    assert held(cloud, instance) == ([], "DROP")
    assert rules["version"] == 2
    assert cloud.json("GET", f"{PATH}/{firewall['id']}/rules") == rules


def test_a_disabled_firewall_holds_nothing(cloud: Cloud) -> None:
    firewall = make(cloud, "to-disable")
    instance = cloud.create("laid-open", firewall_id=firewall["id"])
    assert cloud.json("PUT", f"{PATH}/{firewall['id']}", {"status": "disabled"})["status"] == "disabled"
    assert held(cloud, instance) == ([], "ACCEPT")


def test_attaching_and_detaching_reach_the_box(cloud: Cloud) -> None:
    firewall, instance = make(cloud, "to-attach"), cloud.create("attached")
    device = cloud.json("POST", f"{PATH}/{firewall['id']}/devices", {"type": "linode", "id": instance["id"]})
    assert held(cloud, instance) == (["22"], "DROP")
    assert device["entity"]["label"] == "attached"
    assert cloud.json("GET", f"{PATH}/{firewall['id']}/devices/{device['id']}") == device
    assert cloud.json("GET", f"{PATH}/{firewall['id']}/devices?page=1")["results"] == 1
    cloud.json("DELETE", f"{PATH}/{firewall['id']}/devices/{device['id']}")
    assert held(cloud, instance) == ([], "ACCEPT")


def test_a_deleted_firewall_is_404_and_leaves_the_box_open(cloud: Cloud) -> None:
    firewall = make(cloud, "to-delete")
    instance = cloud.create("left-open", firewall_id=firewall["id"])
    assert cloud.json("DELETE", f"{PATH}/{firewall['id']}") == {}
    assert held(cloud, instance) == ([], "ACCEPT")
    assert cloud.call("DELETE", f"{PATH}/{firewall['id']}").status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"label": "twice"}, "label"),
        ({"label": "x" * 33}, "label"),
        ({"rules": None}, "rules"),
        ({"tags": ["x"]}, "tags"),
        ({"devices": {"linodes": [7]}}, "id"),
    ],
    ids=str,
)
def test_a_bad_request_is_refused_by_field(cloud: Cloud, change: dict[str, object], field: str) -> None:
    if cloud.json("GET", PATH, X_Filter='{"label": "twice"}')["results"] == 0:
        make(cloud, "twice")
    reply = cloud.call("POST", PATH, FIREWALL | {"label": "not-twice"} | change)
    assert (reply.status_code, [error["field"] for error in reply.json()["errors"]]) == (400, [field])


def test_an_instance_has_one_firewall(cloud: Cloud) -> None:
    instance = cloud.create("one-only", firewall_id=make(cloud, "the-first")["id"])
    second = make(cloud, "the-second")
    reply = cloud.call("POST", f"{PATH}/{second['id']}/devices", {"type": "linode", "id": instance["id"]})
    assert reply.status_code == 400


def test_a_firewall_can_be_renamed_and_tagged(cloud: Cloud) -> None:
    row = cloud.json("PUT", f"{PATH}/{make(cloud, 'old-name')['id']}", {"label": "new-name", "tags": ["daybox"]})
    assert (row["label"], row["tags"]) == ("new-name", ["daybox"])
