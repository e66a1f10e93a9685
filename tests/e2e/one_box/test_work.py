"""The whole job on one real box of the local cloud: rent, make ready, tunnel, edit, change, give back."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from tests.laptop import Laptop


def test_three_commands_end_in_a_commit_by_the_model(laptop: Laptop, repository: Path) -> None:
    """The commit is the model's; its form is ours (structured outputs), so it proves plumbing, not skill."""
    shown = subprocess.run(
        ["git", "log", "--format=%an %s"], cwd=repository, capture_output=True, text=True, check=True
    )
    assert len(shown.stdout.splitlines()) == 2, shown.stdout
    subprocess.run(["python3", "-c", "from calc import add; assert add(2, 3) == 5"], cwd=repository, check=True)


def test_cloud_init_accepts_the_whole_of_the_user_data(laptop: Laptop) -> None:
    assert json.loads(laptop.on_box("cloud-init status --format=json"))["errors"] == []
    laptop.on_box("cloud-init schema --system")


def test_a_second_up_changes_nothing(laptop: Laptop) -> None:
    digest = json.loads(laptop.must("pulumi preview -s local --json --non-interactive --expect-no-changes"))
    assert set(digest["changeSummary"]) == {"same"}


def test_a_second_bootstrap_has_nothing_to_do(laptop: Laptop, repository: Path) -> None:
    assert "nothing to do" in laptop.must("fab bootstrap")


def test_an_open_tunnel_says_so(laptop: Laptop, repository: Path) -> None:
    assert "already open" in laptop.must("fab tunnel")


def test_status_is_what_the_api_and_the_box_say(laptop: Laptop, repository: Path) -> None:
    [row] = json.loads(laptop.must("fab status --json"))
    [listed] = laptop.instances()
    assert row["state"] == "up" and row["armed"] and row["ready"] and row["tunnel"]["alive"]
    assert row["box"] == {"id": listed["id"], "ip": listed["ipv4"][0], "plan": "local-cpu", "region": "local"}
    assert (row["billed_hours"], row["usd"]) == (1, 0.1)
    assert row["idle_minutes"] is not None, "the watchdog does not see vLLM's own counters"


def test_changed_idle_minutes_reach_the_same_box(laptop: Laptop) -> None:
    before = laptop.instances()[0]["id"]
    laptop.set(idleMinutes="25")
    laptop.up().ok()
    limits = json.loads(laptop.on_box("cat /etc/daybox/watchdog.json"))
    assert (limits["idle_minutes"], limits["instance_id"]) == (25, before)


def test_a_longer_lease_comes_with_a_token_that_outlasts_it(laptop: Laptop) -> None:
    """Invariant 3: the old token goes only when the box is armed with the new one."""
    old = laptop.on_box("cat /etc/daybox/token").strip()
    laptop.set(maxLifetimeMinutes="11h")
    laptop.up().ok()
    new = laptop.on_box("cat /etc/daybox/token").strip()
    limits = json.loads(laptop.on_box("cat /etc/daybox/watchdog.json"))
    [token] = laptop.cloud.json("GET", "/profile/tokens")["data"]
    assert new != old and new.startswith(token["token"][:16])
    assert datetime.fromisoformat(token["expiry"]).replace(tzinfo=UTC).timestamp() >= limits["ends"][0][0] + 3600


def test_verify_passes(laptop: Laptop, repository: Path) -> None:
    laptop.run("fab verify").ok()


def test_destroy_gives_a_receipt_and_leaves_nothing(laptop: Laptop) -> None:
    laptop.run("fab tunnel.close").ok()
    [box] = laptop.instances()
    said = laptop.destroy().ok().out
    assert "1 h billed, $0.10 at $0.10/h" in said and "the account lists nothing of it" in said
    for path in ("/linode/instances", "/networking/firewalls", "/profile/tokens"):
        assert laptop.cloud.json("GET", path)["data"] == []
    assert f"ve-dbx{box['id']}" not in subprocess.run(["ip", "link"], capture_output=True, text=True, check=True).stdout
    assert str(laptop.cloud.folder) not in Path("/proc/mounts").read_text()
    assert json.loads(laptop.must("fab status --json"))[0]["state"] == "down"
