"""The sweep: ends by the account's own list what should go, and never another owner's before its end."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from invoke.exceptions import Exit

from playbooks.sweep import sweep
from stacks import account, ledger, refusals, sweeps
from stacks.errors import CloudError, LeftError, UsageError
from stacks.places import cloud_dir, ledger_dir, owner_file
from stacks.proof import LANDING_SECONDS
from tests.cloud import TOKEN, Cloud
from tests.playbooks.planted import EARLIER, LATER, NOW, Laptop

INSTANCES, INSTANCE = "^/v4/linode/instances$", "^/v4/linode/instances/"


@pytest.fixture
def laptop(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Laptop]:
    """This laptop, which has rented nothing yet; waits are short."""
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    monkeypatch.setattr(account, "BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr(refusals, "LOOK_SECONDS", 0.01)
    made = Laptop(cloud)
    yield made
    made.clear()


def swept(**options: Any) -> int:
    """The exit status of `fab sweep`."""
    try:
        sweep.body(None, **options)
    except Exit as ended:
        return int(ended.code)
    return 0


def told(capsys: pytest.CaptureFixture[str], **options: Any) -> dict[str, Any]:
    """What `fab sweep --json` prints, with its exit status."""
    status = swept(json=True, **options)
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    return report | {"status": status}


def kinds(rows: list[dict[str, Any]]) -> dict[int | None, str]:
    """id -> kind."""
    return {row["id"]: row["kind"] for row in rows}


def plant_what_goes(laptop: Laptop) -> dict[int | None, str]:
    """One of each kind of leftover; id -> kind."""
    past, half, stray = laptop.lease("past", "somebody"), laptop.lease("half"), laptop.lease("stray")
    orphan = laptop.lease("orphan")
    laptop.entry(half)
    laptop.entry(orphan, ended="2026-11-21T10:00:00Z")
    laptop.entry(stray, ended="2026-11-21T10:00:00Z")
    return {
        laptop.box(past, EARLIER): "past",
        laptop.box(half): "half-made",
        laptop.box(orphan): "orphan",
        laptop.firewall(stray): "stray",
        laptop.token(stray): "stray",
        laptop.volume(laptop.lease("past", "somebody"), EARLIER): "past",
    }


def plant_what_stays(laptop: Laptop) -> dict[int | None, str]:
    """One of each kind that a plain sweep leaves alone; id -> kind."""
    live, starting = laptop.lease("live"), laptop.lease("starting", begun=NOW)
    living = laptop.box(live)
    laptop.entry(live, living, armed=(living,), landed=time.time())
    laptop.entry(starting, landed=time.time())
    laptop.firewall(live, living), laptop.token(live), laptop.volume(live, EARLIER, living)  # no leftovers
    return {
        living: "live",
        laptop.box(starting): "starting",
        laptop.box(laptop.lease("foreign", "somebody")): "foreign",
        laptop.box(laptop.lease("copied")): "stranger",
        laptop.cloud.create("daybox-unowned")["id"]: "unowned",
        laptop.firewall(laptop.lease("foreign", "somebody")): "foreign",
        laptop.volume(laptop.lease("data"), LATER): "data",
        laptop.token(laptop.lease("elsewhere")): "unowned",
    }


def test_every_kind_of_leftover_is_found_and_removed_and_nothing_else(
    laptop: Laptop, capsys: pytest.CaptureFixture[str]
) -> None:
    stays, goes = plant_what_stays(laptop), plant_what_goes(laptop)
    there = laptop.left()
    report = told(capsys, yes=True)
    assert kinds(report["found"]) == stays | goes
    assert kinds(report["ended"]) == goes
    assert (report["left"], report["faults"], report["status"]) == ([], [], 0)
    assert laptop.left() == there - set(goes)
    assert told(capsys, yes=True)["ended"] == []


def test_without_consent_everything_stays_and_the_exit_status_says_so(
    laptop: Laptop, capsys: pytest.CaptureFixture[str]
) -> None:
    goes, there = plant_what_goes(laptop), laptop.left()
    report = told(capsys)
    assert (kinds(report["left"]), report["ended"], report["status"]) == (goes, [], LeftError.exit_code)
    assert swept() == LeftError.exit_code  # nobody is at the terminal
    assert laptop.left() == there


def test_a_row_of_json_has_all_that_is_known(laptop: Laptop, capsys: pytest.CaptureFixture[str]) -> None:
    lease = laptop.lease("past", "somebody")
    made = laptop.box(lease, EARLIER)
    report = told(capsys)
    [row] = report["found"]
    assert row.pop("created").startswith("20")
    assert row == {
        "account": laptop.cloud.url,
        "kind": "past",
        "what": "box",
        "id": made,
        "label": "daybox-past",
        "stack": "past",
        "lease": lease.id,
        "owner": "somebody",
        "until": EARLIER.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "why": "its end has passed",
    }
    assert report["accounts"] == [laptop.cloud.url] and report["not_looked_at"] == []


def test_people_read_what_goes_before_what_stays(laptop: Laptop, capsys: pytest.CaptureFixture[str]) -> None:
    gone, kept = laptop.box(laptop.lease("a"), EARLIER), laptop.box(laptop.lease("b", "somebody"))
    assert swept() == LeftError.exit_code
    heads = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("  ")]
    assert heads == ["past, goes:", "foreign, stays:"]
    assert laptop.left() == {gone, kept}


def test_a_named_stack_is_ended_whole_whatever_its_end(laptop: Laptop, capsys: pytest.CaptureFixture[str]) -> None:
    """A killed `up` of a moment ago: --stack waits for no grace."""
    mine, other = laptop.lease("mine", begun=NOW), laptop.lease("other")
    box, kept = laptop.box(mine), laptop.box(other)
    laptop.entry(mine, intended=time.time()), laptop.entry(other, armed=(kept,))
    ours = {box, laptop.firewall(mine, box), laptop.token(mine), laptop.volume(mine, LATER, box)}
    report = told(capsys, stack="mine", yes=True)
    assert (set(kinds(report["ended"])), report["status"]) == (ours, 0)
    assert laptop.left() == {kept}


def test_another_owners_living_box_is_named_and_not_passed_over_in_silence(
    laptop: Laptop, capsys: pytest.CaptureFixture[str]
) -> None:
    made = laptop.box(laptop.lease("theirs", "somebody"))
    report = told(capsys, stack="theirs", yes=True)
    assert report["status"] == CloudError.exit_code
    assert report["faults"][0].startswith(f"box {made} belongs to owner somebody until ")
    assert laptop.left() == {made}


def test_a_box_that_names_no_owner_is_its_namers(laptop: Laptop) -> None:
    laptop.cloud.create("daybox-unowned")
    assert swept(stack="unowned", yes=True) == 0
    assert laptop.left() == set()


def test_a_ghost_is_told_with_the_way_out_and_is_no_leftover(
    laptop: Laptop, capsys: pytest.CaptureFixture[str]
) -> None:
    lease = laptop.lease("ghost")
    box = laptop.box(lease)
    laptop.entry(lease, box, armed=(box,), landed=time.time())
    laptop.cloud.json("DELETE", f"/linode/instances/{box}")
    report = told(capsys, yes=True)
    assert (kinds(report["found"]), report["status"]) == ({box: "ghost"}, 0)
    assert "`pulumi destroy -s ghost`" in report["found"][0]["why"]


def test_a_box_that_is_not_listed_is_no_ghost_without_the_event(
    laptop: Laptop, capsys: pytest.CaptureFixture[str]
) -> None:
    """Invariant 4: it bills, whatever that list says; and what protects it stays."""
    lease = laptop.lease("hidden")
    box = laptop.box(lease)
    laptop.entry(lease, box, armed=(box,), landed=time.time())
    laptop.firewall(lease, box), laptop.token(lease)
    there = laptop.left()
    laptop.cloud.fault("empty-page", "GET", INSTANCES, times=None)
    for options in ({}, {"stack": "hidden"}):
        report = told(capsys, yes=True, **options)
        assert (report["ended"], report["status"]) == ([], CloudError.exit_code)
        assert any("no event says that it was deleted" in fault for fault in report["faults"])
    laptop.cloud.clear_faults()
    assert laptop.left() == there
    assert swept(stack="hidden", yes=True) == 0
    assert laptop.left() == set()


def test_a_firewall_before_a_box_that_is_not_listed_is_a_contradiction(
    laptop: Laptop, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where no ledger knows the box."""
    lease = laptop.lease("hidden")
    box = laptop.box(lease)
    wall = laptop.firewall(lease, box)
    laptop.cloud.fault("empty-page", "GET", INSTANCES, times=None)
    report = told(capsys, yes=True)
    assert report["faults"] == [
        f"cloud: firewall {wall} hangs on box {box}, which is not listed; run this again; nothing was concluded from it"
    ]


def test_a_box_that_was_asked_for_and_never_seen_is_left_in_peace_and_a_fault_for_who_names_it(
    laptop: Laptop, capsys: pytest.CaptureFixture[str]
) -> None:
    lease = laptop.lease("other")
    laptop.entry(lease, intended=time.time())
    laptop.token(lease)
    report = told(capsys, yes=True)
    assert (set(kinds(report["found"]).values()), report["ended"], report["status"]) == ({"starting"}, [], 0)
    assert swept(stack="other", yes=True) == CloudError.exit_code
    ledger.note(lease.id, intended=time.time() - LANDING_SECONDS - 1)
    assert swept(stack="other", yes=True) == 0


def test_a_token_of_another_user_than_the_lease_began_with_is_a_fault(
    laptop: Laptop, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its list is empty whatever bills in the other account."""
    laptop.entry(laptop.lease("theirs"), user="somebody-else")
    assert "was rented as somebody-else" in told(capsys, stack="theirs")["faults"][0]
    assert sweeps.last_good() is None


@pytest.mark.parametrize("fault", ["server-error", "unavailable", "rate-limit", "false-404", "reply-lost"])
def test_a_delete_that_fails_five_times_is_asked_again(laptop: Laptop, fault: str) -> None:
    """A false 404 is what we wanted, and proves nothing."""
    laptop.box(laptop.lease("past"), EARLIER)
    laptop.cloud.fault(fault, "DELETE", INSTANCE, times=5, seconds=0)
    assert swept(yes=True) == 0
    assert laptop.left() == set()


@pytest.mark.parametrize("path", [INSTANCES, "^/v4/networking/firewalls$", "^/v4/volumes$", "^/v4/profile/tokens$"])
@pytest.mark.parametrize("fault", ["server-error", "no-capacity", "expired-token", "false-404"])
def test_a_list_that_is_not_to_be_had_is_a_fault_and_not_an_empty_one(laptop: Laptop, fault: str, path: str) -> None:
    laptop.cloud.fault(fault, "GET", path, times=None)
    assert swept(yes=True) == CloudError.exit_code
    assert sweeps.last_good() is None


def test_what_cannot_be_ended_is_a_fault_and_keeps_what_protects_it(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(refusals, "END_SECONDS", 0.1)
    lease = laptop.lease("half")
    laptop.entry(lease)
    box, other = laptop.box(lease), laptop.box(laptop.lease("past"), EARLIER)
    wall, token = laptop.firewall(lease, box), laptop.token(lease)
    laptop.cloud.fault("server-error", "DELETE", f"{INSTANCE}{box}$", times=None)
    report = told(capsys, yes=True)
    assert (kinds(report["ended"]), report["status"]) == ({other: "past"}, CloudError.exit_code)
    assert laptop.left() == {box, wall, token}
    laptop.cloud.clear_faults()
    assert kinds(told(capsys, yes=True)["ended"]) == {box: "half-made", wall: "stray", token: "stray"}


def test_a_token_that_may_not_delete_is_refused_at_once(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    laptop.box(laptop.lease("past"), EARLIER)
    laptop.cloud.fault("expired-token", "DELETE", INSTANCE, times=None)
    began = time.monotonic()
    assert told(capsys, yes=True)["status"] == CloudError.exit_code
    assert time.monotonic() - began < 10


def test_what_the_token_does_not_let_us_see_is_said(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_weak_token(laptop, monkeypatch, asking=[])
    report = told(capsys, yes=True)
    assert report["not_looked_at"] == [
        "volumes: the token lacks the scope volumes:read_write",
        "tokens: the token lacks the scope account:read_write",
    ]
    assert report["status"] == 0 and sweeps.last_good() is not None


def with_weak_token(laptop: Laptop, monkeypatch: pytest.MonkeyPatch, *, asking: list[str]) -> None:
    """From now on a token that may not see volumes. asking: the stacks that ask for one."""
    laptop.cloud.add_token("weak", "linodes:read_write events:read_only firewall:read_write")
    monkeypatch.setattr("playbooks.accounts.deploy_token", lambda _: "weak")
    monkeypatch.setattr(
        "playbooks.look.asked_for", lambda _url, stack: [name for name in asking if stack in (None, name)]
    )


def test_volumes_that_cannot_be_seen_and_are_asked_for_make_no_good_sweep(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Their end would not be kept, and nobody would say so. What can be ended goes all the same."""
    past = laptop.box(laptop.lease("past"), EARLIER)
    with_weak_token(laptop, monkeypatch, asking=["coder-30b"])
    report = told(capsys, yes=True)
    assert report["faults"] == [
        "volumes: the token lacks the scope volumes:read_write, so no end of theirs is kept, and coder-30b may have one"
    ]
    assert (kinds(report["ended"]), report["status"]) == ({past: "past"}, CloudError.exit_code)
    assert sweeps.last_good() is None
    assert told(capsys, stack="past", yes=True)["faults"] == []


def test_an_entry_that_cannot_be_read_is_a_fault_and_keeps_nothing_else_alive(
    laptop: Laptop, capsys: pytest.CaptureFixture[str]
) -> None:
    lease = laptop.lease("broken")
    box, past = laptop.box(lease), laptop.box(laptop.lease("past"), EARLIER)
    ledger_dir().mkdir(exist_ok=True)
    (ledger_dir() / f"{lease.id}.json").write_text("{")
    report = told(capsys, yes=True)
    assert (kinds(report["found"])[box], kinds(report["ended"])) == ("live", {past: "past"})
    assert report["status"] == CloudError.exit_code and "is no receipt" in report["faults"][0]


def test_a_cloud_that_came_back_under_another_url_has_no_orphans(
    laptop: Laptop, capsys: pytest.CaptureFixture[str]
) -> None:
    """The lease is known all the same, and so nothing is taken from its box."""
    lease, gone = laptop.lease("moved"), laptop.lease("unproved")
    box, token = laptop.box(lease), laptop.token(gone)
    laptop.entry(lease, armed=(box,), api_url="http://127.0.0.1:1")
    laptop.entry(gone, 7, armed=(7,), api_url="http://127.0.0.1:1")
    report = told(capsys, yes=True)
    assert kinds(report["found"]) == {box: "live", token: "starting"}
    assert laptop.left() == {box, token}


def test_what_was_swept_is_noted_in_the_ledger_with_its_reason(laptop: Laptop) -> None:
    lease = laptop.lease("half")
    laptop.entry(lease)
    box = laptop.box(lease)
    assert swept(yes=True) == 0
    entry = ledger.read(lease.id)
    assert entry and entry.instance_ids == (box,) and entry.landed > entry.intended
    assert entry.reason == "fab sweep: its `up` ended before it was armed, so it cannot end itself"


def test_a_box_that_could_not_be_ended_does_not_look_as_if_it_were_starting(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "END_SECONDS", 0.0)
    lease = laptop.lease("half")
    laptop.entry(lease)
    box = laptop.box(lease)
    laptop.cloud.fault("server-error", "DELETE", INSTANCE, times=None)
    assert swept(yes=True) == CloudError.exit_code
    entry = ledger.read(lease.id)
    assert entry and (entry.instance_ids, entry.landed) == ((box,), 0.0)


def test_a_good_sweep_is_recorded_and_one_of_a_single_stack_is_not(laptop: Laptop) -> None:
    assert swept(stack="nothing", yes=True) == 0 and sweeps.last_good() is None
    assert swept() == 0 and sweeps.last_good(laptop.cloud.url) is not None


def test_a_place_that_never_rented_ends_what_is_past_and_nothing_else(
    laptop: Laptop, capsys: pytest.CaptureFixture[str]
) -> None:
    """A CI: it has no ledger, so it cannot know what lives."""
    owner_file().unlink()
    past, living = laptop.box(laptop.lease("a", "somebody"), EARLIER), laptop.box(laptop.lease("b", "somebody"))
    assert kinds(told(capsys, yes=True)["ended"]) == {past: "past"}
    assert laptop.left() == {living}
    assert swept(stack="b", yes=True) == CloudError.exit_code  # who wants it gone must be known


def test_a_laptop_that_forgot_its_owner_still_ends_what_is_past(
    laptop: Laptop, capsys: pytest.CaptureFixture[str]
) -> None:
    lease, living = laptop.lease("past"), laptop.lease("living")
    past, kept = laptop.box(lease, EARLIER), laptop.box(living)
    laptop.entry(lease, past, armed=(past,)), laptop.entry(living, kept, armed=(kept,), landed=time.time())
    owner_file().unlink()
    report = told(capsys, yes=True)
    assert (kinds(report["ended"]), report["status"]) == ({past: "past"}, CloudError.exit_code)
    assert report["faults"] == [f"{owner_file()}: is missing; source scripts/env"]
    assert laptop.left() == {kept}


def test_a_full_disk_keeps_no_box_alive(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither the ledger nor the record of sweeps can be written."""
    for name in ("a", "b"):
        lease = laptop.lease(name)
        laptop.entry(lease, laptop.box(lease, EARLIER))

    def full(*_: object) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ledger, "write_private", full)
    monkeypatch.setattr(sweeps, "write_private", full)
    report = told(capsys, yes=True)
    assert (len(report["ended"]), report["status"], laptop.left()) == (2, CloudError.exit_code, set())
    assert set(report["faults"]) == {"OSError: [Errno 28] No space left on device"}


def test_an_account_of_an_odd_form_keeps_no_other_accounts_box_alive(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    past = laptop.box(laptop.lease("past"), EARLIER)
    good, odd = account.Account(laptop.cloud.url, TOKEN), account.Account(laptop.cloud.url, TOKEN)
    monkeypatch.setattr(odd, "rows", lambda *_: [{"id": 1}])
    monkeypatch.setattr("playbooks.sweep.accounts_to_look_into", lambda *_: [odd, good])
    report = told(capsys, yes=True)
    assert (kinds(report["ended"]), report["faults"]) == ({past: "past"}, ["KeyError: 'label'"])


def test_a_box_of_an_odd_form_keeps_no_other_box_alive(laptop: Laptop, capsys: pytest.CaptureFixture[str]) -> None:
    lease = laptop.lease("odd")
    odd, past = laptop.box(lease), laptop.box(laptop.lease("past"), EARLIER)
    laptop.cloud.json("PUT", f"/linode/instances/{odd}", {"tags": lease.tags()})
    laptop.entry(lease, odd, armed=(odd,), landed=time.time(), dies_at="soon")
    report = told(capsys, yes=True)
    assert (kinds(report["ended"]), report["status"]) == ({past: "past"}, CloudError.exit_code)
    assert laptop.left() == {odd}


def test_a_box_whose_tags_were_taken_away_ends_by_the_ledger(
    laptop: Laptop, capsys: pytest.CaptureFixture[str]
) -> None:
    lease = laptop.lease("tidied")
    box = laptop.box(lease)
    laptop.entry(lease, box, armed=(box,), landed=time.time(), dies_at="2026-01-01T00:00:00Z")
    laptop.cloud.json("PUT", f"/linode/instances/{box}", {"tags": ["daybox"]})
    [row] = told(capsys, yes=True)["ended"]
    assert (row["kind"], row["owner"], row["until"]) == ("past", "me", "2026-01-01T00:00:00Z")


def test_an_up_that_begins_while_the_sweep_looks_is_starting(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its intent is written and its box created between the first look into the ledger and the list.

    A lease of an hour ago: what it is, the ledger alone tells.
    """
    lease, true = laptop.lease("fresh"), account.Account.instances

    def instances(self: account.Account) -> list[account.Instance]:
        if not ledger.read(lease.id):
            laptop.entry(lease, intended=time.time())
            laptop.box(lease)
        return true(self)

    monkeypatch.setattr(account.Account, "instances", instances)
    report = told(capsys, yes=True)
    assert (list(kinds(report["found"]).values()), report["ended"], report["status"]) == (["starting"], [], 0)


def test_a_yes_ends_only_what_should_still_go_when_it_is_said(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """While the question stood, an `up` came through, and another box passed its end."""
    lease = laptop.lease("slow")
    box, past = laptop.box(lease), laptop.box(laptop.lease("past"), EARLIER)
    laptop.entry(lease, box)
    later = list[int]()

    def agreed(_: int) -> bool:
        ledger.add_armed(lease.id, box)
        later.append(laptop.box(laptop.lease("later"), EARLIER))
        return True

    monkeypatch.setattr("playbooks.sweep.agreed", agreed)
    assert swept() == LeftError.exit_code
    assert laptop.left() == {box, *later} and past not in laptop.left()
    assert f"sweep: box {box} (daybox-slow) stays: its `up` came through" in capsys.readouterr().err


def test_nobody_to_ask_is_said(laptop: Laptop) -> None:
    (cloud_dir() / "url").unlink()
    assert swept() == UsageError.exit_code


def test_the_timers_flags_stand_alone(laptop: Laptop) -> None:
    assert swept(install_timer=True, yes=True) == UsageError.exit_code
