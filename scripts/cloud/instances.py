"""Instances: list, create, change, delete. The record is written before the box is made and goes after the box went,
so that no box ever lives that no record knows.
"""

import asyncio
import base64

from scripts.cloud import events, images, limits, plans, regions
from scripts.cloud.cloud import Call, Cloud
from scripts.cloud.instance_bodies import SWAP_MB, instance_body
from scripts.cloud.lists import page
from scripts.cloud.replies import BUSY, NO_CAPACITY, Json, Refusal, fault, refuse_if
from scripts.cloud.store import zoneless

LIST = "/linode/instances"
ALERTS = {"cpu": 90, "network_in": 10, "network_out": 10, "transfer_quota": 80, "io": 10_000}
CHANGEABLE = ("label", "tags", "group", "watchdog_enabled", "alerts", "maintenance_policy")
INTERFACES = "legacy_config"  # the account's default; a real account may have the other one


def list_instances(call: Call) -> Json:
    """Every Instance, also those being created or deleted."""
    return page(call, LIST, [instance_body(call.cloud, row) for row in call.store.rows("instances")])


def get_instance(call: Call) -> Json:
    """One Instance."""
    return instance_body(call.cloud, call.row("instances", "id"))


async def create_instance(call: Call) -> Json:
    """Begin a box. The reply comes while it boots."""
    _check(call)
    row = call.store.add("instances", _row(call))
    row["label"] = row["label"] or f"linode{row['id']}"
    firewall_id = call.body.get("firewall_id")
    if firewall_id:
        call.store.add("devices", {"firewall_id": firewall_id, "instance_id": row["id"]})
    call.store.save()
    try:
        await _begin(call, row)
    except Exception:
        await asyncio.to_thread(call.cloud.boxes.delete, row["id"])
        forget(call.cloud, row)
        call.store.save()
        raise
    return instance_body(call.cloud, row) | {"status": "provisioning"}


async def _begin(call: Call, row: Json) -> None:
    cloud, body = call.cloud, call.body
    user_data = base64.b64decode((body.get("metadata") or {}).get("user_data") or "")
    booted = bool(row["image"]) and body.get("booted") is not False
    await cloud.hold_rules(row["id"])
    address = await asyncio.to_thread(
        cloud.boxes.create,
        row["id"],
        label=row["label"],
        user_data=user_data,
        authorized_keys=list(body.get("authorized_keys") or []),
        lassie=booted,
        api_port=cloud.api_port,
    )
    if not booted:
        await asyncio.to_thread(cloud.boxes.shutdown, row["id"])
    row |= {"ipv4": [address], "phase": "here"}
    username, entity, secondary = call.caller.username, events.entity("linode", row), _image(row)
    made = events.record(call.store, "linode_create", username, entity, secondary)
    made["at"] = row["born_at"]  # what is billed begins here, however long the box took to appear
    if booted:
        call.record("linode_boot", "linode", row, secondary)


def _image(row: Json) -> Json | None:
    image = images.BY_ID.get(str(row["image"]))
    return events.entity("image", {"id": image.id, "label": image.label}) if image else None


def _check(call: Call) -> None:
    body, plan, region = call.body, call.body.get("type"), call.body.get("region")
    firewall_id, image = body.get("firewall_id"), body.get("image")
    faults = [
        *_label_faults(call, body.get("label")),
        *limits.tag_faults(body.get("tags") or []),
        *limits.user_data_faults(body.get("metadata")),
        *limits.login_faults(body),
    ]
    if plan not in plans.BY_ID:
        faults.append(fault("A valid plan type by that ID was not found", "type"))
    if region not in regions.BY_ID:
        faults.append(fault("region is not valid", "region"))
    if image is not None and image not in images.BY_ID:
        faults.append(fault("image is not valid", "image"))
    if firewall_id and firewall_id not in call.store.tables["firewalls"]:
        faults.append(fault("firewall_id is not valid", "firewall_id"))
    if firewall_id and body.get("interface_generation") == "linode":
        faults.append(fault("firewall_id is not allowed with Linode interfaces", "firewall_id"))
    refuse_if(faults)
    if not regions.BY_ID[str(region)].sells(str(plan)):
        raise Refusal(403, fault(NO_CAPACITY))


def _label_faults(call: Call, label: object, besides: int = 0) -> list[Json]:
    taken = {row["label"] for row in call.store.rows("instances") if row["id"] != besides}
    return [] if label is None else list(limits.label_faults(label, limits.INSTANCE_LABEL, taken, "linodes"))


def _row(call: Call) -> Json:
    body, now = call.body, call.store.clock()
    return {
        "created": zoneless(now),
        "born_at": now,
        "label": body.get("label"),
        "type": body["type"],
        "region": body["region"],
        "image": body.get("image"),
        "group": body.get("group") or "",
        "tags": sorted(set(body.get("tags") or [])),
        "ipv4": [],
        "has_user_data": bool((body.get("metadata") or {}).get("user_data")),
        "watchdog_enabled": True,
        "backups_enabled": bool(body.get("backups_enabled")),
        "alerts": ALERTS | {"system_alerts": [], "user_alerts": []},
        "swap_mb": SWAP_MB if body.get("swap_size") is None else int(body["swap_size"]),
        "disk_encryption": body.get("disk_encryption") or "enabled",
        "interface_generation": body.get("interface_generation") or INTERFACES,
        "maintenance_policy": body.get("maintenance_policy") or "linode/migrate",
        "phase": "creating",
        "doing": ["", 0.0],
    }


async def update_instance(call: Call) -> Json:
    """Change what can be changed in place."""
    row, body = call.row("instances", "id"), call.body
    refuse_if([*_label_faults(call, body.get("label"), row["id"]), *limits.tag_faults(body.get("tags") or [])])
    changes = {name: body[name] for name in CHANGEABLE if body.get(name) is not None}
    row |= changes | {"alerts": row["alerts"] | changes.get("alerts", {})}
    row["tags"] = sorted(set(row["tags"]))
    call.store.touch(row)
    if "watchdog_enabled" in changes:
        await asyncio.to_thread(call.cloud.boxes.set_lassie, row["id"], row["watchdog_enabled"])
    call.record("linode_update", "linode", row)
    return instance_body(call.cloud, row)


async def delete_instance(call: Call) -> Json:
    """End the box and forget it; its event is what tells a true end from a mistaken 404."""
    row = call.row("instances", "id")
    if row["phase"] != "here":
        raise Refusal(400, fault(BUSY))
    row["phase"] = "deleting"
    call.store.save()
    try:
        await asyncio.to_thread(call.cloud.boxes.delete, row["id"])
    except Exception:
        row["phase"] = "here"  # it may still live: it stays listed, and can be deleted again
        call.store.save()
        raise
    forget(call.cloud, row)
    call.record("linode_delete", "linode", row)
    return {}


def forget(cloud: Cloud, row: Json) -> None:
    """Drop the record of an Instance whose box is gone, with its firewall devices and its hold on volumes."""
    for device in cloud.devices(instance_id=row["id"]):
        cloud.store.remove("devices", device["id"])
    for volume in cloud.store.rows("volumes"):
        if volume["linode_id"] == row["id"]:
            volume["linode_id"] = None
    cloud.store.remove("instances", row["id"])


def mend(cloud: Cloud) -> None:
    """Finish what a kill -9 cut short: half-made Instances become whole or go, half-deleted ones go."""
    for row in cloud.store.rows("instances"):
        address = cloud.boxes.address(row["id"])
        if row["phase"] == "creating" and address is not None:
            row |= {"phase": "here", "ipv4": [address]}
        elif row["phase"] != "here":
            cloud.boxes.delete(row["id"])
            forget(cloud, row)
            events.record(cloud.store, "linode_delete", "system", events.entity("linode", row))
    cloud.store.save()
