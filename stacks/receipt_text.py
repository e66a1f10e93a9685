"""What a receipt says: of a lease that is gone, its life, its hours and dollars, why it ended, and what proves it."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from stacks.lease import ISO_TIME
from stacks.ledger import Entry, Life
from stacks.lives import hours, seconds
from stacks.market import spelled
from stacks.places import stack_dir
from stacks.price import dollars, known_usd, sum_of, usd_of
from stacks.proof import Proof

GIVEN_BACK = "given back by `up`: it could not be armed"  # said after the deletion, so it is certain
WHOLE = timedelta(seconds=2)  # the API's times are whole seconds, and so is each end of what is compared with them


def closing(entry: Entry, proof: Proof, run_seconds: float | None) -> dict[str, Any]:
    """The fields of the entry that close it; a lease that never had a box costs nothing.

    entry: with the boxes that were seen; others of the proof have no more of it than its label. run_seconds: how long
    this run of Pulumi takes by now, None if unknown.
    """
    ended = max((life.ended for life in proof.lives if life.ended), default=proof.at)
    lives = [replace(life, by_label=life.id not in entry.instance_ids) for life in proof.lives]
    usd = [billed(entry, life)[1] for life in lives]
    return {
        "reason": reason(entry.reason, proof, ended, run_seconds),
        "ended": ended.strftime(ISO_TIME),
        "lived_seconds": sum(seconds(life, proof.at) or 0.0 for life in lives),
        "billed_hours": sum(billed(entry, life)[0] for life in lives),
        "usd": None if None in usd else sum_of(known for known in usd if known is not None),
        "lives": tuple(lives),
        "instance_ids": tuple(dict.fromkeys((*entry.instance_ids, *(life.id for life in lives)))),
        "proved_at": proof.at.strftime(ISO_TIME),
        "proved_listed": proof.listed,
    }


def billed(entry: Entry, life: Life) -> tuple[int, float | None]:
    """Hours for which a life that has ended is billed, and USD; None without a price."""
    count = len(hours(life, life.began) or [])
    return count, usd_of(count, known_usd(entry.usd_per_hour))


def reason(said: str, proof: Proof, ended: datetime, run_seconds: float | None) -> str:
    """Why it ended, as far as that is known: a box that was there when Pulumi began, and is not now, Pulumi ended.

    said: what the ledger has: a box that announced its end may have failed at it, and lived on.
    """
    if not proof.lives:
        return "no box was ever made"
    if said == GIVEN_BACK:  # however soon after it `destroy` began
        return said
    ago = proof.at - ended
    if run_seconds is not None and ago <= timedelta(seconds=run_seconds) + WHOLE:
        return "pulumi destroy"
    if said:
        return said
    if run_seconds is None:
        return f"not known: deleted {ago.total_seconds():.0f} s before this receipt"
    return f"deleted by hand or by itself, {spelled(ago.total_seconds() / 60)} before this receipt"


def receipt_text(entry: Entry) -> str:
    """What destroy prints when nothing is left; a few lines."""
    lines = (
        f"receipt {entry.stack} {entry.lease}: {bill(entry)}",
        *(life_line(entry, life) for life in entry.lives),
        f"why it ended: {entry.reason}",
        f"served: {served(entry)}",
        f"way to ready: {stages_line(entry.stages)}",
        f"proof: {proof_line(entry)}",
    )
    return "\n  ".join(lines)


def bill(entry: Entry) -> str:
    """The whole lease: its boxes' lives, the hours they were billed for, and what these came to."""
    hours_lived, price = (entry.lived_seconds or 0) / 3600, f"${entry.usd_per_hour:.2f}/h ({entry.price_source})"
    return f"{hours_lived:.2f} h lived, {entry.billed_hours} h billed, {dollars(entry.usd)} at {price}"


def life_line(entry: Entry, life: Life) -> str:
    """One box, by the account's own times."""
    doubt = "" if life.told else " (no event says when it was created: from the lease's start)"
    doubt += " (created under our label while our request was open)" if life.by_label else ""
    count, usd = billed(entry, life)
    return (
        f"box {life.id}: {life.began:%Y-%m-%d %H:%M:%S} to {life.ended:%Y-%m-%d %H:%M:%S} UTC{doubt}, "
        f"{count} h, {dollars(usd)}"
    )


def served(entry: Entry) -> str:
    """The tokens, as of when the box last said."""
    if entry.tokens is None or entry.told is None:
        return "unknown; the box never said how many tokens"
    return f"{entry.tokens:,} tokens, as the box last said at {datetime.fromtimestamp(entry.told, UTC):%H:%M:%S} UTC"


def proof_line(entry: Entry) -> str:
    """What was listed and when, by the API's clock, and which events say that its boxes were deleted."""
    events = [f"event {life.deletion} deleted box {life.id}" for life in entry.lives]
    return "; ".join(
        (f"the account lists nothing of it: none of its {entry.proved_listed} Instances at {entry.proved_at}", *events)
    )


def stage_file(stack: str, lease: str) -> Path:
    """Where `fab bootstrap` keeps the lease's stage table; playbooks/stage_table.py writes it."""
    return stack_dir(stack) / "stages" / f"{lease}.json"


def kept_stages(stack: str, lease: str) -> dict[str, Any] | None:
    """The lease's stage table, None if this laptop has none that can be read."""
    try:
        kept = json.loads(stage_file(stack, lease).read_text())
    except (OSError, ValueError):
        return None
    return kept if isinstance(kept, dict) else None


def stages_line(kept: dict[str, Any] | None) -> str:
    """The stages that ran and what each took, on one line."""
    try:
        ran = [row for row in (kept or {}).get("stages") or [] if row["took_seconds"] is not None]
        took = [f"{row['stage']} {row['took_seconds']:.1f} s {row['outcome']}" for row in ran]
    except (TypeError, KeyError, ValueError):
        took = []
    return ", ".join(took) or "no stage table was kept on this laptop"
