"""`pulumi up` says loudly when the box's own watchdog would be the only killer; the real engine, no box."""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from stacks.places import write_private
from tests.laptop import Laptop, new_laptop
from tests.stacks.test_receipt import ENTRY

PREVIEW = "pulumi preview -s local --non-interactive"
WORD = "NO SECOND KILLER: no sweep has looked into"


@pytest.fixture
def laptop(tmp_path: Path) -> Iterator[Laptop]:
    made = new_laptop(tmp_path, boxes=False)
    yield made
    made.cloud.stop()
    made.end_orphans()


def test_up_warns_in_one_line_until_a_sweep_was_good(laptop: Laptop) -> None:
    *_, line = [line for line in laptop.must(PREVIEW).splitlines() if WORD in line]  # Pulumi says it as it comes, too
    assert line.split("warning: ")[1] == (
        f"{WORD} {laptop.cloud.url} ever, and the box's own watchdog is the only one; "
        "`fab sweep --install-timer` makes one"
    )
    laptop.must("fab sweep")
    assert WORD not in laptop.must(PREVIEW)


def closed_lease(laptop: Laptop, lease: str) -> None:
    """A lease of stack local in the laptop's ledger that was begun and is over."""
    row = asdict(replace(ENTRY, lease=lease, stack="local", cloud="local", api_url=laptop.cloud.url))
    over = {"ended": "2026-11-21T10:00:00Z", "dies_at": "2999-01-01T00:00:00Z"}
    write_private(laptop.state / "ledger" / f"{lease}.json", json.dumps(row | over))


def test_an_orphan_is_told_from_a_box_that_a_state_holds_by_pulumis_own_state(laptop: Laptop) -> None:
    """The real state: it does not hold a box that no `up` made, and without Pulumi's backend that is not known."""
    owner = (laptop.state / "owner").read_text().strip() if laptop.must(PREVIEW) else ""
    tags = ["daybox", "daybox-stack-local", "daybox-lease-20261121t080000z-ab12", f"daybox-owner-{owner}"]
    laptop.cloud.create("daybox-local", tags=tags)
    stranger = laptop.run("fab sweep")
    assert stranger.status == 0 and "this ledger never had its lease, and no state holds it" in stranger.out
    closed_lease(laptop, "20261121t080000z-ab12")
    said = laptop.run("fab sweep")
    assert said.status == 9 and "its lease is closed in the ledger; no state holds it" in said.out
    blind = laptop.run("export PULUMI_BACKEND_URL=file:///nowhere; fab sweep --yes")
    assert blind.status == 0 and "state of stack local: it cannot be read" in blind.out
    assert laptop.instances() == []
