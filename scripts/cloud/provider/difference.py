"""What differs between a resource's state and what the program wants of it now."""

from collections.abc import Iterable, Mapping

from pulumi.provider.experimental.property_value import PropertyValue
from pulumi.provider.experimental.provider import DiffResponse, PropertyDiff, PropertyDiffKind

from .sameness import is_empty
from .schema import Property, Schema
from .values import has_unknown, plain_members

REPLACING = {
    PropertyDiffKind.ADD: PropertyDiffKind.ADD_REPLACE,
    PropertyDiffKind.UPDATE: PropertyDiffKind.UPDATE_REPLACE,
    PropertyDiffKind.DELETE: PropertyDiffKind.DELETE_REPLACE,
}


def changes(
    schema: Schema, state: Mapping[str, PropertyValue], inputs: Mapping[str, PropertyValue], ignored: Iterable[str] = ()
) -> dict[str, PropertyDiffKind]:
    """Name of each property that changes -> how. An unknown counts as a change: it may be one.

    ignored: property paths of the program's `ignore_changes`; one that reaches into a property is the engine's affair.
    """
    old, new = plain_members(state), plain_members(inputs)
    rows = [row for row in schema.inputs if row.name not in set(ignored)]
    kinds = {row: _kind(row, old.get(row.name), new.get(row.name)) for row in rows}
    return {row.name: REPLACING[kind] if row.replaces else kind for row, kind in kinds.items() if kind}


def response(kinds: Mapping[str, PropertyDiffKind]) -> DiffResponse:
    """`kinds`, as the engine wants to hear it."""
    return DiffResponse(
        changes=bool(kinds),
        replaces=[name for name, kind in kinds.items() if kind in REPLACING.values()],
        diffs=list(kinds),
        detailed_diff={name: PropertyDiff(kind, input_diff=False) for name, kind in kinds.items()},
    )


def _kind(row: Property, old: object, new: object) -> PropertyDiffKind | None:
    if new is None:
        return None if row.computed or is_empty(old) else PropertyDiffKind.DELETE
    if old is None:
        return None if is_empty(new) else PropertyDiffKind.ADD
    return PropertyDiffKind.UPDATE if has_unknown(new) or not row.same(old, new) else None
