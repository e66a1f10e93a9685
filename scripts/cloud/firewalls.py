"""Firewalls: their rules, and the Instances they stand before. A change of rules reaches the boxes before the reply."""

import hashlib
import json
from collections.abc import Iterable

from scripts.cloud import events, limits
from scripts.cloud.cloud import Call, Cloud
from scripts.cloud.lists import page
from scripts.cloud.replies import Json, fault, refuse_if

LIST = "/networking/firewalls"
RULE_KEYS = ("protocol", "addresses", "action", "label", "description", "ports")
STATUSES = ("enabled", "disabled")


def firewall_body(cloud: Cloud, row: Json) -> Json:
    """The firewall as the API shows it."""
    names = ("id", "label", "created", "updated", "status", "rules", "tags")
    devices = cloud.devices(firewall_id=row["id"])
    return {name: row[name] for name in names} | {"entities": [_entity(cloud, device) for device in devices]}


def _entity(cloud: Cloud, device: Json) -> Json:
    instance = cloud.store.get("instances", device["instance_id"])
    return events.entity("linode", instance) | {"parent_entity": None}


def list_firewalls(call: Call) -> Json:
    """Every firewall."""
    return page(call, LIST, [firewall_body(call.cloud, row) for row in call.store.rows("firewalls")])


def get_firewall(call: Call) -> Json:
    """One firewall."""
    return firewall_body(call.cloud, call.row("firewalls", "id"))


async def create_firewall(call: Call) -> Json:
    """Make a firewall, before the Instances it is given."""
    body, instances = call.body, (call.body.get("devices") or {}).get("linodes") or []
    refuse_if(
        [
            *_label_faults(call, body.get("label")),
            *limits.tag_faults(body.get("tags") or []),
            *limits.rules_faults(body.get("rules")),
            *_instance_faults(call.cloud, instances),
        ]
    )
    row = {"label": body["label"], "status": "enabled", "tags": sorted(set(body.get("tags") or [])), "rules": {}}
    row = call.store.add("firewalls", row | {"rules": _rules(body["rules"], version=1)})
    for instance_id in instances:
        call.store.add("devices", {"firewall_id": row["id"], "instance_id": instance_id})
    call.record("firewall_create", "firewall", row)
    await _hold(call, row)
    return firewall_body(call.cloud, row)


async def update_firewall(call: Call) -> Json:
    """Change label, tags or status."""
    row, body = call.row("firewalls", "id"), call.body
    faults = [*limits.tag_faults(body.get("tags") or [])]
    if body.get("label") is not None:
        faults += _label_faults(call, body["label"], row["id"])
    if body.get("status", "enabled") not in STATUSES:
        faults.append(fault(f"Must be one of {', '.join(STATUSES)}", "status"))
    refuse_if(faults)
    row |= {name: body[name] for name in ("label", "tags", "status") if body.get(name) is not None}
    call.store.touch(row)
    call.record("firewall_update", "firewall", row)
    await _hold(call, row)
    return firewall_body(call.cloud, row)


async def delete_firewall(call: Call) -> Json:
    """Drop the firewall; the Instances behind it are open from now on."""
    row = call.row("firewalls", "id")
    devices = call.cloud.devices(firewall_id=row["id"])
    for device in devices:
        call.store.remove("devices", device["id"])
    call.store.remove("firewalls", row["id"])
    call.record("firewall_delete", "firewall", row)
    for device in devices:
        await call.cloud.hold_rules(device["instance_id"])
    return {}


def get_rules(call: Call) -> Json:
    """The firewall's rules."""
    rules: Json = call.row("firewalls", "id")["rules"]
    return rules


async def update_rules(call: Call) -> Json:
    """Put other rules in the place of the old ones."""
    row = call.row("firewalls", "id")
    refuse_if(list(limits.rules_faults(call.body)))
    row["rules"] = _rules(call.body, version=row["rules"]["version"] + 1)
    call.store.touch(row)
    call.record("firewall_rules_update", "firewall", row)
    await _hold(call, row)
    return get_rules(call)


def list_devices(call: Call) -> Json:
    """The Instances the firewall stands before."""
    devices = call.cloud.devices(firewall_id=call.row("firewalls", "id")["id"])
    return page(call, f"{LIST}/{{firewallId}}/devices", [_device_body(call.cloud, row) for row in devices])


def get_device(call: Call) -> Json:
    """One of them."""
    call.row("firewalls", "id")
    return _device_body(call.cloud, call.row("devices", "part"))


async def create_device(call: Call) -> Json:
    """Put the firewall before one more Instance."""
    firewall, instance_id = call.row("firewalls", "id"), call.body.get("id")
    refuse_if([] if call.body.get("type") == "linode" else [fault("Must be linode", "type")])
    refuse_if(_instance_faults(call.cloud, [int(instance_id or 0)]))
    row = call.store.add("devices", {"firewall_id": firewall["id"], "instance_id": instance_id})
    call.record("firewall_device_add", "firewall", firewall)
    await call.cloud.hold_rules(row["instance_id"])
    return _device_body(call.cloud, row)


async def delete_device(call: Call) -> Json:
    """Take the firewall away from one Instance."""
    firewall, row = call.row("firewalls", "id"), call.row("devices", "part")
    call.store.remove("devices", row["id"])
    call.record("firewall_device_remove", "firewall", firewall)
    await call.cloud.hold_rules(row["instance_id"])
    return {}


def _device_body(cloud: Cloud, row: Json) -> Json:
    return {name: row[name] for name in ("id", "created", "updated")} | {"entity": _entity(cloud, row)}


async def _hold(call: Call, row: Json) -> None:
    for device in call.cloud.devices(firewall_id=row["id"]):
        await call.cloud.hold_rules(device["instance_id"])


def _rules(wanted: Json, version: int) -> Json:
    rules: Json = {
        "inbound": _kept(wanted.get("inbound")),
        "inbound_policy": wanted["inbound_policy"],
        "outbound": _kept(wanted.get("outbound")),
        "outbound_policy": wanted["outbound_policy"],
    }
    fingerprint = hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest()[:8]
    return rules | {"version": version, "fingerprint": fingerprint}


def _kept(rules: Iterable[Json] | None) -> list[Json] | None:
    # null stays null and an absent key stays absent: so it was recorded
    return None if rules is None else [{key: rule[key] for key in RULE_KEYS if rule.get(key)} for rule in rules]


def _label_faults(call: Call, label: object, besides: int = 0) -> list[Json]:
    taken = {row["label"] for row in call.store.rows("firewalls") if row["id"] != besides}
    return list(limits.label_faults(label, limits.FIREWALL_LABEL, taken, "Cloud Firewalls"))


def _instance_faults(cloud: Cloud, instances: list[int]) -> list[Json]:
    """What stands against putting a firewall before these: unknown ones, and those that have an enabled one."""
    faults = [fault(f"Linode {new} not found", "id") for new in instances if new not in cloud.store.tables["instances"]]
    held = [new for new in instances if cloud.devices(instance_id=new)]
    return faults + [fault(f"Linode {new} already has a firewall assigned", "id") for new in held]
