import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from scripts.cloud.app import build
from scripts.cloud.boxes import PaperBoxes
from scripts.cloud.cloud import Cloud as Inside
from scripts.cloud.store import Store
from stacks.errors import BoxError
from tests.cloud import FIREWALL, INSTANCE, Cloud
from tests.scripts.cloud.conftest import Clock

PATH = "/linode/instances"


def refusals(cloud: Cloud, **change: object) -> tuple[int, list[dict[str, str]]]:
    body = {name: value for name, value in (INSTANCE | change).items() if value != "absent"}
    reply = cloud.call("POST", PATH, body)
    return reply.status_code, reply.json().get("errors", [])


def test_a_new_instance_is_provisioning_and_then_runs(cloud: Cloud) -> None:
    row = cloud.create("runs-soon", tags=["daybox", "daybox-stack-local"])
    assert (row["status"], row["tags"]) == ("provisioning", ["daybox", "daybox-stack-local"])
    assert cloud.json("GET", f"{PATH}/{row['id']}")["status"] == "running"


def test_a_label_is_given_where_none_was(cloud: Cloud) -> None:
    row = cloud.json("POST", PATH, INSTANCE)
    assert row["label"] == f"linode{row['id']}"


def test_instances_are_found_by_tag(cloud: Cloud) -> None:
    row = cloud.create("tagged", tags=["daybox-lease-7"])
    found = cloud.json("GET", PATH, X_Filter=json.dumps({"tags": "daybox-lease-7"}))
    assert [found["results"], found["data"][0]["id"]] == [1, row["id"]]


def test_a_label_can_be_used_once_even_by_two_who_come_at_the_same_moment(own_cloud: Cloud) -> None:
    body = INSTANCE | {"label": "daybox-coder-32b"}
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda _: own_cloud.call("POST", PATH, body), range(4)))
    assert sorted(reply.status_code for reply in replies) == [200, 400, 400, 400]
    reasons = {reply.json()["errors"][0]["reason"] for reply in replies if reply.status_code == 400}
    assert reasons == {"Label must be unique among your linodes"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"type": "g9-none"}, "type"),
        ({"type": "absent"}, "type"),
        ({"region": "mars"}, "region"),
        ({"image": "linode/none"}, "image"),
        ({"firewall_id": 7}, "firewall_id"),
        ({"label": "ab"}, "label"),
        ({"tags": ["x"]}, "tags"),
        ({"authorized_keys": ["hello"]}, "authorized_keys"),
        ({"metadata": {"user_data": "A" * 16_388}}, "metadata.user_data"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_bad_request_is_refused_by_field(cloud: Cloud, change: dict[str, object], field: str) -> None:
    status, errors = refusals(cloud, **change)
    assert (status, [error["field"] for error in errors]) == (400, [field])


def test_all_faults_of_a_request_are_named_at_once(cloud: Cloud) -> None:
    _, errors = refusals(cloud, type="g9-none", region="mars", label="ab")
    assert [error["field"] for error in errors] == ["label", "type", "region"]


def test_a_plan_that_the_region_has_not_is_403_as_a_lack_of_capacity_is(cloud: Cloud) -> None:
    status, errors = refusals(cloud, type="g2-gpu-rtx4000a2-s", region="us-east")
    assert status == 403
    assert errors[0]["reason"] == "The Linode plan you chose is not currently available in the selected region"


def test_a_refused_request_leaves_nothing(own_cloud: Cloud) -> None:
    refusals(own_cloud, region="mars")
    assert own_cloud.json("GET", PATH)["results"] == 0
    assert list(own_cloud.folder.glob("boxes/*")) == []


def test_an_instance_without_image_or_not_booted_is_offline(cloud: Cloud) -> None:
    rows = [cloud.create("no-image", image=None), cloud.create("not-booted", booted=False)]
    statuses = [cloud.json("GET", f"{PATH}/{row['id']}")["status"] for row in rows]
    assert statuses == ["offline", "offline"]


def test_label_tags_and_lassie_can_be_changed_in_place(cloud: Cloud) -> None:
    row = cloud.create("to-change")
    change = {"label": "changed", "tags": ["daybox-until-x"], "watchdog_enabled": False, "alerts": {"cpu": 50}}
    now = cloud.json("PUT", f"{PATH}/{row['id']}", change)
    assert {name: now[name] for name in ("label", "tags", "watchdog_enabled")} == {
        name: change[name] for name in ("label", "tags", "watchdog_enabled")
    }
    assert (now["alerts"]["cpu"], now["alerts"]["io"]) == (50, 10_000)
    assert json.loads((cloud.folder / f"boxes/{row['id']}/paper.json").read_text())["lassie"] is False


def test_its_own_label_is_no_other_ones(cloud: Cloud) -> None:
    row = cloud.create("keeps-label")
    assert cloud.json("PUT", f"{PATH}/{row['id']}", {"label": "keeps-label"})["label"] == "keeps-label"


def deletion(cloud: Cloud, instance_id: int) -> list[dict[str, Any]]:
    wanted = {
        "+order_by": "created",
        "+order": "desc",
        "action": "linode_delete",
        "entity.id": instance_id,
        "entity.type": "linode",
    }
    events: list[dict[str, Any]] = cloud.json("GET", "/account/events?page=1", X_Filter=json.dumps(wanted))["data"]
    return events


def test_a_delete_makes_a_new_event_that_comes_to_its_end(cloud: Cloud) -> None:
    """Without it the real provider would wait for ten minutes."""
    row = cloud.create("to-delete")
    assert deletion(cloud, row["id"]) == []
    assert cloud.json("DELETE", f"{PATH}/{row['id']}") == {}
    (event,) = deletion(cloud, row["id"])
    time.sleep(0.35)
    assert cloud.json("GET", f"/account/events/{event['id']}")["status"] == "finished"


def test_what_was_deleted_is_404_and_not_listed_and_its_box_is_gone(cloud: Cloud) -> None:
    row = cloud.create("to-vanish")
    cloud.json("DELETE", f"{PATH}/{row['id']}")
    for method in ("GET", "PUT", "DELETE"):
        reply = cloud.call(method, f"{PATH}/{row['id']}")
        assert (reply.status_code, reply.json()) == (404, {"errors": [{"reason": "Not found"}]})
    assert row["id"] not in [listed["id"] for listed in cloud.json("GET", PATH)["data"]]
    assert not (cloud.folder / f"boxes/{row['id']}").exists()


def test_a_deleted_instance_leaves_its_firewall_and_volume_free(cloud: Cloud) -> None:
    firewall = cloud.json("POST", "/networking/firewalls", FIREWALL | {"label": "stays"})
    row = cloud.create("leaves", firewall_id=firewall["id"])
    volume = cloud.json("POST", "/volumes", {"label": "stays", "linode_id": row["id"]})
    cloud.json("DELETE", f"{PATH}/{row['id']}")
    assert cloud.json("GET", f"/networking/firewalls/{firewall['id']}")["entities"] == []
    assert cloud.json("GET", f"/volumes/{volume['id']}")["linode_id"] is None


class BrokenBoxes(PaperBoxes):
    """Boxes that can be neither made nor ended, and say why."""

    def create(self, box_id: int, **description: object) -> str:
        raise BoxError("box: no root file system", hint="scripts/setup makes it")

    def delete(self, box_id: int) -> None:
        if self.state(box_id) == "running":
            raise BoxError("box: it does not die", hint="see its log")
        super().delete(box_id)


def ask(store: Store, boxes: PaperBoxes, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
    """One request to a double inside this process."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(build(Inside(store, boxes, 1)), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(
                method, f"/v4{path}", json=body, headers={"Authorization": "Bearer daybox-local"}
            )

    return asyncio.run(send())


def test_a_box_that_cannot_be_made_says_why_and_leaves_no_record(store: Store, tmp_path: Path) -> None:
    reply = ask(store, BrokenBoxes(tmp_path / "boxes"), "POST", PATH, INSTANCE)
    assert reply.status_code == 500
    assert reply.json() == {"errors": [{"reason": "box: no root file system; scripts/setup makes it"}]}
    assert Store(store.file).rows("instances") == []
    assert list(tmp_path.glob("boxes/*")) == []


def test_a_box_that_does_not_die_stays_listed_and_can_be_deleted_again(store: Store, tmp_path: Path) -> None:
    boxes = tmp_path / "boxes"
    row = ask(store, PaperBoxes(boxes), "POST", PATH, INSTANCE).json()
    assert ask(store, BrokenBoxes(boxes), "DELETE", f"{PATH}/{row['id']}").status_code == 500
    assert ask(store, PaperBoxes(boxes), "GET", f"{PATH}/{row['id']}").json()["status"] == "running"
    assert ask(store, PaperBoxes(boxes), "DELETE", f"{PATH}/{row['id']}").status_code == 200


def test_the_create_event_is_of_the_moment_that_is_billed_however_long_the_box_takes(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    class SlowBoxes(PaperBoxes):
        def create(self, box_id: int, **description: Any) -> str:
            clock.now += 4
            return super().create(box_id, **description)

    row = ask(store, SlowBoxes(tmp_path / "boxes"), "POST", PATH, INSTANCE).json()
    [event, _boot] = ask(store, PaperBoxes(tmp_path / "boxes"), "GET", "/account/events").json()["data"]
    assert (event["action"], event["created"]) == ("linode_create", row["created"])


@pytest.mark.parametrize("phase", ["creating", "deleting"])
def test_an_instance_that_is_being_made_or_ended_is_busy(store: Store, tmp_path: Path, phase: str) -> None:
    boxes = PaperBoxes(tmp_path / "boxes")
    row = ask(store, boxes, "POST", PATH, INSTANCE).json()
    store.get("instances", row["id"])["phase"] = phase
    for method, path in (("DELETE", ""), ("POST", "/reboot")):
        reply = ask(store, boxes, method, f"{PATH}/{row['id']}{path}")
        assert (reply.status_code, reply.json()) == (400, {"errors": [{"reason": "Linode busy."}]})


def test_user_data_reaches_neither_state_nor_log(cloud: Cloud) -> None:
    cloud.create("with-secret", metadata={"user_data": "c2VjcmV0"})
    assert "c2VjcmV0" not in (cloud.folder / "state.json").read_text()
    assert cloud.requests("POST", PATH)[-1]["body"]["metadata"]["user_data"] == "<8 characters>"
