"""`fab extend`, then `up`, then the timer's sweep: nobody ends what was extended, and the new end holds."""

import time

from tests.e2e.faults.begun import armed
from tests.e2e.faults.conftest import Rent
from tests.e2e.faults.row import ITSELF


def test_extend_then_up_then_sweep(rent: Rent) -> None:
    """On `local`: its sweep asks no other account."""
    row = rent(boxes=True, stack="local")
    first = armed(row, maxLifetimeMinutes="4")  # an end within 2 minutes is too near to be moved
    row.run("fab extend --lease --minutes 5 --yes").ok()
    row.up().ok()
    limit = row.hard_end()
    assert limit >= first + 60
    time.sleep(max(0.0, first + 5 - time.time()))
    row.run("fab sweep --yes")
    assert row.books.listed(), "it was ended at the end that had been extended"
    row.see("lease ends at")
    row.wait_for_the_end(limit)
    row.run("fab sweep --yes").ok()
    row.ends(ITSELF, limit)
