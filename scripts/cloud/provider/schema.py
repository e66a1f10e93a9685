"""What a resource takes and gives, as rows; and the checks that need no API."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pulumi.provider.experimental.property_value import PropertyValue
from pulumi.provider.experimental.provider import CheckFailure

from .sameness import equal
from .values import Plain, Values, has_unknown, plain_members, wrap


def anything(value: object) -> str:
    """The fault of a value that has none."""
    return ""


def one_of(*choices: str) -> Callable[[Any], str]:
    """A check: the value is one of `choices`."""
    return lambda value: "" if value in choices else f"{value!r} is none of {', '.join(choices)}"


def length(least: int, most: int) -> Callable[[Any], str]:
    """A check: the text has `least` to `most` characters."""
    return lambda text: "" if least <= len(text) <= most else f"must have {least} to {most} characters, not {len(text)}"


@dataclass(frozen=True)
class Property:
    """One input of a resource."""

    name: str
    """As pulumi-linode has it on the wire, in camelCase."""
    api: str = ""
    """As the body of a create has it; "" if it does not go there as it is."""
    required: bool = False
    replaces: bool = False
    """A change of it needs a new resource (ForceNew)."""
    computed: bool = False
    """The API fills it in where the program gives nothing: then its absence is no change."""
    default: Any = None
    """The real provider's own default, not the API's."""
    fault: Callable[[Any], str] = anything
    same: Callable[[Any, Any], bool] = equal


@dataclass(frozen=True)
class Schema:
    """One resource type."""

    token: str
    inputs: tuple[Property, ...]
    outputs: tuple[str, ...]
    secrets: frozenset[str] = frozenset()
    """Outputs that are secret by themselves."""

    def body(self, inputs: Plain) -> Plain:
        """The part of a create's body that needs no translation."""
        return {row.api: inputs[row.name] for row in self.inputs if row.api and row.name in inputs}

    def same(self, name: str, one: object, other: object) -> bool:
        """Whether two plain values of property `name` mean the same."""
        return next((row.same for row in self.inputs if row.name == name), equal)(one, other)

    def check(self, given: Mapping[str, PropertyValue]) -> tuple[Values, list[CheckFailure]]:
        """The inputs with the provider's defaults added, and every fault of them."""
        values = plain_members(given)
        defaults = {row.name: wrap(row.default) for row in self.inputs if row.default is not None}
        return defaults | {name: given[name] for name in values}, [*self._strangers(values), *self._faults(values)]

    def _strangers(self, values: Plain) -> list[CheckFailure]:
        known = {row.name for row in self.inputs}
        fact = "not served by the stand-in of the linode provider; leave it out, or use the real provider"
        return [CheckFailure(name, fact) for name in values if name not in known]

    def _faults(self, values: Plain) -> list[CheckFailure]:
        found = [(row.name, _fault(row, values.get(row.name))) for row in self.inputs]
        return [CheckFailure(name, fault) for name, fault in found if fault]


def _fault(row: Property, value: object) -> str:
    if value is None:
        return "is required" if row.required else ""
    return "" if has_unknown(value) else row.fault(value)
