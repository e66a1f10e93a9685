"""A real box and no laptop, while the API has faults: it is deleted as soon as that can be."""

import time

import pytest

from tests.e2e.faults.begun import armed, tells_its_end
from tests.e2e.faults.row import ITSELF, Row
from tests.laptop import wait_for

LEASE = "90s"
ONE = "^/v4/linode/instances/"
WATCHDOG = "pgrep -f '^[^ ]*python3 -B /opt/daybox/bin/watchdog'"


@pytest.mark.quick
def test_the_delete_fails_five_times_and_then_works(row: Row) -> None:
    row.laptop.cloud.fault("server-error", "DELETE", ONE, times=5)
    limit = armed(row, maxLifetimeMinutes="60s")
    row.laptop.end_orphans()
    row.wait_for_the_end(limit)
    failed = [entry for entry in row.laptop.cloud.requests("DELETE") if entry["status"] == 500]
    assert len(failed) == 5
    tells_its_end(row)
    row.ends(ITSELF, limit)


def test_the_delete_fails_for_long_and_destroy_is_killed(row: Row) -> None:
    """The token goes last, so the box still has it. 5 minutes are shortened to 30 s beyond the end of the lease."""
    limit = armed(row, maxLifetimeMinutes=LEASE)
    row.laptop.cloud.fault("server-error", "DELETE", ONE, times=None)
    process = row.laptop.start("exec pulumi destroy -s coder-32b --yes --non-interactive")
    wait_for(lambda: row.laptop.cloud.requests("DELETE", "/linode/instances/"))
    process.kill()
    process.communicate()
    row.laptop.end_orphans()
    assert row.books.table("tokens")[1:], "the box's token is gone before the box"
    time.sleep(max(0.0, limit + 30 - time.time()))
    row.laptop.cloud.clear_faults()
    row.wait_for_the_end(limit)
    row.run("pulumi cancel --yes -s coder-32b").ok()
    tells_its_end(row)
    row.ends(ITSELF, limit)


def test_the_watchdog_is_killed_while_it_deletes(row: Row) -> None:
    limit = armed(row, maxLifetimeMinutes=LEASE)
    row.laptop.cloud.fault("server-error", "DELETE", ONE, times=None)
    wait_for(lambda: row.laptop.cloud.requests("DELETE"), seconds=200)
    row.laptop.on_box(f"kill -9 $({WATCHDOG})")
    row.laptop.cloud.clear_faults()
    row.wait_for_the_end(limit)
    tells_its_end(row)
    row.ends(ITSELF, limit)


def test_the_api_is_down_when_the_lease_ends(row: Row) -> None:
    """Without the API nothing ends; as soon as it is back, the box does."""
    limit = armed(row, maxLifetimeMinutes=LEASE)
    row.laptop.cloud.kill()
    time.sleep(max(0.0, limit + 30 - time.time()))
    assert row.status()["state"] == "unknown"
    row.see("does not answer")
    row.laptop.cloud.start()
    row.wait_for_the_end(limit)
    tells_its_end(row)
    row.ends(ITSELF, limit)
