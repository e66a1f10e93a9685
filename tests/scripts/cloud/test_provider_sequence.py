"""The real provider's calls, in its order (recorded with provider 6.0.0), each answered as it needs."""

import json
import time
from collections.abc import Callable

from tests.cloud import FIREWALL, INSTANCE, Cloud

WAIT_SECONDS = 5


def until(question: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_it_configures_itself_by_page_100_of_the_types(cloud: Cloud) -> None:
    assert cloud.call("GET", "/linode/types?page=100").status_code == 200


def test_a_firewall_and_an_instance_come_up(cloud: Cloud) -> None:
    firewall = cloud.json("POST", "/networking/firewalls", FIREWALL | {"label": "sequence", "tags": [], "devices": {}})
    cloud.json("GET", f"/networking/firewalls/{firewall['id']}/rules")
    cloud.json("GET", f"/networking/firewalls/{firewall['id']}/devices?page=1")
    # as linodego writes it: empty values are left out, but for these
    row = cloud.json(
        "POST",
        "/linode/instances",
        INSTANCE
        | {"label": "sequence", "firewall_id": firewall["id"], "booted": True, "backups_enabled": False}
        | {"metadata": {"user_data": "I2Nsb3VkLWNvbmZpZwo="}, "root_pass": "R4nd0m-words-of-the-provider!"},
    )
    path = f"/linode/instances/{row['id']}"
    until(lambda: cloud.json("GET", path)["status"] == "running")
    ips = cloud.json("GET", f"{path}/ips")
    assert ips["ipv4"]["public"][0]["address"] == row["ipv4"][0]
    assert cloud.json("GET", f"{path}/disks?page=1")["results"] == 2
    assert cloud.json("GET", f"{path}/configs?page=1")["results"] == 1


def test_a_delete_is_waited_for_by_a_new_event(cloud: Cloud) -> None:
    row = cloud.create("sequence-end")
    wanted = {"+order_by": "created", "+order": "desc", "action": "linode_delete"}
    header = json.dumps(wanted | {"entity.id": row["id"], "entity.type": "linode"})
    known = {event["id"] for event in cloud.json("GET", "/account/events?page=1", X_Filter=header)["data"]}
    cloud.json("DELETE", f"/linode/instances/{row['id']}")
    (new,) = (
        event["id"]
        for event in cloud.json("GET", "/account/events?page=1", X_Filter=header)["data"]
        if event["id"] not in known
    )
    until(lambda: cloud.json("GET", f"/account/events/{new}")["status"] == "finished")


def test_the_older_way_of_waiting_works_too(cloud: Cloud) -> None:
    """linodego's WaitForEventFinished: no event from before this moment, and later none before the last one seen."""
    row = cloud.create("sequence-old")
    begun = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    cloud.json("DELETE", f"/linode/instances/{row['id']}")
    wanted = {"action": "linode_delete", "created": {"+gte": begun}, "entity.id": row["id"], "entity.type": "linode"}
    (event,) = cloud.json("GET", "/account/events?page=1", X_Filter=json.dumps(wanted))["data"]
    later = wanted | {"id": {"+gte": event["id"]}, "+order_by": "created", "+order": "desc"}
    assert cloud.json("GET", "/account/events?page=1", X_Filter=json.dumps(later))["results"] == 1


def test_a_firewalls_delete_of_what_is_gone_is_an_error(cloud: Cloud) -> None:
    firewall = cloud.json("POST", "/networking/firewalls", FIREWALL | {"label": "sequence-gone"})
    statuses = [cloud.call("DELETE", f"/networking/firewalls/{firewall['id']}").status_code for _ in range(2)]
    assert statuses == [200, 404]


def test_a_token_lives_as_the_provider_writes_it(cloud: Cloud) -> None:
    body = {"label": "daybox-local", "scopes": "linodes:read_write", "expiry": "2030-01-02T03:04:05Z"}
    row = cloud.json("POST", "/profile/tokens", body)
    assert row["expiry"] == "2030-01-02T03:04:05"
    assert cloud.json("PUT", f"/profile/tokens/{row['id']}", {"label": "daybox-new"})["label"] == "daybox-new"
    assert cloud.json("DELETE", f"/profile/tokens/{row['id']}") == {}
