"""How a row begins: with an armed box, or with one whose `up` was killed."""

import os
import re
import signal
from collections.abc import Callable

from tests.e2e.faults.row import Row
from tests.laptop import wait_for


def armed(row: Row, **settings: str) -> float:
    """Rent a box and see it armed; gives the moment at which it ends whatever happens."""
    row.set(**settings)
    row.up().ok()
    return row.hard_end()


def killed_up(row: Row, when: Callable[[], object], **more: str) -> None:
    """Begin an `up`, and kill it with all it started, as -9 does, as soon as `when` says."""
    up = f"exec pulumi up -s {row.laptop.stack} --yes --non-interactive --skip-preview"
    process = row.laptop.start(up, None, **more)
    wait_for(when)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    row.laptop.end_orphans()
    row.notice()


def held_on_paper(row: Row, **settings: str) -> float:
    """A box that Pulumi's state has and that nothing armed, as a killed `up` leaves it; gives its hard end."""
    row.set(**settings)
    killed_up(row, lambda: is_noted(row), DAYBOX_ARM_SECONDS="600")
    row.run(f"pulumi cancel --yes -s {row.laptop.stack}").ok()
    return row.hard_end()


def is_noted(row: Row) -> bool:
    """Whether the ledger knows the box: it is noted right before it is armed."""
    files = (row.laptop.state / "ledger").glob("*.json")
    return any(re.search(r'"instance_ids": \[\s*\d', path.read_text()) for path in files)


def tells_its_end(row: Row) -> None:
    """What the user sees who comes back later to a box that ended by itself."""
    assert row.status()["state"] == "gone"
    row.destroy().ok()
    row.see("why it ended:")
