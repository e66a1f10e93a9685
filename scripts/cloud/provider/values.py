"""Pulumi's property values as plain Python, and back."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pulumi.provider.experimental.property_value import Computed, PropertyValue
from pulumi.runtime import rpc

Values = dict[str, PropertyValue]
Raw = Any  # what JSON can hold, and UNKNOWN
Plain = dict[str, Raw]


class Unknown:
    """A value that only an apply will bring, as `plain` shows it."""

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN: Final = Unknown()


def unknown(*, secret: bool = False) -> PropertyValue:
    """An unknown, as it goes to the engine.

    NOTE: `PropertyValue.computed()` cannot be marshalled in SDK 3.272 ("Unsupported value type"), and an unknown that
    comes in is not told from a text: both ways it is the engine's own marker, a fixed UUID.
    """
    return PropertyValue(rpc.UNKNOWN, is_secret=secret)


def plain(value: PropertyValue) -> Raw:
    """`value` without secrecy and dependencies; whole numbers become int, an unknown becomes `UNKNOWN`."""
    raw = value.value
    if isinstance(raw, Computed) or raw == rpc.UNKNOWN:
        return UNKNOWN
    if isinstance(raw, float) and raw.is_integer():
        return int(raw)
    if isinstance(raw, Mapping):
        return {name: plain(member) for name, member in raw.items()}
    if isinstance(raw, Sequence) and not isinstance(raw, str):
        return [plain(member) for member in raw]
    return raw


def wrap(raw: Raw, *, secret: bool = False) -> PropertyValue:
    """Plain `raw` (as JSON has it) as a property value; Pulumi knows no int, so numbers become float."""
    if isinstance(raw, int) and not isinstance(raw, bool):
        return PropertyValue(float(raw), is_secret=secret)
    if isinstance(raw, Mapping):
        return PropertyValue({name: wrap(member) for name, member in raw.items()}, is_secret=secret)
    if isinstance(raw, list | tuple):
        return PropertyValue([wrap(member) for member in raw], is_secret=secret)
    return PropertyValue(raw, is_secret=secret)


def plain_members(values: Mapping[str, PropertyValue]) -> Plain:
    """Each of `values`, plain; nulls are left out, and so is what the engine or a bridge hides behind `__`."""
    return {name: plain(value) for name, value in values.items() if value.value is not None and name[:2] != "__"}


def has_unknown(raw: Raw) -> bool:
    """Whether `raw`, plain, is unknown or holds an unknown."""
    if isinstance(raw, dict):
        return any(has_unknown(member) for member in raw.values())
    if isinstance(raw, list):
        return any(has_unknown(member) for member in raw)
    return raw is UNKNOWN
