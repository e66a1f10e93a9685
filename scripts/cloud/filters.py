"""The X-Filter header: which rows a caller wants, and in what order."""

import json
from collections.abc import Callable, Mapping

from scripts.cloud.replies import Json, Refusal, Wire, fault

# What each list can be filtered by. Source: linode-cli 5.69.0 (API 4.229.1); a test compares the two.
FILTERABLE: Mapping[str, frozenset[str]] = {
    path: frozenset(names.split())
    for path, names in {
        "/account/events": "action created details.complete_time details.description details.maintenance_policy_set "
        "details.not_before details.source details.start_time entity.id entity.type id",
        "/images": "deprecated is_public is_shared label size status tags type vendor",
        "/linode/instances": "group id image interface_generation ipv4 label placement_group.label "
        "placement_group.placement_group_type region tags",
        "/linode/instances/{linodeId}/configs": "interfaces.label label",
        "/linode/instances/{linodeId}/disks": "label size",
        "/linode/instances/{linodeId}/firewalls": "created id label tags updated",
        "/linode/instances/{linodeId}/volumes": "label tags",
        "/linode/types": "accelerated_devices class disk gpus label memory network_out transfer vcpus",
        "/networking/firewalls": "created id label tags updated",
        "/networking/firewalls/{firewallId}/devices": "created id updated",
        "/profile/logins": "",
        "/profile/tokens": "created label",
        "/regions": "country site_type",
        "/regions/availability": "available plan region",
        "/tags": "",
        "/volumes": "label tags",
        "/volumes/types": "label price.hourly price.monthly transfer",
    }.items()
}

COMPARISONS: Mapping[str, Callable[[Wire, Wire], bool]] = {
    "+gt": lambda have, want: have > want,
    "+gte": lambda have, want: have >= want,
    "+lt": lambda have, want: have < want,
    "+lte": lambda have, want: have <= want,
    "+contains": lambda have, want: str(want) in str(have),
}


def parse(header: str) -> Json:
    """The filter in the header. Raises the API's 400 for what is not a JSON object."""
    try:
        wanted = json.loads(header or "{}")
    except ValueError:
        wanted = None
    if not isinstance(wanted, dict):
        raise _bad("Invalid filter: must be a JSON object")
    return wanted


def select(rows: list[Json], wanted: Json, allowed: frozenset[str]) -> list[Json]:
    """The rows that match, in the order asked for. Raises the API's 400 for a field that cannot be filtered on."""
    order_by = wanted.get("+order_by")
    if order_by is not None and order_by not in allowed:
        raise _bad(f"Cannot order by {order_by}")
    order = wanted.get("+order", "asc")
    if order not in ("asc", "desc"):
        raise _bad("+order must be asc or desc")
    condition = {name: value for name, value in wanted.items() if name not in ("+order_by", "+order")}
    kept = [row for row in rows if _matches(row, condition, allowed)] if rows else _checked(condition, allowed)
    if order_by is None:
        return kept
    # Times are only to the second, so the id decides: of two events in one second the newer must stand first.
    return sorted(kept, key=lambda row: _place(row, order_by), reverse=order == "desc")


def _place(row: Json, order_by: str) -> tuple[bool, Wire, Wire]:
    value = _value(row, order_by)
    return value is not None, value, row.get("id", 0)


def _checked(condition: Json, allowed: frozenset[str]) -> list[Json]:
    _matches({}, condition, allowed)  # an empty list still refuses a bad filter
    return []


def _matches(row: Json, condition: Json, allowed: frozenset[str]) -> bool:
    # A list, not a generator: every field is checked, whatever the first one says.
    return all([_holds(row, name, value, allowed) for name, value in condition.items()])


def _holds(row: Json, name: str, wanted: Wire, allowed: frozenset[str]) -> bool:
    if name in ("+and", "+or"):
        parts = [_matches(row, part, allowed) for part in wanted]
        return all(parts) if name == "+and" else any(parts)
    if name not in allowed:
        raise _bad(f"Cannot filter on {name}")
    have = _value(row, name)
    if not isinstance(wanted, dict):
        return _equal(have, wanted)
    return all([_compare(have, operator, value) for operator, value in wanted.items()])


def _compare(have: Wire, operator: str, wanted: Wire) -> bool:
    if operator == "+neq":
        return not _equal(have, wanted)
    if operator not in COMPARISONS:
        raise _bad(f"Unknown operator {operator}")
    if isinstance(have, list):
        return any(_compare(item, operator, wanted) for item in have)
    try:
        return have is not None and COMPARISONS[operator](have, wanted)
    except TypeError:
        return False


def _equal(have: Wire, wanted: Wire) -> bool:
    return wanted in have if isinstance(have, list) else bool(have == wanted)


def _value(row: Json, name: str) -> Wire:
    value: Wire = row
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _bad(reason: str) -> Refusal:
    return Refusal(400, fault(reason, "X-Filter"))
