"""Standings against a real API: every box is found, and nothing is called gone that is not."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from playbooks import box_standing, standings
from playbooks.standing import Standing
from stacks import ledger
from stacks.account import utc
from stacks.box import Box
from stacks.errors import BoxError, ConfigError, UsageError
from stacks.ledger import Entry
from stacks.places import ledger_dir
from stacks.ssh import REACH_HINT
from stacks.volume_terms import tags_of
from tests.cloud import Cloud
from tests.playbooks.pretend_box import BOX
from tests.playbooks.test_standing import REPORT

ENTRY = Entry(
    lease=BOX.lease,
    stack="local",
    owner="me",
    cloud="local",
    user="developer",
    api_url=BOX.api_url,
    label="daybox-local",
    plan=BOX.plan,
    region=BOX.region,
    usd_per_hour=0.25,
    price_source=BOX.price_source,
    started="2026-11-21T08:00:00Z",
    dies_at=BOX.dies_at,
)
UNREACHED = BoxError("box/daybox-7: not reached at 198.51.100.6 port 22", hint=REACH_HINT)


class Laptop:
    """What Pulumi and the boxes say, given; the account is real."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.stacks: dict[str, Box | None] = {}
        self.rows: dict[str, dict[str, Any]] = {}
        self.held: list[int] = []
        self.answer: Any = REPORT

    def has(self, stack: str, box: Box | None = None, **row: object) -> None:
        """A stack of this laptop; `row`: more of its row in `pulumi stack ls`."""
        self.stacks[stack] = box
        self.rows[stack] = {"name": stack, "resourceCount": 9 if box else None, **row}

    def box(self, stack: str, instance_id: int) -> Box:
        """A box of `stack` in this cloud, as `up` would export it."""
        return replace(BOX, stack=stack, api_url=self.cloud.url, instance_id=instance_id)

    def report(self, *_: object, **__: object) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def laptop(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Laptop]:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    monkeypatch.delenv("LINODE_TOKEN", raising=False)
    found = Laptop(cloud)
    settings: Any = SimpleNamespace(cloud=SimpleNamespace(token="daybox-local"), api_url=cloud.url)
    monkeypatch.setattr(standings, "all_stacks", lambda: list(found.rows.values()))
    monkeypatch.setattr(standings, "box_of", found.stacks.get)
    monkeypatch.setattr(standings, "find_settings", lambda _stack: settings)
    monkeypatch.setattr(box_standing, "read_report", found.report)
    monkeypatch.setattr(standings, "held_here", lambda _stack: found.held)
    yield found
    cloud.clear_faults()
    for row in cloud.json("GET", "/linode/instances")["data"]:
        cloud.call("DELETE", f"/linode/instances/{row['id']}")
    for row in cloud.json("GET", "/volumes")["data"]:
        cloud.call("DELETE", f"/volumes/{row['id']}")


def only(laptop: Laptop) -> Standing:
    """The one row there is."""
    (found,) = standings.standings(None)
    return found


def rented(laptop: Laptop, stack: str = "local", **more: object) -> int:
    """The id of a box in the account, tagged as `up` tags it."""
    tags = ["daybox", f"daybox-stack-{stack}", "daybox-lease-20261121t080000z-abcd"]
    return int(laptop.cloud.create(f"daybox-{stack}", tags=tags, **more)["id"])


def test_a_box_that_is_there_and_answers_is_up(laptop: Laptop) -> None:
    laptop.has("local", laptop.box("local", rented(laptop)))
    found = only(laptop)
    assert (found.state, found.held, found.report, found.word) == ("up", True, REPORT, "")


def test_it_is_billed_from_the_accounts_own_created_and_by_its_clock(laptop: Laptop) -> None:
    """The lease began earlier: it is made before the box is asked for."""
    instance_id = rented(laptop)
    laptop.has("local", laptop.box("local", instance_id))
    [row] = laptop.cloud.json("GET", "/linode/instances")["data"]
    found = only(laptop)
    assert found.since == utc(row["created"]) and found.clock
    assert timedelta(seconds=-2) <= found.clock - found.since < timedelta(seconds=30)  # a Date is cached for a second
    assert found.row(datetime.now(UTC) + timedelta(hours=5))["billed_hours"] == 1


def test_what_it_served_is_noted_for_the_receipt(laptop: Laptop) -> None:
    box = laptop.box("local", rented(laptop))
    ledger.write(ENTRY)
    laptop.has("local", box)
    laptop.answer = replace(REPORT, watchdog=replace(REPORT.watchdog, tokens=12_345))
    assert only(laptop).tokens == 12_345
    noted = ledger.read(ENTRY.lease)
    assert noted and noted.tokens == 12_345 and noted.told


def test_what_a_silent_box_served_is_told_as_it_last_said(laptop: Laptop) -> None:
    laptop.has("local", laptop.box("local", rented(laptop)))
    ledger.write(replace(ENTRY, tokens=7, told=1_795_000_000.0))
    laptop.answer = UNREACHED
    assert (only(laptop).tokens, only(laptop).told) == (7, datetime.fromtimestamp(1_795_000_000, UTC))


def test_why_a_box_ended_is_told(laptop: Laptop) -> None:
    box = laptop.box("local", rented(laptop))
    laptop.cloud.call("DELETE", f"/linode/instances/{box.instance_id}")
    laptop.has("local", box)
    ledger.write(replace(ENTRY, reason="idle for 30 min"))
    assert only(laptop).word.endswith("; why it ended: idle for 30 min")


def test_a_damaged_ledger_hides_no_box(laptop: Laptop) -> None:
    laptop.has("local", laptop.box("local", rented(laptop)))
    ledger.write(ENTRY)
    (ledger_dir() / f"{ENTRY.lease}.json").write_text("{")
    box, damaged = standings.standings(None)
    assert (box.state, damaged.stack, damaged.state) == ("up", "?", "unknown")
    assert damaged.word.startswith(f"{ledger_dir()}/{ENTRY.lease}.json: is no receipt: ")


def test_a_damaged_ledger_hides_no_box_of_a_killed_up(laptop: Laptop) -> None:
    laptop.has("other")
    instance_id = rented(laptop)
    ledger.write(ENTRY)
    (ledger_dir() / "20260101t000000z-aaaa.json").write_text("{")
    found = {one.stack: one for one in standings.standings(None)}
    assert (found["local"].instance_id, found["other"].state) == (instance_id, "down")
    assert "20260101t000000z-aaaa" in found["?"].word


def test_while_the_ledger_is_damaged_nobody_knows_that_nothing_was_begun(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standings, "find_settings", unreadable)
    ledger.write(ENTRY)
    (ledger_dir() / f"{ENTRY.lease}.json").write_text("{")
    laptop.has("local")
    assert {one.stack: one.state for one in standings.standings("local")} == {"local": "unknown", "?": "unknown"}


def test_another_backend_of_pulumis_hides_no_box(laptop: Laptop) -> None:
    """A wrong PULUMI_BACKEND_URL names no stack at all; the ledger knows which account to ask."""
    instance_id = rented(laptop)
    ledger.write(replace(ENTRY, api_url=laptop.cloud.url))
    found = only(laptop)
    assert (found.stack, found.state, found.instance_id) == ("local", "up", instance_id)
    assert found.word == "it bills, and no state here knows it: `fab sweep --stack local` ends it"


def test_another_backend_hides_no_account_that_does_not_answer(laptop: Laptop) -> None:
    ledger.write(replace(ENTRY, api_url=laptop.cloud.url))
    laptop.cloud.fault("server-error", "GET", "^/v4/linode/instances$", times=None)
    assert only(laptop).state == "unknown"


def test_of_a_box_that_is_gone_the_events_tell_the_whole_life(laptop: Laptop) -> None:
    box = laptop.box("local", rented(laptop))
    [row] = laptop.cloud.json("GET", "/linode/instances")["data"]
    laptop.cloud.call("DELETE", f"/linode/instances/{box.instance_id}")
    laptop.has("local", box)
    found = only(laptop)
    assert (found.since, found.row(datetime.now(UTC))["usd"]) == (utc(row["created"]), 0.1)


def test_a_box_that_does_not_answer_is_up_all_the_same_and_says_why_no_more_is_known(laptop: Laptop) -> None:
    laptop.has("local", laptop.box("local", rented(laptop)))
    laptop.answer = UNREACHED
    found = only(laptop)
    assert (found.state, found.word) == ("up", UNREACHED.fact)


def test_a_box_without_a_bundle_says_what_to_do(laptop: Laptop) -> None:
    laptop.has("local", laptop.box("local", rented(laptop)))
    laptop.answer = None
    assert only(laptop).word == "it has no bundle yet: fab bootstrap --stack local"


def test_why_it_is_unknown_stands_beside_what_it_lacks(laptop: Laptop) -> None:
    laptop.has("local", laptop.box("local", 7))
    laptop.answer = None
    said = only(laptop).word
    assert "no event says that it was deleted" in said and "it has no bundle yet" in said


def test_a_box_that_deleted_itself_is_gone_and_cost_what_it_lived(laptop: Laptop) -> None:
    box = laptop.box("local", rented(laptop))
    laptop.cloud.call("DELETE", f"/linode/instances/{box.instance_id}")
    laptop.has("local", box)
    found = only(laptop)
    assert (found.state, found.until is not None) == ("gone", True)
    assert found.word == "the account has no such box any more; the rest goes with `pulumi destroy -s local`"


@pytest.mark.parametrize("fault", ["server-error", "expired-token"])
def test_an_account_that_cannot_be_read_makes_it_unknown_with_the_reason(laptop: Laptop, fault: str) -> None:
    laptop.has("local", laptop.box("local", rented(laptop)))
    laptop.answer = UNREACHED
    laptop.cloud.fault(fault, "GET", "^/v4/linode/instances", times=None)
    found = only(laptop)
    assert found.state == "unknown"
    assert found.word.startswith("cloud: /linode/instances")


def test_a_cloud_that_does_not_run_makes_it_unknown(laptop: Laptop) -> None:
    laptop.has("local", replace(laptop.box("local", 7), api_url="http://127.0.0.1:9"))
    laptop.answer = UNREACHED
    found = only(laptop)
    assert found.state == "unknown" and "does not answer" in found.word


def test_without_a_token_a_rented_box_is_unknown_and_never_gone(laptop: Laptop) -> None:
    laptop.has("coder-30b", replace(laptop.box("coder-30b", 7), cloud="linode"))
    found = only(laptop)
    assert (found.state, found.word) == ("unknown", "LINODE_TOKEN: is not set")


def test_a_stack_without_a_box_is_down(laptop: Laptop) -> None:
    laptop.has("local")
    assert only(laptop) == Standing("local", "down")


def test_what_a_failed_up_left_is_said(laptop: Laptop) -> None:
    laptop.has("local", resourceCount=4)
    assert only(laptop).word == "4 resources are left of it: pulumi destroy -s local"


def unreadable(_stack: str) -> Any:
    raise ConfigError("stacks/local/url: the local cloud is not running", hint="source scripts/env local")


def test_a_stack_with_something_in_its_state_is_unknown_while_its_account_cannot_be_asked(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last `up` may have been killed after the create."""
    monkeypatch.setattr(standings, "find_settings", unreadable)
    laptop.has("local", resourceCount=4)
    assert only(laptop) == Standing("local", "unknown", word="stacks/local/url: the local cloud is not running")


def test_the_account_of_a_stack_with_faulty_settings_is_asked_too(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fresh checkout has no sshFrom yet, and the box of the laptop before it may live on."""
    monkeypatch.setattr(standings, "find_settings", unreadable)
    monkeypatch.setattr(standings, "raw_settings", lambda _stack: {"cloud": "local", "url": laptop.cloud.url})
    laptop.has("local")
    box = rented(laptop)
    found = only(laptop)
    assert (found.state, found.instance_id) == ("up", box)


def test_a_token_is_never_sent_in_clear_also_where_settings_are_faulty(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standings, "raw_settings", lambda _stack: {"cloud": "local", "url": "http://192.0.2.1"})
    assert standings.account_meant("local") == ("", "")


@pytest.mark.parametrize(("ended", "state"), [(None, "unknown"), ("2026-11-21T09:00:00Z", "down")])
def test_so_is_one_with_a_lease_that_the_ledger_has_not_closed(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch, ended: str | None, state: str
) -> None:
    monkeypatch.setattr(standings, "find_settings", unreadable)
    ledger.write(replace(ENTRY, ended=ended))
    laptop.has("local")
    assert only(laptop).state == state


def test_a_stack_of_which_nothing_was_begun_is_down_without_asking(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standings, "find_settings", unreadable)
    laptop.has("local")
    assert only(laptop) == Standing("local", "down")


def test_the_box_of_a_killed_up_is_shown_by_its_tag(laptop: Laptop) -> None:
    instance_id = rented(laptop)
    laptop.has("local")
    found = only(laptop)
    assert (found.stack, found.state, found.held, found.instance_id) == ("local", "up", False, instance_id)
    assert found.usd_per_hour == 0.1  # the live price of its plan
    assert found.price_source == f"{laptop.cloud.url.removeprefix('http://')} {datetime.now(UTC):%Y-%m-%d}"


def test_a_killed_ups_price_is_the_one_it_was_rented_at(laptop: Laptop) -> None:
    rented(laptop)
    ledger.write(ENTRY)
    laptop.has("local")
    assert only(laptop).usd_per_hour == 0.25


def test_a_box_of_another_laptops_stack_is_shown_too(laptop: Laptop) -> None:
    rented(laptop, "elsewhere")
    laptop.has("local")
    assert [(one.stack, one.state) for one in standings.standings(None)] == [("elsewhere", "up"), ("local", "down")]


def test_a_box_of_an_unfinished_up_that_the_state_holds_is_marked_so(laptop: Laptop) -> None:
    laptop.held = [rented(laptop)]
    laptop.has("local", resourceCount=4)
    assert only(laptop).held


def test_what_is_not_ours_in_the_account_is_not_shown(laptop: Laptop) -> None:
    laptop.cloud.create("blog", tags=["web"])
    laptop.has("local")
    assert only(laptop) == Standing("local", "down")


def test_one_stack_can_be_asked_for(laptop: Laptop) -> None:
    laptop.has("local")
    laptop.has("coder-7b")
    assert [one.stack for one in standings.standings("coder-7b")] == ["coder-7b"]


def test_the_box_of_another_stack_is_not_asked_then(laptop: Laptop) -> None:
    """It may be silent, and a pulse would be begun and given up with every look."""
    asked = list[str]()
    laptop.has("local", laptop.box("local", 1))
    laptop.has("coder-7b", laptop.box("coder-7b", 2))
    standings.standings("coder-7b", lambda box: asked.append(box.stack))
    assert asked == ["coder-7b"]


def test_a_stack_that_nobody_knows_is_refused_with_the_choices(laptop: Laptop) -> None:
    laptop.has("local")
    with pytest.raises(UsageError) as caught:
        standings.standings("lokal")
    assert caught.value.line() == "stacks/lokal: there is no such stack; choose from: local"


def volume_of(laptop: Laptop, stack: str) -> int:
    """The id of a volume that the stack keeps."""
    body = {"label": f"daybox-{stack}", "region": "local", "size": 10, "tags": tags_of(stack, "me", datetime.now(UTC))}
    return int(laptop.cloud.json("POST", "/volumes", body)["id"])


def test_what_a_stack_that_is_down_keeps_is_told(laptop: Laptop) -> None:
    kept = volume_of(laptop, "local")
    laptop.has("local")
    assert [(volume.id, volume.usd_per_month) for volume in only(laptop).volumes] == [(kept, 1.0)]


def test_what_a_stack_keeps_that_this_laptop_does_not_know_is_told_too(laptop: Laptop) -> None:
    kept = volume_of(laptop, "elsewhere")
    laptop.has("local")
    elsewhere, _local = standings.standings(None)
    assert (elsewhere.stack, [volume.id for volume in elsewhere.volumes]) == ("elsewhere", [kept])
    assert [one.stack for one in standings.standings("elsewhere")] == ["elsewhere"]


def test_volumes_that_cannot_be_asked_for_hide_no_box(laptop: Laptop) -> None:
    laptop.has("local", laptop.box("local", rented(laptop)))
    laptop.cloud.fault("server-error", "GET", "^/v4/volumes$", times=None)
    box, unknown = standings.standings(None)
    assert (box.state, unknown.stack) == ("up", "?")
    assert unknown.word.startswith("volumes may bill that are not shown: ")
