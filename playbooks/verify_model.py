"""The model's checks, one row each. All of it goes over ssh to the box's own vLLM: no tunnel, no client's key.

To the watchdog they are work, as any client's requests are.
"""

import time
from collections.abc import Sequence
from threading import Event
from typing import Any

from playbooks.model_checks import CHECKS, Check
from playbooks.report import is_silence
from playbooks.served import FailedError, Served, SkippedError
from stacks.errors import BoxError, DayboxError


def model_rows(
    served: Served, stop: Event, deadline: float, checks: Sequence[tuple[str, Check]] = ()
) -> list[dict[str, Any]]:
    """Every check in turn; checks: only these.

    stop: set from outside, no further one begins; nor after the deadline, which is by the monotonic clock.
    """
    rows = list[dict[str, Any]]()
    for name, check in checks or CHECKS:
        left = deadline - time.monotonic()
        if stop.is_set() or left < 1:
            rows.append(row(name, "failed", 0.0, "not begun: " + ("ended" if stop.is_set() else "no time was left")))
            continue
        rows.append(checked(name, check, served, left))
        if rows[-1].pop("lost", False):
            stop.set()
    return rows


def checked(name: str, check: Check, served: Served, seconds: float) -> dict[str, Any]:
    """One row. lost: the box itself was not reached, so that the next check need not try."""
    began = time.monotonic()
    outcome, word, lost = "passed", "", False
    try:
        word = check(served, seconds)
    except SkippedError as reason:
        outcome, word = "skipped", str(reason)
    except FailedError as fact:
        outcome, word = "failed", str(fact)
    except DayboxError as error:
        outcome, word, lost = "failed", error.fact, is_lost(error)
    return row(name, outcome, time.monotonic() - began, word) | ({"lost": True} if lost else {})


def is_lost(error: DayboxError) -> bool:
    """Whether it says that the box is not reached, and not what vLLM said."""
    return isinstance(error, BoxError) and is_silence(error)


def row(check: str, outcome: str, seconds: float, word: str) -> dict[str, Any]:
    """As `fab verify --json` prints it."""
    return {"check": check, "outcome": outcome, "seconds": round(seconds, 3), "word": word}
