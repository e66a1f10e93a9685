"""Clocks that are wrong by two days, on the laptop and on the box: time is the API's."""

import base64
import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.faults.begun import armed, held_on_paper, tells_its_end
from tests.e2e.faults.clock import TWO_DAYS, library, off_by
from tests.e2e.faults.row import ITSELF, Row
from tests.laptop import wait_for

ON_BOX = "/usr/local/lib/clock.so"
DROP_IN = "/etc/systemd/system/daybox-watchdog.service.d/clock.conf"


@pytest.mark.parametrize("seconds", [TWO_DAYS, -TWO_DAYS], ids=["ahead", "behind"])
def test_the_clock_of_the_laptop_is_wrong(paper: Row, tmp_path: Path, seconds: int) -> None:
    """Ahead: nothing that lives is ended, and no day is counted twice. Behind: what is past its end is seen to be."""
    paper.laptop.more |= off_by(seconds, library(tmp_path))
    limit = held_on_paper(paper, maxLifetimeMinutes="100s")
    lives = paper.status()
    assert (lives["state"], lives["billed_hours"], lives["usd"]) == ("up", 1, 0.1)
    paper.run("fab sweep --yes")
    assert paper.books.listed(), "it was swept before its end"
    time.sleep(max(0.0, limit + 2 - time.time()))
    paper.run("fab sweep --yes")
    paper.see("its end has passed")
    paper.ends("fab sweep", limit)


def test_the_clock_of_the_box_jumps_both_ways(row: Row, tmp_path: Path) -> None:
    """The watchdog's own process has a wrong clock: first two days ahead, then two days behind."""
    limit = armed(row, maxLifetimeMinutes="150s")
    row.laptop.on_box(f"cat > {ON_BOX}.b64", stdin=base64.encodebytes(library(tmp_path).read_bytes()).decode())
    row.laptop.on_box(f"base64 -d {ON_BOX}.b64 > {ON_BOX} && mkdir -p {DROP_IN.rpartition('/')[0]}")
    for seconds in (TWO_DAYS, -TWO_DAYS):
        set_clock(row, seconds)
        wait_for(partial(has_looked_at, row, seconds), seconds=45)
        assert row.books.listed(), "a clock that somebody set ended it"
    row.wait_for_the_end(limit)
    tells_its_end(row)
    row.ends(ITSELF, limit)


def set_clock(row: Row, seconds: int) -> None:
    """From its next look on the watchdog's clock is wrong by so much."""
    lines = "".join(f"Environment={name}={text}\n" for name, text in off_by(seconds, ON_BOX).items())
    row.laptop.on_box(f"cat > {DROP_IN} && systemctl daemon-reload", stdin=f"[Service]\n{lines}")


def has_looked_at(row: Row, seconds: int) -> bool:
    """Whether the watchdog has looked by a clock that is wrong by so much."""
    state: dict[str, Any] = json.loads(row.laptop.on_box("cat /var/lib/daybox/watchdog-state.json"))
    return bool(abs(state["checked"] - time.time() - seconds) < 60)
