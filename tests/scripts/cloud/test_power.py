import time
from typing import Any

import pytest

from tests.cloud import Cloud

PATH = "/linode/instances"


def status(cloud: Cloud, row: dict[str, Any]) -> str:
    return str(cloud.json("GET", f"{PATH}/{row['id']}")["status"])


@pytest.mark.parametrize(
    ("deed", "meanwhile", "then"),
    [("shutdown", "shutting_down", "offline"), ("boot", "booting", "running"), ("reboot", "rebooting", "running")],
)
def test_a_deed_is_under_way_and_then_done(cloud: Cloud, deed: str, meanwhile: str, then: str) -> None:
    row = cloud.create(f"power-{deed}")
    assert cloud.json("POST", f"{PATH}/{row['id']}/{deed}") == {}
    assert status(cloud, row) in (meanwhile, then)  # half a second is short on a busy machine
    time.sleep(0.55)
    assert status(cloud, row) == then
    assert f"linode_{deed}" in [event["action"] for event in cloud.json("GET", "/account/events?page_size=500")["data"]]


def test_a_resize_changes_the_figures(cloud: Cloud) -> None:
    row = cloud.create("to-resize", type="g6-nanode-1", region="us-ord")
    cloud.json("POST", f"{PATH}/{row['id']}/resize", {"type": "g2-gpu-rtx4000a1-s"})
    assert cloud.json("GET", f"{PATH}/{row['id']}")["specs"]["gpus"] == 1


def test_a_resize_to_what_the_region_has_not_is_a_lack_of_capacity(cloud: Cloud) -> None:
    row = cloud.create("not-to-resize", type="g6-nanode-1", region="us-iad")
    assert cloud.call("POST", f"{PATH}/{row['id']}/resize", {"type": "g2-gpu-rtx4000a1-s"}).status_code == 403


def test_a_migration_changes_the_region(cloud: Cloud) -> None:
    row = cloud.create("to-migrate", type="g6-nanode-1", region="us-iad")
    cloud.json("POST", f"{PATH}/{row['id']}/migrate", {"region": "us-ord"})
    assert cloud.json("GET", f"{PATH}/{row['id']}")["region"] == "us-ord"


def test_backups_can_be_ordered_and_cancelled(cloud: Cloud) -> None:
    row = cloud.create("backups")
    for verb, enabled in (("enable", True), ("cancel", False)):
        cloud.json("POST", f"{PATH}/{row['id']}/backups/{verb}")
        assert cloud.json("GET", f"{PATH}/{row['id']}")["backups"]["enabled"] is enabled
