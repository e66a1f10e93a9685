"""`fab cost` against a real API: the ledger, reconciled with what the account lists and what its events say."""

import json
import math
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from invoke.exceptions import Exit

from playbooks import box_standing, cost, standing, standings
from playbooks.added_up import day_in
from playbooks.cost import as_json, found_since
from playbooks.cost import cost as cost_task
from stacks import ledger, lives, price
from stacks.errors import BoxError, UsageError
from stacks.ledger import Entry
from stacks.places import ledger_dir
from stacks.ssh import REACH_HINT
from stacks.volume_terms import tags_of
from tests.cloud import Cloud
from tests.playbooks.pretend_box import BOX
from tests.stacks.test_receipt import ENTRY as RECEIPT

HOUR = 4.0  # seconds: long enough to ask twice within one


@pytest.fixture
def home(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A laptop whose local cloud is this one."""
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    monkeypatch.delenv("LINODE_TOKEN", raising=False)
    (tmp_path / "cloud").mkdir()
    (tmp_path / "cloud/url").write_text(cloud.url)
    ledger_dir().mkdir(parents=True, exist_ok=True)
    yield tmp_path
    cloud.clear_faults()
    for row in cloud.json("GET", "/linode/instances")["data"]:
        cloud.call("DELETE", f"/linode/instances/{row['id']}")
    for row in cloud.json("GET", "/volumes")["data"]:
        cloud.call("DELETE", f"/volumes/{row['id']}")


def rented(double: Cloud, lease: str, *boxes: int, **other: Any) -> Entry:
    """An open lease of this laptop, in the ledger."""
    now = datetime.now(UTC)
    values: dict[str, Any] = {
        **{"lease": lease, "stack": "local", "cloud": "local", "user": user(double), "api_url": double.url},
        **{"label": "daybox-local", "plan": "local-cpu", "region": "local", "usd_per_hour": 0.1},
        **{"started": f"{now:%Y-%m-%dT%H:%M:%SZ}", "instance_ids": boxes, "intended": 1.0, "landed": 2.0},
    }
    return ledger.write(replace(RECEIPT, **values | other))


def user(cloud: Cloud) -> str:
    return str(cloud.json("GET", "/profile")["username"])


def bills(by: str = "lease") -> dict[str, Any]:
    """What `fab cost --json` prints."""
    shown: dict[str, Any] = as_json(found_since(None), by, None)
    return shown


def of(lease: str) -> dict[str, Any]:
    """The bill of one lease."""
    return next(row for row in bills()["leases"] if row["lease"] == lease)


LEASE = "20261121t090000z-ab12"


def test_a_box_that_lives_has_cost_what_it_began(cloud: Cloud, home: Path) -> None:
    rented(cloud, LEASE, cloud.create("daybox-local")["id"])
    assert (of(LEASE)["state"], of(LEASE)["billed_hours"], of(LEASE)["usd"]) == ("open", 1, 0.1)


def test_a_box_that_was_deleted_by_hand_is_reckoned_from_the_events(cloud: Cloud, home: Path) -> None:
    number = cloud.create("daybox-local")["id"]
    cloud.call("DELETE", f"/linode/instances/{number}")
    rented(cloud, LEASE, number)
    assert (of(LEASE)["state"], of(LEASE)["usd"]) == ("ended", 0.1)
    assert of(LEASE)["word"].startswith("gone by the account's events (by hand or by itself)")


@pytest.mark.parametrize("fault", ["server-error", "expired-token", "empty-page"])
def test_what_the_account_does_not_tell_is_unknown_and_the_total_says_at_least(
    cloud: Cloud, home: Path, fault: str
) -> None:
    rented(cloud, LEASE, cloud.create("daybox-local")["id"])
    rented(cloud, "20261120t090000z-ab12", 5, ended="2026-11-20T10:05:00Z", billed_hours=2, usd=0.2)
    cloud.fault(fault, "GET", "^/v4/(linode/instances|account/events)", times=None)
    assert of(LEASE)["usd"] is None
    assert bills()["totals"]["local"] == {
        **{"cloud": "local", "name": "total", "billed_hours": 2, "usd": 0.2, "at_least": True},
    }


def test_a_cloud_that_does_not_run_is_said_to_be_not_asked(cloud: Cloud, home: Path) -> None:
    rented(cloud, LEASE, 7)
    (home / "cloud/url").unlink()
    assert bills()["faults"] == ["local: not asked: it is not running; source scripts/env local"]
    assert of(LEASE)["usd"] is None


def test_without_a_token_a_linode_lease_is_unknown(cloud: Cloud, home: Path) -> None:
    rented(cloud, LEASE, 7, cloud="linode")
    assert (of(LEASE)["usd"], of(LEASE)["word"]) == (None, "LINODE_TOKEN: is not set")


def test_a_box_of_another_laptop_is_listed_with_its_live_price(cloud: Cloud, home: Path) -> None:
    cloud.create("daybox-coder-7b", tags=["daybox", "daybox-owner-them", "daybox-lease-x", "daybox-stack-coder-7b"])
    assert (of("x")["state"], of("x")["stack"], of("x")["usd"]) == ("foreign", "coder-7b", 0.1)
    assert of("x")["price"]["source"].startswith("127.0.0.1:")


def test_a_box_that_only_the_events_know_is_shown_without_a_price(cloud: Cloud, home: Path) -> None:
    number = cloud.create("daybox-elsewhere")["id"]
    cloud.call("DELETE", f"/linode/instances/{number}")
    [row] = [row for row in bills()["leases"] if row["stack"] == "elsewhere"]
    assert (row["state"], row["billed_hours"], row["usd"]) == ("past", 1, None)
    assert bills()["totals"]["local"]["at_least"]


def test_one_account_at_one_address_is_listed_once(cloud: Cloud, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Linode stack that is rented from the local cloud, and the local stack beside it."""
    monkeypatch.setenv("LINODE_TOKEN", "daybox-local")
    rented(cloud, LEASE, cloud="linode")
    cloud.create("daybox-other", tags=["daybox", "daybox-lease-y"])
    assert [row["lease"] for row in bills()["leases"]].count("y") == 1


def test_an_entry_that_cannot_be_read_is_unknown_and_hides_no_other(cloud: Cloud, home: Path) -> None:
    rented(cloud, LEASE, cloud.create("daybox-local")["id"])
    (ledger_dir() / "20261120t090000z-dead.json").write_text("{")
    shown = bills()
    assert {row["lease"]: row["usd"] for row in shown["leases"] if row["state"] != "past"} == {
        **{LEASE: 0.1, "20261120t090000z-dead": None},
    }
    assert shown["totals"]["?"]["usd"] is None and "is no receipt" in shown["faults"][0]


def test_two_boxes_of_one_lease_are_billed_each_by_itself(cloud: Cloud, home: Path) -> None:
    first = cloud.create("daybox-local")["id"]
    cloud.call("DELETE", f"/linode/instances/{first}")
    rented(cloud, LEASE, first, cloud.create("daybox-local")["id"])
    assert (of(LEASE)["billed_hours"], of(LEASE)["usd"]) == (2, 0.2)


def doubles_now(cloud: Cloud) -> datetime:
    """The double's own clock."""
    return parsedate_to_datetime(cloud.call("GET", "/profile").headers["Date"])


def billed(began: str, until: datetime) -> int:
    """Hours of HOUR seconds, reckoned by hand."""
    lived = (until - datetime.fromisoformat(began).replace(tzinfo=UTC)).total_seconds()
    return max(1, math.ceil(lived / HOUR))


def expected(cloud: Cloud, living: int, dead: int) -> tuple[float, float]:
    """USD of both boxes by the double's own list, events and clock, nothing of ours asked."""
    row = cloud.json("GET", f"/linode/instances/{living}")
    events = {
        one["action"]: one["created"]
        for one in cloud.json("GET", "/account/events?page_size=500")["data"]
        if one["entity"]["id"] == dead
    }
    ended = datetime.fromisoformat(events["linode_delete"]).replace(tzinfo=UTC)
    hours = billed(row["created"], doubles_now(cloud)), billed(events["linode_create"], ended)
    return round(hours[0] * 0.1, 2), round(hours[1] * 0.1, 2)


def test_status_and_cost_agree_with_the_doubles_own_clock_to_the_cent(
    cloud: Cloud, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hours of four seconds, so that some pass: one box lives, one has gone."""
    for module in (price, lives, standing):
        monkeypatch.setattr(module, "HOUR_SECONDS", HOUR)
    dead, living = cloud.create("daybox-dead")["id"], cloud.create("daybox-local")["id"]
    rented(cloud, "20261121t090000z-dead", dead, label="daybox-dead", stack="dead")
    rented(cloud, "20261121t090000z-beef", living)
    declare(monkeypatch, cloud, {"local": living, "dead": dead})
    time.sleep(HOUR + 2.5)  # times are whole seconds, and a Date is cached for one
    cloud.call("DELETE", f"/linode/instances/{dead}")
    for _ in range(3):
        wanted = expected(cloud, living, dead)
        by_cost = {row["stack"]: row["usd"] for row in bills()["leases"] if row["state"] != "past"}
        by_status = {one.stack: one.row(datetime.now(UTC))["usd"] for one in standings.standings(None)}
        if wanted == expected(cloud, living, dead):  # no hour has begun meanwhile
            break
    assert wanted[0] >= 0.2 and wanted[1] >= 0.2
    assert (by_cost["local"], by_cost["dead"]) == (by_status["local"], by_status["dead"]) == wanted


def declare(monkeypatch: pytest.MonkeyPatch, cloud: Cloud, boxes: dict[str, int]) -> None:
    """Pulumi declares these boxes, by stack, and none of them answers."""

    def box_of(stack: str) -> object:
        lease = f"20261121t090000z-{'dead' if stack == 'dead' else 'beef'}"
        return replace(BOX, stack=stack, lease=lease, api_url=cloud.url, instance_id=boxes[stack])

    def silent(*_: object, **__: object) -> None:
        raise BoxError("box: not reached", hint=REACH_HINT)

    monkeypatch.setattr(standings, "all_stacks", lambda: [{"name": name, "resourceCount": 9} for name in boxes])
    monkeypatch.setattr(standings, "box_of", box_of)
    monkeypatch.setattr(box_standing, "read_report", silent)


@pytest.mark.parametrize(
    ("options", "fact"),
    [
        ({"by": "moon"}, "fab cost: --by moon is nothing to add up by; choose from: day, month, stack, lease"),
        ({"since": "yesterday"}, "fab cost: --since yesterday is no day; say YYYY-MM-DD, as 2026-11-01"),
        ({"plot": True, "json": True}, "fab cost: --plot draws, and --json does not; say one of them"),
    ],
)
def test_what_cannot_be_meant_is_refused(options: dict[str, Any], fact: str) -> None:
    with pytest.raises(Exit) as caught:
        cost_task.body(None, **options)
    assert (caught.value.message, caught.value.code) == (fact, UsageError.exit_code)


def test_a_day_is_a_day() -> None:
    assert (day_in("cost", "2026-11-01"), day_in("cost", "")) == (date(2026, 11, 1), None)


def test_a_volume_is_told_beside_the_totals(cloud: Cloud, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tags = tags_of("local", "me", datetime.now(UTC))
    kept = cloud.json("POST", "/volumes", {"label": "daybox-local", "region": "local", "size": 10, "tags": tags})
    rented(cloud, LEASE, cloud.create("daybox-local")["id"])
    assert [(row["id"], row["usd_per_month"]) for row in bills()["volumes"]] == [(kept["id"], 1.0)]
    assert bills()["totals"]["local"]["usd"] == 0.1
    cost_task.body(None)
    assert "not in these totals: volume" in capsys.readouterr().out


def test_volumes_that_cannot_be_asked_for_are_a_fault_and_hide_no_bill(cloud: Cloud, home: Path) -> None:
    rented(cloud, LEASE, cloud.create("daybox-local")["id"])
    cloud.fault("server-error", "GET", "^/v4/volumes$", times=None)
    assert of(LEASE)["usd"] == 0.1 and bills()["faults"][0].startswith("local: volumes may bill that are not shown: ")


def test_json_and_nothing_else_is_printed(cloud: Cloud, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rented(cloud, LEASE, cloud.create("daybox-local")["id"])
    cost_task.body(None, by="day", json=True)
    shown = json.loads(capsys.readouterr().out)
    assert list(shown) == ["by", "since", "groups", "leases", "totals", "volumes", "faults"]
    assert cost.SIDE_BY_SIDE > 0 and shown["groups"][0]["name"] == f"{datetime.now(UTC):%Y-%m-%d}"
