"""When two spellings of a property mean the same, so that a refresh makes no difference of them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

EMPTY: Final[tuple[object, ...]] = (None, "", [], {}, False)


def equal(one: object, other: object) -> bool:
    """The same but for what is empty: the API fills in `""` and `[]` where the program gave nothing."""
    return _tidy(one) == _tidy(other)


def same_set(one: Sequence[str], other: Sequence[str]) -> bool:
    """The same members in any order, as the API is free to return tags."""
    return sorted(one) == sorted(other)


def same_words(one: str, other: str) -> bool:
    """The same words in any order: scopes are one text with blanks (or, of old, commas) between them."""
    return set(one.replace(",", " ").split()) == set(other.replace(",", " ").split())


def same_lines(one: Sequence[str], other: Sequence[str]) -> bool:
    """The same texts but for blanks at their ends: a key read from a file ends in a newline."""
    return [line.strip() for line in one] == [line.strip() for line in other]


def same_instant(one: str, other: str) -> bool:
    """The same moment: the program writes RFC 3339 with a zone, the API answers in UTC without one."""
    try:
        return instant(one) == instant(other)
    except ValueError:
        return one == other


def instant(text: str) -> datetime:
    """The moment that `text` (ISO 8601) names; no zone means UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def is_empty(value: object) -> bool:
    """Whether `value` says nothing."""
    return value in EMPTY


def _tidy(value: object) -> object:
    if isinstance(value, dict):
        return {name: _tidy(member) for name, member in value.items() if not is_empty(member)}
    if isinstance(value, list):
        return [_tidy(member) for member in value]
    return None if is_empty(value) else value
