"""One row of status: what is not known is null, and a box nobody declared is named as such."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from playbooks.kept_volumes import KeptVolume
from playbooks.report import Report, WatchdogReport
from playbooks.standing import Standing, declared, listed_only, merged, stack_of, strays
from playbooks.standings import with_volumes
from stacks import sweeps
from stacks.account import Instance
from stacks.ledger import Life
from stacks.price import Price
from tests.playbooks.pretend_box import BOX

NOW = datetime(2026, 11, 21, 10, 30, tzinfo=UTC)  # 2.5 h into the lease of BOX
TAGS = ("daybox", "daybox-stack-coder-7b", "daybox-lease-20261121t100000z-beef", "daybox-until-20261121t200000z")
STRAY = Instance(7, "daybox-coder-7b", "running", "2026-11-21T10:00:00", "g2", "us-ord", "198.51.100.6", TAGS)
VOLUME = KeptVolume(5, "daybox-local", "local", "me", 30, 3.0, datetime(2026, 12, 26, tzinfo=UTC))
KEPT = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()
WATCHDOG = WatchdogReport(True, 1_795_000_000.0, 1.25, "the lease has ended", "keep", kept_until=KEPT)
REPORT = Report("boot", "b", (), WATCHDOG, ready=True)


def stray(**other: object) -> Instance:
    values: dict[str, Any] = vars(STRAY) | other
    return Instance(**values)


LIFE = Life(BOX.instance_id, datetime(2026, 11, 21, 8, 0, 12, tzinfo=UTC), listed=True)


def up(**other: object) -> Standing:
    """The declared box, there since 12 s after its lease began."""
    values: dict[str, Any] = vars(declared(BOX, "up", life=LIFE)) | other
    return Standing(**values)


def test_the_row_of_a_box_that_is_up_has_every_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    sweeps.record([BOX.api_url])
    standing = up(report=REPORT, tokens=12_345, told=NOW, tunnel_port=18_001, tunnel_alive=True)
    assert standing.row(NOW) | {"last_sweep": "now"} == {
        "stack": "local",
        "state": "up",
        "held": True,
        "lease": "20261121t080000z-abcd",
        "box": {"id": 12345678, "ip": "127.0.0.1", "plan": "local-cpu", "region": "local"},
        "age_hours": 2.497,
        "billed_hours": 3,
        "usd": 0.3,
        "paid_until": "2026-11-21T11:00:12Z",
        "next_hour_minutes": 30.2,
        "price": {"usd_per_hour": 0.1, "source": "127.0.0.1:9 2026-11-21"},
        "idle_minutes": 1.25,
        "idle_since": "2026-11-21T10:28:45Z",
        "dies_at": "2026-11-21T18:00:00Z",
        "next_end": {"at": "2026-11-18T11:06:40Z", "why": "the lease has ended"},
        "kept_until": "2026-11-21T12:00:00Z",
        "action": "keep",
        "armed": True,
        "ready": True,
        "tokens": 12_345,
        "tokens_told_at": "2026-11-21T10:30:00Z",
        "tunnel": {"port": 18_001, "alive": True},
        "volumes": [],
        "last_sweep": "now",
        "word": "",
    }
    assert standing.row(NOW)["last_sweep"] is not None


def test_the_accounts_own_clock_counts_and_not_this_laptops() -> None:
    """A laptop an hour ahead would show an hour that nobody bills."""
    assert up(clock=NOW).row(NOW + timedelta(hours=1))["billed_hours"] == 3


@pytest.mark.parametrize("key", ["age_hours", "billed_hours", "usd", "paid_until", "next_hour_minutes"])
def test_what_a_box_costs_of_which_the_account_says_nothing_is_unknown(key: str) -> None:
    assert declared(BOX, "unknown").row(NOW)[key] is None


@pytest.mark.parametrize("key", ["paid_until", "next_hour_minutes"])
def test_a_box_that_is_gone_begins_no_further_hour(key: str) -> None:
    assert declared(BOX, "gone", life=replace(LIFE, ended=NOW)).row(NOW)[key] is None


@pytest.mark.parametrize("key", ["idle_minutes", "idle_since", "next_end", "armed", "ready", "tokens"])
def test_of_a_box_that_does_not_answer_is_unknown(key: str) -> None:
    assert up().row(NOW)[key] is None


@pytest.mark.parametrize("price", [None, 0.0])
def test_an_unknown_price_is_null_and_never_nought(price: float | None) -> None:
    row = declared(replace(BOX, usd_per_hour=price), "up", life=LIFE).row(NOW)
    assert (row["billed_hours"], row["usd"], row["price"]["usd_per_hour"]) == (3, None, None)


@pytest.mark.parametrize("key", ["lease", "box", "age_hours", "billed_hours", "usd", "dies_at", "armed", "ready"])
def test_of_a_stack_that_is_down_there_is_no(key: str) -> None:
    assert Standing("local", "down").row(NOW)[key] is None


def test_a_box_that_is_gone_costs_what_it_lived() -> None:
    ended = datetime(2026, 11, 21, 9, 10, 12, tzinfo=UTC)
    row = declared(BOX, "gone", life=replace(LIFE, ended=ended)).row(NOW)
    assert (row["age_hours"], row["billed_hours"], row["usd"]) == (1.167, 2, 0.2)


def test_what_a_box_cost_that_went_nobody_knows_when_is_unknown() -> None:
    row = declared(BOX, "gone").row(NOW)
    assert (row["age_hours"], row["billed_hours"], row["usd"]) == (None, None, None)


def test_a_box_that_no_state_knows_is_named_with_how_to_end_it() -> None:
    row = listed_only(STRAY, held=False, price=Price(1.05, "api.linode.com 2026-11-21"), owner="me").row(NOW)
    assert (row["stack"], row["state"], row["held"], row["lease"]) == ("coder-7b", "up", False, "20261121t100000z-beef")
    assert (row["billed_hours"], row["usd"], row["dies_at"]) == (1, 1.05, "2026-11-21T20:00:00Z")
    assert row["word"] == ("it bills, and no state here knows it: `fab sweep --stack coder-7b` ends it")


def test_a_box_of_an_unfinished_up_that_the_state_holds_is_ended_by_destroy() -> None:
    word = listed_only(STRAY, held=True, price=None, owner="me").word
    assert word == "it bills, and its `up` did not finish: `pulumi destroy -s coder-7b` ends it"


def test_another_owners_box_is_not_called_half_made() -> None:
    theirs = stray(tags=(*TAGS, "daybox-owner-somebody"))
    word = listed_only(theirs, held=False, price=None, owner="me").word
    assert word == "it bills, and owner somebody rented it: ask them"


def test_a_box_that_was_never_armed_has_no_known_end() -> None:
    assert listed_only(stray(tags=TAGS[:2]), held=False, price=None, owner="me").row(NOW)["dies_at"] is None


@pytest.mark.parametrize(
    ("instance", "stack"),
    [
        (STRAY, "coder-7b"),
        (stray(tags=()), "coder-7b"),
        (stray(label="mine", tags=()), None),
        (stray(label="x", tags=("daybox-stack-y",)), "y"),
    ],
)
def test_a_listed_box_is_of_the_stack(instance: Instance, stack: str | None) -> None:
    assert stack_of(instance) == stack


def test_what_is_not_dayboxs_is_no_stray() -> None:
    assert strays([stray(label="blog", tags=("web",))], []) == []


def test_what_a_stack_declares_is_no_stray() -> None:
    assert strays([STRAY], [STRAY.id]) == []


@pytest.mark.parametrize("instance", [STRAY, stray(tags=()), stray(label="renamed")], ids=["both", "label", "tag"])
def test_a_stray_is_known_by_tag_or_label(instance: Instance) -> None:
    assert strays([instance], [5]) == [instance]


def test_a_killed_up_is_shown_by_its_box_and_not_as_down() -> None:
    found = listed_only(STRAY, held=False, price=None, owner="me")
    assert merged([Standing("coder-7b", "down"), Standing("local", "down")], [found]) == [
        found,
        Standing("local", "down"),
    ]


def test_a_second_box_beside_the_declared_one_is_shown_beside_it() -> None:
    own = declared(BOX, "up")
    other = listed_only(stray(tags=("daybox-stack-local",)), held=False, price=None, owner="me")
    assert merged([own], [other]) == [other, own]


def test_a_stacks_volumes_stand_in_its_first_row_and_in_no_other() -> None:
    rows = with_volumes([Standing("local", "up", instance_id=1), Standing("local", "up", instance_id=2)], [VOLUME])
    assert [one.volumes for one in rows] == [(VOLUME,), ()]
    assert rows[0].row(NOW)["volumes"] == [VOLUME.row()] and VOLUME.row()["until"] == "2026-12-26T00:00:00Z"


def test_a_volume_whose_stack_nobody_knows_has_a_row_of_its_own() -> None:
    rows = with_volumes([Standing("zebra", "down")], [VOLUME])
    assert [(one.stack, one.state, one.volumes) for one in rows] == [
        ("local", "down", (VOLUME,)),
        ("zebra", "down", ()),
    ]
    assert rows[0].word == "only a volume is left of it, and no stack here is called local"
