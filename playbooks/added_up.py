"""What `fab cost` and `fab usage` are asked alike: by what to add up, since when, and whether to draw it."""

from collections.abc import Collection
from datetime import date

from stacks.errors import UsageError


def asked(command: str, choices: Collection[str], usual: str, by: str, *, plot: bool, json: bool) -> str:
    """By what is added up: as said, else by day if it is drawn, else as usual. Raises UsageError."""
    if plot and json:
        raise UsageError(f"fab {command}: --plot draws, and --json does not", hint="say one of them")
    by = by or ("day" if plot else usual)
    if by not in choices:
        raise UsageError(f"fab {command}: --by {by} is nothing to add up by", hint=f"choose from: {', '.join(choices)}")
    return by


def day_in(command: str, text: str) -> date | None:
    """The day that --since names; None without one. Raises UsageError."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise UsageError(f"fab {command}: --since {text} is no day", hint="say YYYY-MM-DD, as 2026-11-01") from None
