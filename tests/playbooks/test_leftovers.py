"""Verdicts: what goes, what stays, and why; a killer never touches what is another's, or still beginning."""

from dataclasses import replace
from datetime import timedelta

import pytest

from playbooks.leftovers import GOES, GRACE_SECONDS, Known, belonging_verdict, box_verdict
from stacks.account import Instance
from stacks.arming import ARM_SECONDS
from stacks.belongings import FIREWALL, TOKEN, VOLUME, Belonging, Kind
from stacks.lease import Lease
from stacks.proof import LANDING_SECONDS
from stacks.volume_terms import tags_of
from tests.stacks.test_receipt import ENTRY, START

NOW = START + timedelta(hours=2)
LATER, EARLIER = NOW + timedelta(hours=1), NOW - timedelta(hours=1)
OURS, THEIRS = (Lease(ENTRY.lease, ENTRY.stack, owner) for owner in ("me", "somebody"))
OPEN = replace(ENTRY, instance_ids=(), intended=START.timestamp())
HERE = ENTRY.api_url
KNOWN = Known("me", NOW, NOW.timestamp(), HERE, entries=(OPEN,))
CLOSED = replace(OPEN, ended="2026-11-21T10:00:00Z")
JUST_NOW = NOW.timestamp() - 1


def box(tags: list[str], number: int = 7) -> Instance:
    """A listed box of stack coder-32b."""
    return Instance(number, OURS.label, "running", "2026-11-21T09:00:05", "g2", "us-ord", "192.0.2.1", tuple(tags))


def known(entry: object = OPEN, **other: object) -> Known:
    """What is known, with this entry in the ledger."""
    return replace(KNOWN, entries=(entry,) if entry else (), **other)  # type: ignore[arg-type]


def test_the_grace_covers_all_that_an_up_may_take() -> None:
    assert GRACE_SECONDS > ARM_SECONDS + LANDING_SECONDS


@pytest.mark.parametrize("lease", [OURS, THEIRS])
def test_a_box_past_its_end_goes_whoever_rented_it(lease: Lease) -> None:
    assert box_verdict(box(lease.tags_until(EARLIER)), KNOWN).kind == "past"


def test_another_owners_box_stays_until_its_end() -> None:
    assert box_verdict(box(THEIRS.tags_until(LATER)), KNOWN).kind == "foreign"


def test_a_box_that_names_no_owner_stays() -> None:
    assert box_verdict(box([]), KNOWN).kind == "unowned"


def test_an_until_tag_that_cannot_be_read_ends_nothing() -> None:
    assert box_verdict(box([*THEIRS.tags(), "daybox-until-soon"]), KNOWN).kind == "foreign"


def test_an_armed_box_lives() -> None:
    assert box_verdict(box(OURS.tags_until(LATER)), known(replace(OPEN, armed=(7,)))).kind == "live"


def test_that_another_box_of_the_lease_was_armed_says_nothing_of_this_one() -> None:
    """Box 5 vanished, and the `up` that put box 7 in its place was killed before it armed it."""
    entry = replace(OPEN, instance_ids=(5, 7), armed=(5,))
    assert box_verdict(box(OURS.tags_until(LATER)), known(entry)).kind == "half-made"


def test_a_box_of_a_lease_of_before_arming_was_noted_is_not_half_made() -> None:
    assert box_verdict(box(OURS.tags_until(LATER)), known(replace(OPEN, armed=None))).kind == "live"


def test_what_is_armed_is_not_said_to_end_itself_without_the_exception() -> None:
    """The ledger does not know selfDestruct."""
    why = box_verdict(box(OURS.tags_until(LATER)), known(replace(OPEN, armed=(7,)))).why
    assert why.startswith("its `up` came through, so unless selfDestruct is false it ends itself: pulumi destroy -s")


def test_the_ledger_stands_in_for_tags_that_were_taken_away() -> None:
    """Somebody tidied up in the Cloud Manager."""
    entry = replace(OPEN, instance_ids=(7,), armed=(7,), dies_at=EARLIER.strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert box_verdict(box(["daybox"]), known(entry)).kind == "past"
    assert box_verdict(box(OURS.tags()), known(entry)).kind == "past"
    assert box_verdict(box(["daybox"]), known(replace(entry, dies_at=OPEN.dies_at))).kind == "live"


def test_tags_come_before_the_ledger() -> None:
    """The lease may have been extended, or be another one's by now."""
    entry = replace(OPEN, instance_ids=(7,), armed=(7,), dies_at=EARLIER.strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert box_verdict(box(OURS.tags_until(LATER)), known(entry)).kind == "live"
    assert box_verdict(box(THEIRS.tags_until(LATER)), known(entry)).kind == "foreign"


def test_the_same_id_in_another_account_is_another_box() -> None:
    """The local cloud counts from one number on, whatever Linode has."""
    entry = replace(OPEN, instance_ids=(7,), api_url="http://127.0.0.1:2", dies_at="2026-11-21T09:30:00Z")
    assert box_verdict(box(["daybox"]), known(entry)).kind == "unowned"


def test_a_box_that_was_never_armed_is_half_made_when_its_grace_is_over() -> None:
    assert box_verdict(box(OURS.tags_until(LATER)), KNOWN).kind == "half-made"


@pytest.mark.parametrize(
    "entry",
    [
        replace(OPEN, started=NOW.strftime("%Y-%m-%dT%H:%M:%SZ")),
        replace(OPEN, intended=JUST_NOW),
        replace(OPEN, landed=JUST_NOW),
    ],
    ids=["it began just now", "it was asked for just now", "an up arms it again"],
)
def test_a_box_that_an_up_may_still_be_at_is_starting(entry: object) -> None:
    assert box_verdict(box(OURS.tags_until(LATER)), known(entry)).kind == "starting"


def test_a_moment_to_come_protects_nothing() -> None:
    """The laptop's clock was set back since."""
    entry = replace(OPEN, intended=NOW.timestamp() + 86_400)
    assert box_verdict(box(OURS.tags_until(LATER)), known(entry)).kind == "half-made"


def test_a_box_of_ours_whose_lease_was_closed_is_an_orphan() -> None:
    assert box_verdict(box(OURS.tags_until(LATER)), known(CLOSED)).kind == "orphan"


def test_a_box_of_ours_that_the_ledger_never_had_is_a_stranger_and_stays() -> None:
    """A second laptop has a copy of our state folder: our new box is nothing that it began."""
    verdict = box_verdict(box(OURS.tags_until(LATER)), known(None))
    assert (verdict.kind, verdict.kind in GOES) == ("stranger", False)
    assert box_verdict(box(OURS.tags_until(EARLIER)), known(None)).kind == "past"


@pytest.mark.parametrize("entry", [None, CLOSED], ids=["never had", "closed"])
def test_a_box_that_a_state_holds_is_neither(entry: object) -> None:
    assert box_verdict(box(OURS.tags_until(LATER)), known(entry, held=frozenset({7}))).kind == "live"


@pytest.mark.parametrize("entry", [None, CLOSED], ids=["never had", "closed"])
def test_a_box_without_an_open_lease_is_given_the_grace_of_an_up(entry: object) -> None:
    assert box_verdict(box(OURS.tags_until(LATER)), known(entry, now=START + timedelta(minutes=5))).kind == "starting"


def test_an_orphan_says_that_the_state_was_not_read() -> None:
    verdict = box_verdict(box(OURS.tags_until(LATER)), known(CLOSED, stateless=frozenset({OURS.stack})))
    assert verdict.why == "its lease is closed in the ledger; state not read"


def test_a_lease_whose_entry_cannot_be_read_may_live() -> None:
    assert box_verdict(box(OURS.tags_until(LATER)), known(None, unread=frozenset({OURS.id}))).kind == "live"


def thing(kind: Kind = FIREWALL, lease: Lease = OURS, **other: object) -> Belonging:
    """A firewall, volume or token of the lease."""
    tags = () if kind is TOKEN else tuple(lease.tags())
    return replace(Belonging(kind, 9, lease.firewall_label, START, tags), **other)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [FIREWALL, TOKEN], ids=lambda kind: kind.what)
def test_what_is_left_of_a_lease_without_a_box_is_stray(kind: Kind) -> None:
    assert verdict_kind(thing(kind)) == "stray"


def verdict_kind(one: Belonging, known: Known = KNOWN, staying: tuple[Instance, ...] = ()) -> str | None:
    """The verdict's kind."""
    verdict = belonging_verdict(one, known, staying)
    return verdict.kind if verdict else None


@pytest.mark.parametrize("kind", [FIREWALL, VOLUME, TOKEN], ids=lambda kind: kind.what)
@pytest.mark.parametrize(
    "living",
    [box(OURS.tags()), box([], number=5), box([])],
    ids=["by its tag", "by the ledger's id", "by its label"],
)
def test_what_a_living_box_needs_is_no_leftover(kind: Kind, living: Instance) -> None:
    entry = replace(OPEN, instance_ids=(5,))
    assert verdict_kind(thing(kind, expiry=EARLIER), known(entry), (living,)) is None


@pytest.mark.parametrize("held", [("linode", 3), ("nodebalancer", 4)])
def test_what_hangs_on_anything_is_no_leftover(held: tuple[str, int]) -> None:
    others = Instance(3, "blog", "running", "2026-11-21T09:00:05", "g6", "us-ord", "192.0.2.2", ())
    assert verdict_kind(thing(hangs_on=(held,)), staying=(others,)) is None


def test_a_kept_volume_is_of_no_lease_and_its_own_end_counts() -> None:
    """As `up` tags it: whose box it was on last is nobody's business."""
    kept = {until: thing(VOLUME, tags=tuple(tags_of(ENTRY.stack, "me", until))) for until in (EARLIER, LATER)}
    assert {until: verdict_kind(one) for until, one in kept.items()} == {EARLIER: "past", LATER: "data"}


def test_a_volume_is_data_and_stays_until_its_end() -> None:
    assert verdict_kind(thing(VOLUME)) == "data"
    assert verdict_kind(thing(VOLUME, tags=tuple(OURS.tags_until(EARLIER)))) == "past"


@pytest.mark.parametrize("kind", [FIREWALL, VOLUME, TOKEN], ids=lambda kind: kind.what)
def test_what_is_of_another_owner_stays_until_its_end(kind: Kind) -> None:
    entry = replace(OPEN, owner="somebody")
    assert verdict_kind(thing(kind, THEIRS, expiry=LATER), known(entry)) == "foreign"
    assert verdict_kind(thing(kind, THEIRS, expiry=EARLIER), known(entry)) == "past"


def test_a_token_that_the_ledger_does_not_know_stays() -> None:
    assert verdict_kind(thing(TOKEN), known(None)) == "unowned"


@pytest.mark.parametrize("doubt", ["doubtful", "unread"])
def test_no_token_is_taken_from_a_box_that_may_live(doubt: str) -> None:
    assert verdict_kind(thing(TOKEN), known(OPEN, **{doubt: frozenset({OURS.id})})) == "starting"


def test_what_an_up_has_just_made_is_left_alone() -> None:
    lease = Lease.new("coder-32b", "me", NOW)
    assert verdict_kind(thing(lease=lease)) == "starting"


@pytest.mark.parametrize("label", ["daybox-sweep-me", "daybox-coder", "web"])
def test_only_a_label_with_a_lease_in_it_is_of_a_lease(label: str) -> None:
    """The timer's own token is not one."""
    assert Belonging(TOKEN, 9, label, START).lease is None
