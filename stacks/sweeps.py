"""The sweeps of this laptop: when each account was last looked into, all of it and without a fault."""

import json
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from stacks.places import state_dir, write_private

INTERVAL_MINUTES = 15  # a box past its end then begins one more hour at most, and 15 divides the hour, as cron needs
LATE_MINUTES = 2 * INTERVAL_MINUTES + 5  # one sweep may fail, or fall into a sleep; the next one takes its time


def record(api_urls: Iterable[str]) -> None:
    """Keep that these accounts were listed now, every one that should be and without a fault."""
    now = time.time()
    write_private(_file(), json.dumps(_times() | dict.fromkeys(api_urls, now), indent=2) + "\n")


def last_good(api_url: str | None = None) -> datetime | None:
    """When a sweep without a fault last listed the account at `api_url`, else any, UTC; None if none is known of."""
    times = [at for url, at in _times().items() if api_url in (None, url)]
    return datetime.fromtimestamp(max(times), UTC) if times else None


def no_second_killer(api_url: str, now: datetime) -> str:
    """What to say when no sweep looks after the account at `api_url`, and how one will; empty while one does."""
    last = last_good(api_url)
    age = (now - last).total_seconds() / 60 if last else None
    if age is not None and 0 <= age <= LATE_MINUTES:
        return ""
    since = f"since {last:%Y-%m-%d %H:%M} UTC" if last else "ever"
    return (
        f"NO SECOND KILLER: no sweep has looked into {api_url} {since}, "
        "and the box's own watchdog is the only one; `fab sweep --install-timer` makes one"
    )


def _file() -> Path:
    return state_dir() / "sweeps.json"


def _times() -> dict[str, float]:
    """API url -> seconds since 1970; nothing where no sweep was recorded, or what was cannot be read."""
    try:
        rows = json.loads(_file().read_text())
        return {str(url): float(at) for url, at in rows.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
