"""What goes wrong while a box is asked for. On paper but for the last row: no box has to boot for it."""

import pytest

from tests.e2e.faults.begun import is_noted, killed_up
from tests.e2e.faults.row import Row

CREATE = "^/v4/linode/instances$"
FIREWALL = "^/v4/networking/firewalls$"
GIVEN_BACK = "was given back because nothing could have stopped it"
GIVE_UP_SECONDS = 60  # far more than arming is given here


@pytest.mark.quick
def test_the_reply_to_the_create_is_lost(paper: Row) -> None:
    paper.laptop.cloud.fault("reply-lost", "POST", CREATE)
    paper.up().failed()
    limit = paper.hard_end()
    is_named_until_it_is_swept(paper, limit)


def is_named_until_it_is_swept(paper: Row, limit: float) -> None:
    """A box that no state knows: `up` does not double it, `destroy` does not call it gone, `fab sweep` ends it."""
    paper.up().failed()
    paper.see(f"the account already has box {paper.only_box()['id']}")
    paper.destroy().failed()
    paper.see("still in the account and billing")
    paper.sweep().ok()
    paper.destroy().ok()
    paper.ends("fab sweep --stack", limit)


@pytest.mark.quick
def test_the_create_answers_500(paper: Row) -> None:
    """It may have been done all the same, so it is not repeated."""
    paper.laptop.cloud.fault("server-error", "POST", CREATE)
    paper.up().failed()
    paper.see("[500]")
    paper.destroy().ok()
    assert paper.books.lives() == []
    paper.ends("nothing made", limit=0)


@pytest.mark.parametrize("fault", ["unavailable", "rate-limit"])
def test_the_create_answers_503_or_429(paper: Row, fault: str) -> None:
    """They say that nothing was done: it is asked again, and on paper what comes of it is given back."""
    paper.laptop.cloud.fault(fault, "POST", CREATE, times=2)
    paper.up().failed()
    paper.see(GIVEN_BACK)
    paper.destroy().ok()
    [made] = paper.books.lives()
    paper.ends("pulumi up", limit=made.created + GIVE_UP_SECONDS)


def test_up_is_killed_before_the_create(paper: Row) -> None:
    paper.laptop.cloud.fault("reply-late", "POST", FIREWALL, seconds=20)
    killed_up(paper, lambda: paper.books.table("firewalls"))
    paper.destroy().failed()
    paper.see("the stack is currently locked by 1 lock(s)")
    paper.run("pulumi cancel --yes -s local").ok()
    paper.destroy().ok()
    paper.sweep().ok()
    assert paper.books.table("firewalls") == []
    # One whose reply the kill cut off is known to nobody, its secret neither; it costs nothing and ends by itself.
    assert all(token["expiry"] for token in paper.books.table("tokens"))
    paper.ends("nothing made", limit=0)


@pytest.mark.quick
def test_up_is_killed_during_the_create(paper: Row) -> None:
    paper.laptop.cloud.fault("reply-late", "POST", CREATE, seconds=20)
    killed_up(paper, paper.books.listed)
    limit = paper.hard_end()
    paper.run("pulumi cancel --yes -s local").ok()
    is_named_until_it_is_swept(paper, limit)


def test_up_is_killed_after_the_create(paper: Row) -> None:
    """Pulumi's state has the box; nothing has armed it."""
    killed_up(paper, lambda: is_noted(paper), DAYBOX_ARM_SECONDS="600")
    limit = paper.hard_end()
    paper.run("fab status").ok()
    paper.see("`pulumi destroy -s local` ends it")
    paper.run("pulumi cancel --yes -s local").ok()
    paper.destroy().ok()
    paper.ends("pulumi destroy", limit)


def test_port_22_is_dropped_after_the_create(row: Row) -> None:
    """A real box, to which no packet of ours comes through: it cannot be armed, and so it must not live."""
    row.set(sshFrom="203.0.113.7/32")
    row.up(DAYBOX_ARM_SECONDS="15").failed()
    row.see(GIVEN_BACK)
    row.destroy().ok()
    [made] = row.books.lives()
    row.ends("pulumi up", limit=made.created + GIVE_UP_SECONDS)
