import json
import time
from typing import Any

import pytest

from tests.cloud import Cloud


def make(cloud: Cloud, label: str, **more: object) -> dict[str, Any]:
    row: dict[str, Any] = cloud.json("POST", "/volumes", {"label": label, "region": "local", "size": 20} | more)
    return row


def test_a_volume_is_created_and_then_active(cloud: Cloud) -> None:
    row = make(cloud, "new-one")
    assert row["status"] == "creating"
    time.sleep(0.35)
    assert cloud.json("GET", f"/volumes/{row['id']}")["status"] == "active"


def test_it_is_attached_and_detached(cloud: Cloud) -> None:
    row, instance = make(cloud, "to-attach"), cloud.create("has-volume")
    attached = cloud.json("POST", f"/volumes/{row['id']}/attach", {"linode_id": instance["id"]})
    assert (attached["linode_id"], attached["linode_label"]) == (instance["id"], "has-volume")
    assert cloud.json("POST", f"/volumes/{row['id']}/detach") == {}
    assert cloud.json("GET", f"/volumes/{row['id']}")["linode_id"] is None


def on_box(cloud: Cloud, instance: dict[str, Any]) -> dict[str, int]:
    """The volumes that the box itself has, label -> id."""
    paper = json.loads((cloud.folder / f"boxes/{instance['id']}/paper.json").read_text())
    found: dict[str, int] = paper["volumes"]
    return found


def test_the_box_itself_sees_what_is_attached_to_it(cloud: Cloud) -> None:
    instance = cloud.create("sees-volumes")
    first, second = make(cloud, "seen-1", linode_id=instance["id"]), make(cloud, "seen-2")
    assert on_box(cloud, instance) == {"seen-1": first["id"]}
    cloud.json("POST", f"/volumes/{second['id']}/attach", {"linode_id": instance["id"]})
    cloud.json("POST", f"/volumes/{first['id']}/detach")
    assert on_box(cloud, instance) == {"seen-2": second["id"]}


def test_a_deleted_box_lets_go_of_its_volumes_and_they_live_on(cloud: Cloud) -> None:
    instance = cloud.create("is-deleted")
    row = make(cloud, "lives-on", linode_id=instance["id"])
    cloud.json("DELETE", f"/linode/instances/{instance['id']}")
    assert cloud.json("GET", f"/volumes/{row['id']}")["linode_id"] is None


def test_storage_has_a_price_a_month_and_some_regions_their_own(cloud: Cloud) -> None:
    [row] = cloud.json("GET", "/volumes/types", token="")["data"]
    assert row["price"]["monthly"] == 0.1
    assert {price["id"]: price["monthly"] for price in row["region_prices"]} == {"id-cgk": 0.12, "br-gru": 0.14}


def test_an_attached_volume_cannot_be_deleted(cloud: Cloud) -> None:
    row = make(cloud, "held-fast", linode_id=cloud.create("holds-volume")["id"])
    assert cloud.call("DELETE", f"/volumes/{row['id']}").status_code == 400
    cloud.json("POST", f"/volumes/{row['id']}/detach")
    assert cloud.json("DELETE", f"/volumes/{row['id']}") == {}


def test_it_grows_but_never_shrinks(cloud: Cloud) -> None:
    row = make(cloud, "grows")
    assert cloud.json("POST", f"/volumes/{row['id']}/resize", {"size": 30})["status"] == "resizing"
    assert cloud.call("POST", f"/volumes/{row['id']}/resize", {"size": 20}).status_code == 400


def test_label_and_tags_can_be_changed(cloud: Cloud) -> None:
    row = cloud.json("PUT", f"/volumes/{make(cloud, 'old')['id']}", {"label": "newer", "tags": ["daybox"]})
    assert (row["label"], row["tags"]) == ("newer", ["daybox"])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"size": 9}, "size"),
        ({"size": 16_385}, "size"),
        ({"region": "mars"}, "region"),
        ({"linode_id": 7}, "linode_id"),
    ],
    ids=str,
)
def test_a_bad_request_is_refused_by_field(cloud: Cloud, change: dict[str, object], field: str) -> None:
    reply = cloud.call("POST", "/volumes", {"label": "bad", "region": "local"} | change)
    assert (reply.status_code, [error["field"] for error in reply.json()["errors"]]) == (400, [field])
