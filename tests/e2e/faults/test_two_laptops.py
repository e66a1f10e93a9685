"""Two laptops, two homes, one account, the same stack, and both sweep by their timers."""

import time
from pathlib import Path

import pytest

from tests.e2e.faults.begun import held_on_paper
from tests.e2e.faults.row import Row
from tests.laptop import Laptop, another_laptop

TIMER = "fab sweep --yes"


@pytest.fixture
def other(paper: Row, tmp_path: Path) -> Laptop:
    """Somebody else's laptop, which rents from the same local cloud."""
    made = another_laptop(tmp_path, paper.laptop)
    made.state.mkdir()
    (made.state / "cloud").symlink_to(paper.laptop.cloud.folder)
    return made


@pytest.mark.quick
def test_two_laptops_with_one_stack_name_and_both_timers(paper: Row, other: Laptop) -> None:
    """Neither doubles the box nor ends it before its time; then whoever sweeps first ends it, and the other agrees."""
    limit = held_on_paper(paper, maxLifetimeMinutes="60s")
    box = paper.only_box()["id"]
    paper.run_on(other, "pulumi up -s local --yes --non-interactive").failed()
    paper.see(f"box {box} belongs to owner ")
    for laptop in (other, paper.laptop):
        paper.run_on(laptop, TIMER)
    assert [row["id"] for row in paper.books.listed()] == [box], "it was ended before its time, or doubled"
    time.sleep(max(0.0, limit + 2 - time.time()))
    for laptop in (other, paper.laptop):
        paper.run_on(laptop, TIMER).ok()
    paper.see("its end has passed")
    assert len(paper.laptop.cloud.requests("DELETE", f"/linode/instances/{box}")) == 1
    paper.destroy().ok()
    paper.ends("the other's fab sweep", limit)
