"""A real box and no laptop: it ends by itself, at its hard end, whatever happened to it before."""

import time

from tests.e2e.faults.begun import armed, tells_its_end
from tests.e2e.faults.row import ITSELF, Row
from tests.laptop import wait_for

LEASE = "90s"


def test_no_process_of_any_laptop_is_left(row: Row) -> None:
    limit = armed(row, maxLifetimeMinutes="60s")
    row.laptop.end_orphans()
    row.wait_for_the_end(limit)
    tells_its_end(row)
    row.ends(ITSELF, limit)


def test_the_box_is_powered_off_by_force(row: Row) -> None:
    limit = armed(row, maxLifetimeMinutes=LEASE)
    row.on_box_and_away("poweroff -f")
    wait_for(lambda: row.power() == "offline")
    row.wait_for_the_end(limit)
    tells_its_end(row)
    row.ends(ITSELF, limit)


def test_the_box_is_off_for_three_minutes_of_a_two_minute_lease(row: Row) -> None:
    """By the account: Lassie leaves it off. Powered off it bills on, and has no say; it ends as soon as it is on."""
    limit = armed(row, maxLifetimeMinutes="2")
    box = row.only_box()["id"]
    row.laptop.cloud.json("POST", f"/linode/instances/{box}/shutdown")
    time.sleep(180)
    row.laptop.cloud.json("POST", f"/linode/instances/{box}/boot")
    row.wait_for_the_end(limit)
    tells_its_end(row)
    row.ends(ITSELF, limit)


def test_every_disk_of_the_box_is_full(row: Row) -> None:
    """Where it keeps its state, its words, its log and its drafts, nothing can be written any more."""
    limit = armed(row, maxLifetimeMinutes=LEASE)
    for folder in ("/var/lib/daybox", "/run/daybox", "/var/log", "/tmp"):
        row.laptop.on_box(
            f"mkdir -p {folder} && mount -t tmpfs -o size=64k tmpfs {folder} && cat /dev/zero >{folder}/full; true"
        )
    row.wait_for_the_end(limit)
    tells_its_end(row)
    row.ends(ITSELF, limit)
