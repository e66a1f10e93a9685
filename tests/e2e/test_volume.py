"""A volume outlives its box: two leases on real boxes of the local cloud, with a real file system on a real device."""

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stacks.lease import until_of
from tests.laptop import Laptop, new_laptop, wait_for

DEVICE = "/dev/disk/by-id/scsi-0Linode_Volume_daybox-local"
BOOT = "cat /proc/sys/kernel/random/boot_id"
KEPT = "/var/lib/daybox/models/kept"


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    made = new_laptop(tmp_path_factory.mktemp("volume"))
    try:
        made.set(volume="true", volumeDays="7")
        yield made
    finally:
        made.cloud.stop()
        made.end_orphans()


def volumes(laptop: Laptop) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = laptop.cloud.json("GET", "/volumes")["data"]
    return rows


def stages(laptop: Laptop) -> dict[str, dict[str, Any]]:
    """The stage table of the newest lease, by stage."""
    newest = max((laptop.state / "stacks/local/stages").glob("*.json"))
    return {row["stage"]: row for row in json.loads(newest.read_text())["stages"]}


def test_the_first_lease_makes_formats_and_mounts_it_and_says_what_it_costs(laptop: Laptop) -> None:
    said = laptop.up().ok().out
    assert "; volume 10 GiB: $1.00 a month (" in said and "also without a box, until 20" in said
    laptop.must("fab bootstrap")
    assert stages(laptop)["volume"]["word"].startswith("formatted, ")
    laptop.on_box(f"echo weights >{KEPT}")
    assert laptop.on_box("findmnt --noheadings --output FSTYPE --target /var/lib/daybox/vllm-cache").strip() == "ext4"
    laptop.must("pulumi preview -s local --non-interactive --expect-no-changes")


def test_a_container_that_comes_back_with_a_reboot_finds_the_volume_mounted(laptop: Laptop) -> None:
    boot = laptop.on_box(BOOT)
    laptop.cloud.json("POST", f"/linode/instances/{laptop.instances()[0]['id']}/reboot")
    wait_for(lambda: later_boot(laptop, boot))
    laptop.must("fab bootstrap")
    seen = "docker exec vllm python3 -c 'import os; print(os.stat(\"/root/.cache/vllm\").st_dev)'"
    assert laptop.on_box(seen) == laptop.on_box("stat --format %d /var/lib/daybox/volume")


def later_boot(laptop: Laptop, boot: str) -> bool:
    """Whether the box runs in another boot than this one."""
    with suppress(AssertionError):  # it does not answer while it is down
        return laptop.on_box(BOOT) != boot
    return False


def test_one_that_was_detached_by_hand_is_attached_again_by_the_next_up(laptop: Laptop) -> None:
    [row] = volumes(laptop)
    laptop.cloud.json("POST", f"/volumes/{row['id']}/detach")
    laptop.up().ok()
    assert volumes(laptop)[0]["linode_id"] == laptop.instances()[0]["id"]


def test_destroy_ends_the_box_and_says_that_the_volume_stays(laptop: Laptop) -> None:
    said = laptop.destroy().ok().out
    assert laptop.instances() == []
    [row] = volumes(laptop)
    assert f"volume {row['id']} (daybox-local, 10 GiB) stays and bills $1.00 a month until 20" in said
    assert "end it now, with all that the stack has: fab sweep --stack local" in said
    assert row["linode_id"] is None
    until = until_of(row["tags"])
    assert until and timedelta(days=7) < until - datetime.now(UTC) < timedelta(days=8)
    assert {"daybox", "daybox-stack-local"} < set(row["tags"])


def test_a_sweep_keeps_it_before_its_end(laptop: Laptop) -> None:
    found = json.loads(laptop.must("fab sweep --yes --json"))
    assert [(one["what"], one["kind"]) for one in found["found"]] == [("volume", "data")]
    assert len(volumes(laptop)) == 1


def test_the_second_lease_finds_what_the_first_one_left(laptop: Laptop) -> None:
    [before] = volumes(laptop)
    laptop.up().ok()
    laptop.must("fab bootstrap")
    assert [row["id"] for row in volumes(laptop)] == [before["id"]]
    rows = stages(laptop)
    assert rows["volume"]["word"].startswith("mounted, ")
    assert rows["weights"]["outcome"] == "already"
    assert laptop.on_box(f"cat {KEPT}") == "weights\n"


def test_asked_for_by_its_stacks_name_it_goes_with_the_box(laptop: Laptop) -> None:
    laptop.must("fab sweep --stack local --yes")
    assert (laptop.instances(), volumes(laptop)) == ([], [])
    assert list((Path(laptop.cloud.folder) / "volumes").iterdir()) == []
