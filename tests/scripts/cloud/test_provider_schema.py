"""The tables of the provider: true to pulumi-linode, and checked before the API is asked."""

import inspect

import pulumi_linode
import pytest
from pulumi._types import input_type_py_to_pulumi_names, resource_py_to_pulumi_names

from scripts.cloud.provider.firewall import Firewall
from scripts.cloud.provider.instance import Instance
from scripts.cloud.provider.provider import RESOURCES
from scripts.cloud.provider.schema import Schema
from scripts.cloud.provider.token import Token
from scripts.cloud.provider.values import Plain, unknown, wrap
from scripts.cloud.provider.volume import Volume

SCHEMAS = [resource.schema for resource in RESOURCES.values()]
RULE = {"action": "ACCEPT", "label": "ssh", "protocol": "TCP", "ports": "22", "ipv4s": ["203.0.113.9/32"]}
GOOD: dict[str, Plain] = {
    Instance.schema.token: {"region": "us-ord", "label": "box"},
    Firewall.schema.token: {"label": "wall", "inboundPolicy": "DROP", "outboundPolicy": "ACCEPT", "inbounds": [RULE]},
    Token.schema.token: {"scopes": "linodes:read_write", "expiry": "2030-01-31T12:00:00Z"},
    Volume.schema.token: {"label": "weights", "region": "us-ord"},
}
# (resource, inputs that differ from the good ones, property, reason)
FAULTS = [
    (Instance.schema, {"region": None}, "region", "is required"),
    (Instance.schema, {"label": "ab"}, "label", "must have 3 to 50 characters, not 2"),
    (Instance.schema, {"label": "x" * 51}, "label", "must have 3 to 50 characters, not 51"),
    (Instance.schema, {"diskEncryption": "on"}, "diskEncryption", "'on' is none of enabled, disabled"),
    (Firewall.schema, {"label": None}, "label", "is required"),
    (Firewall.schema, {"inboundPolicy": "REJECT"}, "inboundPolicy", "'REJECT' is none of ACCEPT, DROP"),
    (
        Firewall.schema,
        {"inbounds": [RULE, RULE | {"label": "ab"}]},
        "inbounds",
        "[1].label: must have 3 to 32 characters, not 2",
    ),
    (
        Firewall.schema,
        {"inbounds": [RULE | {"protocol": "tcp"}]},
        "inbounds",
        "[0].protocol: 'tcp' is none of TCP, UDP, ICMP, IPENCAP",
    ),
    (Token.schema, {"scopes": None}, "scopes", "is required"),
    (
        Token.schema,
        {"expiry": "2030-01-31T12:00:00"},
        "expiry",
        "'2030-01-31T12:00:00' is not RFC 3339, as in 2026-01-31T12:00:00Z",
    ),
    (Token.schema, {"expiry": "soon"}, "expiry", "'soon' is not RFC 3339, as in 2026-01-31T12:00:00Z"),
    (Volume.schema, {"region": None}, "region", "is required"),
]


def checked(schema: Schema, **changed: object) -> tuple[Plain, list[tuple[str, str]]]:
    """The inputs after a check, and (property, reason) of each fault."""
    given = {name: wrap(value) for name, value in (GOOD[schema.token] | changed).items()}
    inputs, failures = schema.check(given)
    return {name: value.value for name, value in inputs.items()}, [(fault.property, fault.reason) for fault in failures]


def sdk_class(schema: Schema, suffix: str = "") -> type:
    found: type = getattr(pulumi_linode, schema.token.rsplit(":", 1)[1] + suffix)
    return found


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.token)
def test_every_input_is_one_of_pulumi_linode(schema: Schema) -> None:
    assert {row.name for row in schema.inputs} <= set(input_type_py_to_pulumi_names(sdk_class(schema, "Args")).values())


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.token)
def test_every_output_is_one_of_pulumi_linode_and_no_other_is_left_out(schema: Schema) -> None:
    outputs = set(resource_py_to_pulumi_names(sdk_class(schema)).values())
    inputs = set(input_type_py_to_pulumi_names(sdk_class(schema, "Args")).values())
    assert outputs - inputs <= set(schema.outputs) <= outputs


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.token)
def test_what_pulumi_linode_requires_is_required_here(schema: Schema) -> None:
    parameters = inspect.signature(sdk_class(schema, "Args")).parameters.values()
    names = input_type_py_to_pulumi_names(sdk_class(schema, "Args"))
    required = {names[one.name] for one in parameters if one.default is inspect.Parameter.empty and one.name in names}
    assert required <= {row.name for row in schema.inputs if row.required}


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.token)
def test_good_inputs_have_no_fault(schema: Schema) -> None:
    assert checked(schema)[1] == []


@pytest.mark.parametrize(
    ("schema", "changed", "name", "reason"), FAULTS, ids=[f"{row[0].token.rsplit(':')[-1]}-{row[3]}" for row in FAULTS]
)
def test_a_faulty_input_is_named_with_its_reason(schema: Schema, changed: Plain, name: str, reason: str) -> None:
    assert checked(schema, **changed)[1] == [(name, reason)]


def test_all_faults_are_told_at_once() -> None:
    assert [name for name, _ in checked(Firewall.schema, label=None, inboundPolicy="x", outboundPolicy="y")[1]] == [
        "label",
        "inboundPolicy",
        "outboundPolicy",
    ]


@pytest.mark.parametrize("name", ["disks", "linodeInterfaces", "nonsense"])
def test_an_input_that_the_stand_in_does_not_serve_is_refused_and_never_dropped(name: str) -> None:
    reason = "not served by the stand-in of the linode provider; leave it out, or use the real provider"
    assert checked(Instance.schema, **{name: "x"})[1] == [(name, reason)]


def test_an_unknown_input_has_no_fault_yet() -> None:
    assert Instance.schema.check({"region": wrap("us-ord"), "label": unknown()})[1] == []


# Source: the real provider's schemas.
@pytest.mark.parametrize(
    ("schema", "name", "default"),
    [
        (Instance.schema, "type", "g6-standard-1"),
        (Instance.schema, "watchdogEnabled", True),
        (Firewall.schema, "disabled", False),
        (Volume.schema, "size", 20.0),
    ],
)
def test_the_real_providers_defaults_are_filled_in(schema: Schema, name: str, default: object) -> None:
    assert checked(schema)[0][name] == default


def test_a_default_does_not_override_what_is_given() -> None:
    assert checked(Instance.schema, type="g6-nanode-1")[0]["type"] == "g6-nanode-1"
