"""Moments as people write them, `18:00`, `2026-11-27T09:00`, `90`, `2h`, and as people read them.

The clock on this laptop's wall says what is meant; from there on a moment is UTC.
"""

import re
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import overload

from stacks.lease import ISO_TIME
from stacks.values import minutes

WALL_CLOCK = re.compile(r"[0-9]{1,2}:[0-9]{2}")
DATED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}.*")
FORMS = "write 18:00, or 2026-11-27T09:00, or --minutes 90"


def moment_in(text: str, now: datetime) -> datetime:
    """So long from `now`: `90`, `90s`, `2h`. Raises ValueError(fact, hint)."""
    return now + timedelta(minutes=minutes(text))


def moment_until(text: str, now: datetime, zone: tzinfo | None = None) -> datetime:
    """The moment that is meant, UTC, always after `now`: of `HH:MM` the next one, today or tomorrow.

    zone: of the clock on the wall; None: this laptop's. Raises ValueError(fact, hint).
    """
    try:
        if WALL_CLOCK.fullmatch(text):
            return next_at(time.fromisoformat(text.zfill(5)), now, zone)
        if not DATED.fullmatch(text):
            raise ValueError
        meant = datetime.fromisoformat(text)
    except ValueError as error:
        raise error if len(error.args) == 2 else ValueError(f"{text!r} is no moment", FORMS) from None
    moment = meant.astimezone(UTC) if meant.tzinfo else on_the_wall(meant, zone)
    if moment <= now:
        raise ValueError(f"{shown(moment, zone)} has passed", "name a moment to come")
    return moment


def next_at(clock: time, now: datetime, zone: tzinfo | None) -> datetime:
    """The first moment after `now` at which the clock on the wall shows `clock`."""
    today = now.astimezone(zone).date()
    days = (today, today + timedelta(days=1))
    # fold: when clocks are set back an hour comes twice, and the first that is still to come is meant
    readings = [datetime.combine(day, clock.replace(fold=fold)) for day in days for fold in (0, 1)]
    return on_the_wall(next(one for one in readings if utc_of(one, zone) > now), zone)


def on_the_wall(reading: datetime, zone: tzinfo | None) -> datetime:
    """When the clock on the wall shows `reading`, UTC. Raises ValueError(fact, hint) if it never does."""
    moment = utc_of(reading, zone)
    if moment.astimezone(zone).replace(tzinfo=None, fold=0) != reading.replace(fold=0):
        raise ValueError(f"{reading:%Y-%m-%d %H:%M} is an hour that the clocks leave out", "name another")
    return moment


def utc_of(reading: datetime, zone: tzinfo | None) -> datetime:
    """A reading of the clock on the wall as UTC."""
    return (reading.replace(tzinfo=zone) if zone else reading.astimezone()).astimezone(UTC)


def shown(moment: datetime | float, zone: tzinfo | None = None) -> str:
    """`18:00 on Thu 2026-11-26 (17:00 UTC)`: by the clock on the wall, and as the box and the cloud say it.

    moment: or seconds since 1970.
    """
    local = in_utc(moment).astimezone(zone)
    there = "" if not local.utcoffset() else f" ({in_utc(moment):%H:%M} UTC)"
    return f"{local:%H:%M}{'' if there else ' UTC'} on {local:%a %Y-%m-%d}{there}"


@overload
def iso(moment: datetime | float) -> str: ...
@overload
def iso(moment: datetime | float | None) -> str | None: ...
def iso(moment: datetime | float | None) -> str | None:
    """A moment, or seconds since 1970, as `YYYY-MM-DDTHH:MM:SSZ`: as programs are told it."""
    return None if moment is None else in_utc(moment).strftime(ISO_TIME)


def in_utc(moment: datetime | float) -> datetime:
    """A moment, or seconds since 1970, as UTC."""
    return moment.astimezone(UTC) if isinstance(moment, datetime) else datetime.fromtimestamp(moment, UTC)
