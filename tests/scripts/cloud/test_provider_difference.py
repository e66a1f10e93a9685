"""What is a change, what is none, and what needs a new resource."""

import pytest
from pulumi.provider.experimental.property_value import PropertyValue
from pulumi.provider.experimental.provider import PropertyDiffKind as Kind

from scripts.cloud.provider.difference import changes, response
from scripts.cloud.provider.firewall import Firewall
from scripts.cloud.provider.instance import Instance
from scripts.cloud.provider.schema import Schema
from scripts.cloud.provider.token import Token
from scripts.cloud.provider.values import UNKNOWN, unknown, wrap
from scripts.cloud.provider.volume import Volume

INSTANCE, FIREWALL, TOKEN, VOLUME = Instance.schema, Firewall.schema, Token.schema, Volume.schema
RULE = {"action": "ACCEPT", "label": "ssh", "protocol": "TCP", "ports": "22", "ipv4s": ["203.0.113.9/32"]}

# Source: the real provider's schemas, 6.0.0. (schema, property, old, new, kind)
CHANGES = [
    (INSTANCE, "label", "one", "two", Kind.UPDATE),
    (INSTANCE, "tags", ["a"], ["a", "b"], Kind.UPDATE),
    (INSTANCE, "tags", ["a"], [], Kind.UPDATE),
    (INSTANCE, "watchdogEnabled", True, False, Kind.UPDATE),
    (INSTANCE, "type", "g6-nanode-1", "g6-standard-1", Kind.UPDATE),
    (INSTANCE, "region", "us-ord", "us-sea", Kind.UPDATE),
    (INSTANCE, "image", "linode/debian12", "linode/debian13", Kind.UPDATE_REPLACE),
    (INSTANCE, "metadatas", [{"userData": "YQ=="}], [{"userData": "Yg=="}], Kind.UPDATE_REPLACE),
    (INSTANCE, "metadatas", [{"userData": "YQ=="}], None, Kind.DELETE_REPLACE),
    (INSTANCE, "metadatas", None, [{"userData": "Yg=="}], Kind.ADD_REPLACE),
    (INSTANCE, "metadatas", [{"userData": "YQ=="}], [{"userData": UNKNOWN}], Kind.UPDATE_REPLACE),
    (INSTANCE, "authorizedKeys", ["ssh-ed25519 A"], ["ssh-ed25519 B"], Kind.UPDATE_REPLACE),
    (INSTANCE, "firewallId", 1, 2, Kind.UPDATE_REPLACE),
    (INSTANCE, "firewallId", 1, UNKNOWN, Kind.UPDATE_REPLACE),
    (INSTANCE, "interfaceGeneration", "linode", "legacy_config", Kind.UPDATE_REPLACE),
    (FIREWALL, "inboundPolicy", "ACCEPT", "DROP", Kind.UPDATE),
    (FIREWALL, "inbounds", [RULE], [RULE | {"ports": "22,80"}], Kind.UPDATE),
    (FIREWALL, "inbounds", [RULE], None, Kind.DELETE),
    (TOKEN, "label", "one", "two", Kind.UPDATE),
    (TOKEN, "scopes", "linodes:read_only", "linodes:read_write", Kind.UPDATE_REPLACE),
    (TOKEN, "expiry", "2030-01-01T00:00:00", "2030-01-01T00:00:01Z", Kind.UPDATE_REPLACE),
    (VOLUME, "size", 20, 40, Kind.UPDATE),
    (VOLUME, "linodeId", None, 7, Kind.ADD),
    (VOLUME, "region", "us-ord", "us-sea", Kind.UPDATE_REPLACE),
]
# (schema, property, old, new)
SAME = [
    (INSTANCE, "label", "chosen-by-the-api", None),
    (INSTANCE, "tags", ["a", "b"], ["b", "a"]),
    (INSTANCE, "tags", ["a"], None),
    (INSTANCE, "authorizedKeys", ["ssh-ed25519 A"], ["ssh-ed25519 A\n"]),
    (INSTANCE, "swapSize", 512, None),
    (INSTANCE, "metadatas", None, []),
    (FIREWALL, "inbounds", [RULE | {"description": "", "ipv6s": []}], [RULE]),
    (FIREWALL, "outbounds", [], None),
    (TOKEN, "scopes", "events:read_only linodes:read_write", "linodes:read_write events:read_only"),
    (TOKEN, "expiry", "2030-01-01T00:00:00", "2030-01-01T00:00:00Z"),
    (TOKEN, "expiry", "2030-01-01T00:00:00Z", "2030-01-01T01:00:00+01:00"),
    (VOLUME, "linodeId", 7, None),
]


def difference(schema: Schema, name: str, old: object, new: object) -> dict[str, Kind]:
    state = {} if old is None else {name: wrap(old)}
    inputs = {} if new is None else {name: with_unknowns(new)}
    return changes(schema, state, inputs)


def with_unknowns(new: object) -> PropertyValue:
    if new == [{"userData": UNKNOWN}]:
        return PropertyValue([PropertyValue({"userData": unknown()})])
    return unknown() if new is UNKNOWN else wrap(new)


@pytest.mark.parametrize("row", CHANGES, ids=lambda row: f"{row[1]}-{row[2]}-{row[3]}")
def test_a_change_is_seen_and_told_from_one_that_needs_a_new_resource(
    row: tuple[Schema, str, object, object, Kind],
) -> None:
    assert difference(*row[:4]) == {row[1]: row[4]}


@pytest.mark.parametrize("row", SAME, ids=lambda row: f"{row[1]}-{row[2]}-{row[3]}")
def test_two_spellings_of_the_same_are_no_change(row: tuple[Schema, str, object, object]) -> None:
    assert difference(*row) == {}


def test_an_ignored_property_is_no_change() -> None:
    state, inputs = {"tags": wrap(["a"])}, {"tags": wrap(["b"])}
    assert changes(INSTANCE, state, inputs, ignored=["tags"]) == {}


def test_the_engine_hears_which_changes_need_a_new_resource() -> None:
    told = response({"label": Kind.UPDATE, "image": Kind.UPDATE_REPLACE})
    assert (told.changes, told.diffs, told.replaces) == (True, ["label", "image"], ["image"])
    assert told.detailed_diff["image"].kind is Kind.UPDATE_REPLACE


def test_the_engine_hears_that_there_is_no_change() -> None:
    """False, not None: of None the engine would make its own comparison."""
    assert response({}).changes is False
