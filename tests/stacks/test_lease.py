"""Leases: which life of a box a run is about, whatever the account lists."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stacks.account import Instance
from stacks.errors import CloudError
from stacks.lease import Lease, current_lease, held_ids, lease_start

NOW = datetime(2026, 11, 21, 9, 15, 3, tzinfo=UTC)
OURS = Lease("20261121t080000z-ab12", "coder-32b", "me")


def box(number: int = 7, lease: Lease = OURS, tags: tuple[str, ...] | None = None) -> Instance:
    """A listed box."""
    own_tags = tuple(lease.tags()) if tags is None else tags
    return Instance(number, lease.label, "running", "2026-11-21T08:00:05", "g2", "us-ord", "192.0.2.1", own_tags)


def test_a_lease_tells_its_start() -> None:
    assert Lease.new("coder-32b", "me", NOW).start == NOW


def test_tags_and_labels_keep_to_the_apis_limits() -> None:
    lease = Lease.new("coder-30b", "deadbeef", NOW)
    assert all(3 <= len(tag) <= 50 for tag in lease.tags_until(NOW))
    assert 3 <= len(lease.firewall_label) <= 32
    assert 3 <= len(lease.label) <= 50


def test_an_empty_account_begins_a_new_lease() -> None:
    assert current_lease("coder-32b", "me", [], [], NOW).start == NOW


def test_the_lease_of_a_living_box_goes_on() -> None:
    assert current_lease("coder-32b", "me", [box()], [7], NOW) == OURS


def test_a_box_the_state_does_not_hold_stops_and_is_named() -> None:
    with pytest.raises(CloudError, match=r"already has box 7 \(daybox-coder-32b") as caught:
        current_lease("coder-32b", "me", [box()], [], NOW)
    assert "fab sweep --stack coder-32b" in caught.value.hint


@pytest.mark.parametrize("held", [[], [7]])
def test_a_box_without_its_tags_is_known_by_its_label_and_stops(held: list[int]) -> None:
    with pytest.raises(CloudError, match=r"box 7 \(daybox-coder-32b\) has lost its tag"):
        current_lease("coder-32b", "me", [box(tags=())], held, NOW)


@pytest.mark.parametrize("held", [[], [7]])
def test_another_owners_box_is_not_ours_to_go_on_with_or_to_end(held: list[int]) -> None:
    with pytest.raises(CloudError, match="belongs to owner me, you are you"):
        current_lease("coder-32b", "you", [box()], held, NOW)


def test_a_box_that_is_there_but_not_listed_stops() -> None:
    with pytest.raises(CloudError, match="has box 7, but does not list it"):
        current_lease("coder-32b", "me", [], [7], NOW)


def test_another_stacks_box_is_none_of_our_business() -> None:
    other = Lease("20261121t080000z-ab12", "coder-7b", "me")
    assert current_lease("coder-32b", "me", [box(lease=other)], [], NOW).start == NOW


@given(st.sets(st.integers(1, 5)), st.sets(st.integers(1, 5)))
def test_no_interleaving_ever_goes_on_beside_a_box_it_does_not_hold(listed: set[int], held: set[int]) -> None:
    """Invariant 6: two `up`, a retry and a lost reply all look like some pair of lists."""
    boxes = [box(number) for number in listed]
    try:
        lease = current_lease("coder-32b", "me", boxes, held, NOW)
    except CloudError:
        assert listed != held
    else:
        assert listed == held
        assert (lease == OURS) == bool(listed)


def state(**resource: object) -> dict[str, object]:
    """A `pulumi stack export` with one Instance."""
    row = {"type": "linode:index/instance:Instance", "id": "42"} | resource
    return {"deployment": {"resources": [{"type": "pulumi:pulumi:Stack"}, row]}}


def test_the_state_holds_an_instance_by_its_id() -> None:
    assert held_ids(state()) == [42]


@pytest.mark.parametrize("mark", [{"delete": True}, {"pendingReplacement": True}, {"id": ""}])
def test_what_is_being_replaced_or_was_never_made_does_not_count(mark: dict[str, object]) -> None:
    assert held_ids(state(**mark)) == []


def test_a_stack_that_was_never_up_holds_nothing() -> None:
    assert held_ids({"deployment": None}) == []


@pytest.mark.parametrize("lease", ["", "x", "20261121-abcd"])
def test_an_id_of_another_form_tells_no_start(lease: str) -> None:
    assert lease_start(lease) is None
