"""Every field the double emits is one that Linode describes, of the type it describes, and none is missing."""

import fnmatch
from collections.abc import Callable
from typing import Any

import pytest

from scripts.cloud.filters import FILTERABLE
from tests.cloud import FIREWALL, INSTANCE, Cloud
from tests.scripts.cloud.spec import leaves, operations

KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}
# Recorded in real traffic, and not described (each a pattern: operation and field).
RECORDED = (
    "* /linode/instances* locks",
    "PUT /linode/instances/* site_type",  # described for GET and POST
    "* /linode/instances* alerts.system_alerts",
    "* /linode/instances* alerts.user_alerts",
    "GET /linode/instances/*/configs* created",
    "GET /linode/instances/*/configs* updated",
    "GET /linode/instances/*/configs* initrd",
    "GET /linode/instances/*/ips ipv6.vpc",
    "POST /volumes locks",
)
# Described, and not always there: of maintenance, of other kinds of entity, of rule sets; and the list of one
# region's stock does not name the region.
SOMETIMES = (
    "GET /account/events* details.*",
    "GET /account/events* entity.cpc",
    "GET /account/events* entity.node",
    "GET /account/events* entity.pool",
    "*firewalls* *bound.ruleset",
    "GET /regions/{regionId}/availability region",
)
BY_NAME: dict[str, Callable[[dict[str, Any]], str]] = {
    "{linodeId}": lambda made: str(made["instance"]["id"]),
    "{firewallId}": lambda made: str(made["firewall"]["id"]),
    "{deviceId}": lambda made: str(made["device"]),
    "{volumeId}": lambda made: str(made["volume"]["id"]),
    "{tokenId}": lambda made: str(made["token"]["id"]),
    "{eventId}": lambda made: str(made["event"]),
    "{diskId}": lambda made: str(made["disk"]),
    "{configId}": lambda made: str(made["config"]),
    "{typeId}": lambda made: "g6-nanode-1",
    "{regionId}": lambda made: "us-ord",
    "{imageId}": lambda made: "linode/debian13",
}
RULE = FIREWALL["rules"]["inbound"][0] | {
    "addresses": {"ipv4": ["203.0.113.9/32"], "ipv6": ["2001:db8::/32"]},
    "description": "who may knock",
}
RULES = {"inbound": [RULE], "inbound_policy": "DROP", "outbound": [RULE], "outbound_policy": "ACCEPT"}
READS = [
    "/linode/types",
    "/linode/types/{typeId}",
    "/regions",
    "/regions/{regionId}",
    "/regions/availability",
    "/regions/{regionId}/availability",
    "/images",
    "/images/{imageId}",
    "/linode/instances",
    "/linode/instances/{linodeId}",
    "/linode/instances/{linodeId}/ips",
    "/linode/instances/{linodeId}/disks",
    "/linode/instances/{linodeId}/disks/{diskId}",
    "/linode/instances/{linodeId}/configs",
    "/linode/instances/{linodeId}/configs/{configId}",
    "/linode/instances/{linodeId}/firewalls",
    "/linode/instances/{linodeId}/volumes",
    "/networking/firewalls",
    "/networking/firewalls/{firewallId}",
    "/networking/firewalls/{firewallId}/rules",
    "/networking/firewalls/{firewallId}/devices",
    "/networking/firewalls/{firewallId}/devices/{deviceId}",
    "/volumes",
    "/volumes/types",
    "/volumes/{volumeId}",
    "/profile",
    "/profile/logins",
    "/profile/tokens",
    "/profile/tokens/{tokenId}",
    "/account",
    "/account/events",
    "/account/events/{eventId}",
    "/tags",
]


@pytest.fixture(scope="module")
def made(cloud: Cloud) -> dict[str, Any]:
    """One of everything, and the replies to what made or changed it."""
    firewall = cloud.json("POST", "/networking/firewalls", {"label": "spec", "rules": RULES, "tags": ["daybox"]})
    instance = cloud.create("spec", firewall_id=firewall["id"], tags=["daybox"])
    volume = cloud.json("POST", "/volumes", {"label": "spec", "linode_id": instance["id"]})
    token = cloud.json("POST", "/profile/tokens", {"label": "spec", "scopes": "linodes:read_write"})
    cloud.sign_in("203.0.113.9")
    part = f"/linode/instances/{instance['id']}"
    return {
        "firewall": firewall,
        "instance": instance,
        "volume": volume,
        "token": token,
        "device": cloud.json("GET", f"/networking/firewalls/{firewall['id']}/devices")["data"][0]["id"],
        "event": cloud.json("GET", "/account/events")["data"][0]["id"],
        "disk": cloud.json("GET", f"{part}/disks")["data"][0]["id"],
        "config": cloud.json("GET", f"{part}/configs")["data"][0]["id"],
        "POST /linode/instances": instance,
        "PUT /linode/instances/{linodeId}": cloud.json("PUT", part, {"group": ""}),
        "POST /networking/firewalls": firewall,
        "PUT /networking/firewalls/{firewallId}": cloud.json(
            "PUT", f"/networking/firewalls/{firewall['id']}", {"tags": ["daybox"]}
        ),
        "PUT /networking/firewalls/{firewallId}/rules": cloud.json(
            "PUT", f"/networking/firewalls/{firewall['id']}/rules", RULES
        ),
        "POST /volumes": volume,
        "POST /profile/tokens": token,
    }


def unlike(name: str, body: object) -> list[str]:
    """What in the body differs from Linode's description of the operation."""
    described, emitted = operations()[name].answer, leaves(body)
    nothing = {leaf for leaf, values in emitted.items() if all(value in (None, []) for value in values)}
    new = [leaf for leaf in emitted if not _is_described(leaf, described, leaf in nothing)]
    unknown = [leaf for leaf in new if not _is_among(RECORDED, name, leaf)]
    absent = [leaf for leaf in described if leaf not in emitted and not _is_below(leaf, nothing)]
    missing = [leaf for leaf in absent if not _is_among(SOMETIMES, name, leaf)]
    wrong = [
        f"{leaf}: {value!r} is no {described[leaf]}"
        for leaf, values in emitted.items()
        for value in values
        if leaf in described and value is not None and not _fits(value, described[leaf])
    ]
    return [f"unknown {leaf}" for leaf in unknown] + [f"missing {leaf}" for leaf in missing] + wrong


def _is_described(leaf: str, described: dict[str, str], is_nothing: bool) -> bool:
    return leaf in described or (is_nothing and any(name.startswith(f"{leaf}.") for name in described))


def _is_among(patterns: tuple[str, ...], name: str, leaf: str) -> bool:
    return any(fnmatch.fnmatchcase(f"{name} {leaf}", pattern) for pattern in patterns)


def _is_below(leaf: str, parents: set[str]) -> bool:
    return any(leaf.startswith(f"{parent}.") for parent in parents)


def _fits(value: object, kind: str) -> bool:
    return isinstance(value, KINDS[kind]) and (kind == "boolean" or not isinstance(value, bool))


@pytest.mark.parametrize("path", READS)
def test_what_is_read_has_the_fields_that_linode_describes(cloud: Cloud, made: dict[str, Any], path: str) -> None:
    filled = path
    for hole, name in BY_NAME.items():
        filled = filled.replace(hole, name(made))
    body = cloud.json("GET", filled)
    rows = body["data"] if isinstance(body, dict) and "results" in body else body
    assert rows, "an empty list shows nothing"
    assert unlike(f"GET {path}", rows) == []


WRITES = (
    "POST /linode/instances",
    "PUT /linode/instances/{linodeId}",
    "POST /networking/firewalls",
    "PUT /networking/firewalls/{firewallId}",
    "PUT /networking/firewalls/{firewallId}/rules",
    "POST /volumes",
    "POST /profile/tokens",
)


@pytest.mark.parametrize("name", WRITES)
def test_what_is_written_is_answered_with_the_fields_that_linode_describes(made: dict[str, Any], name: str) -> None:
    assert unlike(name, made[name]) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"colour": "red"}, "unknown colour"),
        ({"label": 7}, "label: 7 is no string"),
        ({"specs": {"gpus": True}}, "specs.gpus: True is no integer"),
        ({"has_user_data": "absent"}, "missing has_user_data"),
    ],
)
def test_this_check_can_fail(made: dict[str, Any], change: dict[str, object], fault: str) -> None:
    body = {name: value for name, value in (made["instance"] | change).items() if value != "absent"}
    assert fault in unlike("GET /linode/instances/{linodeId}", body)


@pytest.mark.parametrize("path", FILTERABLE)
def test_a_list_can_be_filtered_by_what_linode_says_and_by_nothing_else(path: str) -> None:
    assert FILTERABLE[path] == operations()[f"GET {path}"].filterable


def test_the_request_that_tests_send_has_no_field_that_linode_does_not_know() -> None:
    assert set(leaves(INSTANCE)) <= operations()["POST /linode/instances"].asked
