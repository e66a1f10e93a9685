"""What goes wrong on the laptop: Pulumi's state, passphrase, lock and backend. Every killer works without them."""

import shutil

import pytest

from tests.e2e.faults.begun import armed, killed_up
from tests.e2e.faults.row import ITSELF, Row

SWEEP = "fab sweep --stack"
NOTHING = "the account lists nothing of it"


def test_the_state_file_is_deleted(row: Row) -> None:
    """A `pulumi destroy` of an empty state runs nothing of ours, so nothing of ours can warn: `up` and `status` do."""
    limit = armed(row)
    shutil.rmtree(row.laptop.state / "pulumi/.pulumi/stacks")
    box = row.only_box()["id"]
    row.up().failed()
    row.see(f"the account already has box {box}")
    assert str(box) in row.run("fab status").ok().out
    row.sweep().ok()
    row.ends(SWEEP, limit)


@pytest.mark.quick
def test_the_passphrase_is_lost(row: Row) -> None:
    limit = armed(row)
    (row.laptop.state / "passphrase").unlink()
    row.destroy().failed()
    row.see("incorrect passphrase")
    assert str(row.only_box()["id"]) in row.run("fab status").ok().out
    row.sweep().ok()
    row.ends(SWEEP, limit)


def test_a_lock_is_stale(row: Row) -> None:
    limit = armed(row)
    locks = row.laptop.state / "pulumi/.pulumi/locks"
    killed_up(row, lambda: [*locks.rglob("*.json")])
    row.destroy().failed()
    row.see("the stack is currently locked by 1 lock(s)")
    row.sweep().ok()
    row.run("pulumi cancel --yes -s coder-32b").ok()
    row.destroy().ok()
    row.ends(SWEEP, limit)


def test_a_wrong_pulumi_backend_url_is_exported(row: Row) -> None:
    limit = armed(row)
    elsewhere = row.laptop.state / "elsewhere"
    elsewhere.mkdir()
    export = f"export PULUMI_BACKEND_URL=file://{elsewhere};"
    row.run(f"{export} pulumi destroy -s coder-32b --yes --non-interactive").failed()
    row.see("no stack named 'coder-32b' found")
    assert str(row.only_box()["id"]) in row.run(f"{export} fab status").ok().out
    row.run(f"{export} fab sweep --stack coder-32b --yes").ok()
    row.ends(SWEEP, limit)


def test_the_box_is_deleted_by_hand(row: Row) -> None:
    limit = armed(row)
    row.laptop.cloud.json("DELETE", f"/linode/instances/{row.only_box()['id']}")
    assert row.status()["state"] == "gone"
    row.destroy().ok()
    row.see(NOTHING)
    row.ends("by hand", limit)


def test_the_type_is_changed_and_the_new_box_has_the_old_address(row: Row) -> None:
    """The new one must be armed anew, and it is: it ends by itself."""
    armed(row)
    before = row.only_box()
    row.set(plan="g2-gpu-rtx4000a4-s")
    row.up().failed()
    row.see("another plan is another lease: pulumi destroy -s coder-32b, then pulumi up")
    assert row.only_box()["id"] == before["id"]
    row.destroy().ok()
    for _ in range(3):  # rows that run beside this one take addresses, too
        limit = armed(row, maxLifetimeMinutes="90s")
        if row.only_box()["ipv4"] == before["ipv4"]:
            break
        row.destroy().ok()
    assert row.only_box()["ipv4"] == before["ipv4"], "the address was not recycled: this shows less than it should"
    row.wait_for_the_end(limit)
    row.destroy().ok()
    row.ends(ITSELF, limit)
