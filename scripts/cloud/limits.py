"""What a request may hold. Each check gives the faults it found; a refusal names them all at once."""

import base64
import binascii
import ipaddress
import re
from collections.abc import Iterator

from scripts.cloud.replies import Json, Wire, fault

INSTANCE_LABEL = (3, 64)  # Source: npm @linode/validation
FIREWALL_LABEL = (3, 32)
TOKEN_LABEL = (1, 100)
TAG = (3, 50)
# Source: the API reference says 65535 bytes raw "or about 16kb encoded", which contradict; here the smaller holds.
USER_DATA_BYTES = 16_384  # in base64
NO_LOGIN = "Must provide valid root_pass, authorized_keys, or authorized_users"
PROTOCOLS_WITH_PORTS = ("TCP", "UDP", "6", "17")
PROTOCOLS = (*PROTOCOLS_WITH_PORTS, "ICMP", "IPENCAP", "ALL")
LAST_PORT = 65_535
PORT = r"\d{1,5}(-\d{1,5})?"


def label_faults(label: object, bounds: tuple[int, int], taken: set[str], family: str) -> Iterator[Json]:
    """Length, letters and uniqueness. family: what the API calls the others, e.g. `linodes`."""
    yield from length_faults(label, bounds, "label")
    # Two in a row are said to be refused by the API, which is not verified; npm's validator lets them pass.
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9]|[-_.](?![-_.]))*", str(label)) or str(label)[-1:] in "-_.":
        yield fault("Label may hold letters, digits and single dashes, dots or underscores between them", "label")
    if label in taken:
        yield fault(f"Label must be unique among your {family}", "label")


def length_faults(text: object, bounds: tuple[int, int], field: str) -> Iterator[Json]:
    """Whether `text` is text of a permitted length."""
    low, high = bounds
    if not isinstance(text, str) or not low <= len(text) <= high:
        yield fault(f"Length must be {low}-{high} characters", field)


def tag_faults(tags: Wire) -> Iterator[Json]:
    """Every tag's length."""
    if not isinstance(tags, list):
        yield fault("Must be a list of strings", "tags")
        return
    for tag in tags:
        yield from length_faults(tag, TAG, "tags")


def user_data_faults(metadata: Wire) -> Iterator[Json]:
    """Base64, and not too much of it."""
    encoded = (metadata or {}).get("user_data") or ""
    if len(encoded) > USER_DATA_BYTES:
        yield fault(f"user_data must not exceed {USER_DATA_BYTES} bytes in base64", "metadata.user_data")
    try:
        base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        yield fault("user_data must be base64-encoded", "metadata.user_data")


def login_faults(body: Json) -> Iterator[Json]:
    """An image needs somebody who may log in."""
    keys = body.get("authorized_keys") or []
    if body.get("image") and not (body.get("root_pass") or keys or body.get("authorized_users")):
        yield fault(NO_LOGIN)
    for number, key in enumerate(keys, start=1):
        if not re.match(r"(ssh|ecdsa|sk)-\S+ [A-Za-z0-9+/]+=*", str(key)):
            yield fault(f"SSH Key {number} invalid. Must be a properly-formatted SSH public key.", "authorized_keys")


def rules_faults(rules: Wire) -> Iterator[Json]:
    """A firewall's rules: policies, and every rule of both directions."""
    if not isinstance(rules, dict):
        yield fault("rules is required", "rules")
        return
    for direction in ("inbound", "outbound"):
        if rules.get(f"{direction}_policy") not in ("ACCEPT", "DROP"):
            yield fault("Must be one of ACCEPT, DROP", f"rules.{direction}_policy")
        for index, rule in enumerate(rules.get(direction) or []):
            yield from _rule_faults(rule, f"rules.{direction}[{index}]")


def _rule_faults(rule: Json, where: str) -> Iterator[Json]:
    if rule.get("action") not in ("ACCEPT", "DROP"):
        yield fault("Must be one of ACCEPT, DROP", f"{where}.action")
    protocol = str(rule.get("protocol"))
    if protocol not in PROTOCOLS and not protocol.isdigit():
        yield fault(f"Must be one of {', '.join(PROTOCOLS)}", f"{where}.protocol")
    elif rule.get("ports"):
        yield from _port_faults(rule["ports"], protocol, f"{where}.ports")
    if rule.get("label") is not None:
        yield from length_faults(rule["label"], FIREWALL_LABEL, f"{where}.label")
    for family, networks in (rule.get("addresses") or {}).items():
        for index, network in enumerate(networks or []):
            if not _is_cidr(network, family):
                yield fault("Must be a valid address in CIDR notation", f"{where}.addresses.{family}[{index}]")


def _port_faults(ports: object, protocol: str, field: str) -> Iterator[Json]:
    if protocol not in PROTOCOLS_WITH_PORTS:
        yield fault(f"Ports are not allowed for protocol {protocol}", field)
    numbers = [int(number) for number in re.findall(r"\d+", str(ports))]
    if not re.fullmatch(rf"{PORT}(, ?{PORT})*", str(ports)) or max(numbers) > LAST_PORT:
        yield fault("Ports must be a list of ports and ranges from 1 to 65535", field)


def _is_cidr(network: object, family: str) -> bool:
    try:
        version = ipaddress.ip_network(str(network), strict=False).version
    except ValueError:
        return False
    return "/" in str(network) and family == f"ipv{version}"
