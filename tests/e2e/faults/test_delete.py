"""What goes wrong while a box is given back."""

import secrets

import pytest

from tests.e2e.faults.begun import armed, held_on_paper
from tests.e2e.faults.conftest import Rent
from tests.e2e.faults.row import Row

ONE = "^/v4/linode/instances/"
LIST = "^/v4/linode/instances$"
NOTHING = "the account lists nothing of it"


def test_the_delete_answers_500(paper: Row) -> None:
    limit = held_on_paper(paper)
    paper.laptop.cloud.fault("server-error", "DELETE", ONE)
    paper.destroy().failed()
    paper.see("[500]")
    paper.destroy().ok()
    paper.ends("pulumi destroy, again", limit)


@pytest.mark.parametrize("fault", ["unavailable", "rate-limit"])
def test_the_delete_answers_503_or_429(paper: Row, fault: str) -> None:
    limit = held_on_paper(paper)
    paper.laptop.cloud.fault(fault, "DELETE", ONE, times=2)
    paper.destroy().ok()
    paper.see(NOTHING)
    paper.ends("pulumi destroy", limit)


def test_the_delete_answers_404_and_did_nothing(paper: Row) -> None:
    limit = held_on_paper(paper)
    paper.laptop.cloud.fault("false-404", "DELETE", ONE)
    paper.destroy().failed()
    paper.see("[404]")
    paper.destroy().ok()
    paper.ends("pulumi destroy, again", limit)


@pytest.mark.quick
def test_one_false_404_during_destroy(paper: Row) -> None:
    """Pulumi believes it and forgets the box; the receipt asks the list."""
    limit = held_on_paper(paper)
    paper.laptop.cloud.fault("false-404", "GET", f"{ONE}{paper.only_box()['id']}$")
    paper.run("pulumi destroy -s local --yes --non-interactive --skip-preview").failed()
    paper.see("still in the account and billing")
    paper.sweep().ok()
    paper.destroy().ok()
    paper.ends("fab sweep --stack", limit)


@pytest.mark.quick
def test_a_false_404_and_an_empty_page_during_destroy(paper: Row) -> None:
    """Even then nothing is said to be gone without the event of its deletion."""
    limit = held_on_paper(paper)
    paper.laptop.cloud.fault("false-404", "GET", f"{ONE}{paper.only_box()['id']}", times=None)
    paper.laptop.cloud.fault("empty-page", "GET", LIST, times=None)
    paper.destroy().failed()
    paper.see("is not listed, but no event says that it was deleted")
    paper.laptop.cloud.clear_faults()
    paper.destroy().failed()
    paper.sweep().ok()
    paper.destroy().ok()
    paper.ends("fab sweep --stack", limit)


@pytest.mark.parametrize(("fault", "status"), [("server-error", 500), ("unavailable", 503), ("rate-limit", 429)])
def test_reads_answer_5xx_or_429(paper: Row, fault: str, status: int) -> None:
    """Nothing is concluded from a list that does not come: not that there is no box, and not that it is gone."""
    limit = held_on_paper(paper)
    paper.laptop.cloud.fault(fault, "GET", LIST, times=None)
    assert paper.status()["state"] == "unknown"
    paper.up().failed()
    paper.destroy().failed()
    paper.sweep().failed()
    paper.see(f" says {status}")
    paper.laptop.cloud.clear_faults()
    paper.sweep().ok()
    paper.destroy().ok()
    paper.ends("fab sweep --stack", limit)


@pytest.mark.quick
def test_destroy_with_another_accounts_token(rent: Rent) -> None:
    """Pulumi believes that account and forgets the box; the receipt knows whose it is."""
    row = rent(boxes=False, stack="coder-32b", DAYBOX_LANDING_SECONDS="5")
    limit = held_on_paper(row)
    row.laptop.cloud.add_token("elsewhere", "*", username="stranger", account="theirs")
    row.destroy(LINODE_TOKEN="elsewhere").failed()
    row.see("was rented as daybox, but LINODE_TOKEN speaks for stranger")
    row.sweep(LINODE_TOKEN="elsewhere").failed()
    row.destroy().failed()
    row.sweep().ok()
    row.destroy().ok()
    row.ends("fab sweep --stack", limit)


def test_the_deploy_token_is_revoked_and_renewed_between_up_and_destroy(rent: Rent) -> None:
    row = rent(boxes=True, stack="coder-32b")
    limit = armed(row)
    row.laptop.cloud.revoke(row.laptop.more["LINODE_TOKEN"])
    row.destroy().failed()
    row.see("[401] Invalid Token")
    row.laptop.more["LINODE_TOKEN"] = renewed = secrets.token_hex(32)
    row.laptop.cloud.add_token(renewed, "*")
    row.destroy().ok()
    row.ends("pulumi destroy", limit)
