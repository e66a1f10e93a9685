"""The double as a process that dies at any moment."""

import json
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from scripts.cloud.boxes import PaperBoxes
from scripts.cloud.cloud import Cloud as Inside
from scripts.cloud.instances import mend
from scripts.cloud.serve import listen
from scripts.cloud.store import Store
from stacks.errors import CloudError
from tests.cloud import CHECKOUT, FIREWALL, Cloud

TABLES = ("/linode/instances", "/networking/firewalls", "/volumes", "/profile/tokens", "/account/events", "/tags")


def test_nothing_is_lost_by_kill_9(own_cloud: Cloud) -> None:
    firewall = own_cloud.json("POST", "/networking/firewalls", FIREWALL | {"label": "fire"})
    row = own_cloud.create("box", firewall_id=firewall["id"], tags=["daybox"])
    own_cloud.json("POST", "/volumes", {"label": "disk", "linode_id": row["id"]})
    token = own_cloud.json("POST", "/profile/tokens", {"label": "tok", "scopes": "linodes:read_write"})["token"]
    before = {path: own_cloud.json("GET", path)["results"] for path in TABLES}
    url = own_cloud.url
    own_cloud.restart()
    assert own_cloud.url == url
    assert {path: own_cloud.json("GET", path)["results"] for path in TABLES} == before
    assert own_cloud.json("GET", f"/linode/instances/{row['id']}", token=token)["status"] == "running"
    assert own_cloud.json("GET", f"/networking/firewalls/{firewall['id']}")["entities"][0]["id"] == row["id"]


def inside(own_cloud: Cloud) -> Inside:
    folder = own_cloud.folder
    return Inside(Store(folder / "state.json"), PaperBoxes(folder / "boxes"), 1)


def test_killed_in_the_midst_of_work_it_has_all_that_it_said_and_no_box_that_it_does_not_know(
    own_cloud: Cloud,
) -> None:
    told: list[str] = []

    def work(worker: int) -> None:
        for number in range(200):
            try:
                told.append(own_cloud.create(f"box-{worker}-{number}")["label"])
            except httpx.TransportError:
                return

    with ThreadPoolExecutor(3) as pool:
        workers = [pool.submit(work, worker) for worker in range(3)]
        while len(told) < 10 and not any(worker.done() for worker in workers):
            time.sleep(0.01)
        own_cloud.kill()
        for worker in workers:
            worker.result()
    own_cloud.start()
    listed = own_cloud.json("GET", "/linode/instances?page_size=500")["data"]
    assert told and set(told) <= {row["label"] for row in listed}
    assert {path.name for path in own_cloud.folder.glob("boxes/*")} == {str(row["id"]) for row in listed}


@pytest.mark.parametrize("has_box", [True, False])
def test_a_create_cut_short_ends_whole_or_not_at_all(own_cloud: Cloud, has_box: bool) -> None:
    row = own_cloud.create("half-made")
    own_cloud.kill()
    cloud = inside(own_cloud)
    cloud.store.get("instances", row["id"])["phase"] = "creating"
    cloud.store.save()
    if not has_box:
        cloud.boxes.delete(row["id"])
    own_cloud.start()
    listed = own_cloud.json("GET", "/linode/instances")["data"]
    assert [one["status"] for one in listed] == (["running"] if has_box else [])


def test_a_delete_cut_short_is_finished(own_cloud: Cloud) -> None:
    row = own_cloud.create("half-gone")
    own_cloud.kill()
    cloud = inside(own_cloud)
    cloud.store.get("instances", row["id"])["phase"] = "deleting"
    cloud.store.save()
    own_cloud.start()
    assert own_cloud.json("GET", "/linode/instances")["results"] == 0
    wanted = json.dumps({"action": "linode_delete", "entity.id": row["id"]})
    assert own_cloud.json("GET", "/account/events", X_Filter=wanted)["results"] == 1
    assert cloud.boxes.state(row["id"]) == "gone"


def test_mending_what_is_whole_changes_nothing(own_cloud: Cloud) -> None:
    own_cloud.create("whole")
    own_cloud.kill()
    cloud = inside(own_cloud)
    before = json.dumps(cloud.store.tables)
    mend(cloud)
    assert json.dumps(cloud.store.tables) == before


def test_two_doubles_never_share_a_folder(own_cloud: Cloud) -> None:
    command = [sys.executable, "-m", "scripts.cloud", "serve", "--no-boxes"]
    second = subprocess.run(command, cwd=CHECKOUT, env=own_cloud.environment(), capture_output=True, text=True)
    assert (second.returncode, second.stderr.count("\n")) == (4, 1)
    assert "is in use by another double" in second.stderr


def test_a_port_that_is_taken_is_named_with_a_way_out() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(CloudError) as raised:
            listen(other.getsockname()[1])
    assert "Address already in use" in raised.value.fact
    assert "DAYBOX_CLOUD_PORT=<port>" in raised.value.hint


def test_the_double_listens_on_loopback_only(own_cloud: Cloud) -> None:
    port = int(own_cloud.url.rpartition(":")[2])
    listening = [
        line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:] if line.split()[3] == "0A"
    ]
    assert [address for address in listening if address.endswith(f":{port:04X}")] == [f"0100007F:{port:04X}"]
