"""linode:index/firewall:Firewall."""

from .api import Api
from .errors import ProviderError, Unfinished, told_as
from .resource import Resource
from .sameness import same_set
from .schema import Property, Schema, length, one_of
from .values import Plain

# Source: terraform-provider-linode v3, linode/firewall/framework_schema_resource.go; lengths of the API reference.
POLICY = one_of("ACCEPT", "DROP")
PROTOCOLS = ("TCP", "UDP", "ICMP", "IPENCAP")


def rules_fault(rules: list[Plain]) -> str:
    """The first fault of a list of rules."""
    return next((fault for place, rule in enumerate(rules) if (fault := _rule_fault(place, rule))), "")


SCHEMA = Schema(
    token="linode:index/firewall:Firewall",
    inputs=(
        Property("label", "label", required=True, fault=length(3, 32)),
        Property("inboundPolicy", required=True, fault=POLICY),
        Property("outboundPolicy", required=True, fault=POLICY),
        Property("inbounds", fault=rules_fault),
        Property("outbounds", fault=rules_fault),
        Property("tags", "tags", computed=True, same=same_set),
        Property("disabled", default=False),
    ),
    outputs=(
        *("created", "devices", "fingerprint", "interfaces", "linodes", "nodebalancers"),
        *("status", "updated", "version"),
    ),
)
RULES = frozenset(("inbounds", "outbounds", "inboundPolicy", "outboundPolicy"))


class Firewall(Resource):
    """A Cloud Firewall."""

    schema = SCHEMA
    path = "/networking/firewalls"
    title = "firewall"
    updatable = RULES | {"label", "tags", "disabled"}

    def create(self, api: Api, inputs: Plain, seconds: float) -> tuple[str, Plain]:
        """POST, PUT what a POST cannot say, read."""
        with told_as("creating a firewall"):
            found = api.post(self.path, SCHEMA.body(inputs) | {"rules": rules_body(inputs)})
        firewall_id = str(found["id"])
        try:
            if inputs.get("disabled"):
                found = api.put(f"{self.path}/{firewall_id}", {"status": "disabled"})
            return firewall_id, self.describe(api, found)
        except ProviderError as error:
            raise Unfinished(firewall_id, facts(found), f"firewall {firewall_id}: {error}") from error

    def describe(self, api: Api, found: Plain) -> Plain:
        """The firewall with its rules and devices."""
        here = f"{self.path}/{found['id']}"
        return {**facts(found), **policy(api.get(f"{here}/rules")), **governed(api.all(f"{here}/devices"))}

    def change(self, api: Api, resource_id: str, changed: frozenset[str], inputs: Plain, seconds: float) -> None:
        """One PUT for the firewall, one for its rules."""
        put: Plain = {name: inputs.get(name) for name in ("label", "tags") if name in changed}
        if "disabled" in changed:
            put["status"] = "disabled" if inputs.get("disabled") else "enabled"
        if put:
            api.put(f"{self.path}/{resource_id}", put)
        if changed & RULES:
            api.put(f"{self.path}/{resource_id}/rules", rules_body(inputs))


def rules_body(inputs: Plain) -> Plain:
    """The rules as the API takes them."""
    return {
        "inbound": [_to_api(rule) for rule in inputs.get("inbounds", [])],
        "inbound_policy": inputs["inboundPolicy"],
        "outbound": [_to_api(rule) for rule in inputs.get("outbounds", [])],
        "outbound_policy": inputs["outboundPolicy"],
    }


def facts(found: Plain) -> Plain:
    """Outputs that the firewall itself tells."""
    told = {name: found[name] for name in ("label", "tags", "status", "created", "updated")}
    return told | {"disabled": found["status"] == "disabled"}


def policy(rules: Plain) -> Plain:
    """Outputs from `GET …/rules`."""
    return {
        "inbounds": [_from_api(rule) for rule in rules["inbound"] or []],
        "outbounds": [_from_api(rule) for rule in rules["outbound"] or []],
        "inboundPolicy": rules["inbound_policy"],
        "outboundPolicy": rules["outbound_policy"],
        "version": rules.get("version"),
        "fingerprint": rules.get("fingerprint"),
    }


def governed(devices: list[Plain]) -> Plain:
    """Outputs from `GET …/devices`."""
    entities = [device["entity"] for device in devices]
    of_type = {kind: [entity["id"] for entity in entities if entity["type"] == kind] for kind in KINDS}
    return {
        "devices": [_device(device) for device in devices],
        **{output: of_type[kind] for kind, output in KINDS.items()},
    }


# Type of an entity -> the output that lists their ids.
KINDS = {"linode": "linodes", "nodebalancer": "nodebalancers", "interface": "interfaces"}


def _device(device: Plain) -> Plain:
    entity = device["entity"]
    told = {name: entity[name] for name in ("type", "label", "url")}
    return {"id": device["id"], "entityId": entity["id"], **told}


def _to_api(rule: Plain) -> Plain:
    told = {name: rule[name] for name in ("action", "label", "protocol", "ports", "description") if rule.get(name)}
    addresses = {"ipv4": rule.get("ipv4s"), "ipv6": rule.get("ipv6s")}
    return told | {"addresses": {family: found for family, found in addresses.items() if found}}


def _from_api(rule: Plain) -> Plain:
    told = {name: rule[name] for name in ("action", "label", "protocol", "ports", "description") if rule.get(name)}
    addresses = rule.get("addresses") or {}
    families = {"ipv4s": addresses.get("ipv4"), "ipv6s": addresses.get("ipv6")}
    return told | {family: found for family, found in families.items() if found}


def _rule_fault(place: int, rule: Plain) -> str:
    faults = {
        "action": POLICY(rule.get("action")),
        "protocol": one_of(*PROTOCOLS)(rule.get("protocol")),
        "label": length(3, 32)(rule.get("label", "")),
    }
    return next((f"[{place}].{name}: {fault}" for name, fault in faults.items() if fault), "")
