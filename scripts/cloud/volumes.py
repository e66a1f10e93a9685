"""Volumes: list, create, change, attach, delete. What is on one outlives the boxes that had it."""

from scripts.cloud import limits, regions
from scripts.cloud.cloud import Call
from scripts.cloud.lists import page
from scripts.cloud.replies import Json, Refusal, fault, refuse_if
from scripts.cloud.store import Store

SIZE_GB = (10, 16_384)
LABEL = (1, 32)
REGION_PRICES = (("id-cgk", 0.00018, 0.12), ("br-gru", 0.00021, 0.14))  # USD for a GB and hour, a GB and month
READY_SECONDS = 0.3  # so long a volume is `creating` or `resizing`


def volume_body(store: Store, row: Json) -> Json:
    """The volume as the API shows it."""
    instance = store.tables["instances"].get(row["linode_id"] or 0)
    return {
        "id": row["id"],
        "status": row["doing"] if store.clock() < row["until"] else "active",
        "label": row["label"],
        "created": row["created"],
        "updated": row["updated"],
        "filesystem_path": f"/dev/disk/by-id/scsi-0Linode_Volume_{row['label']}",
        "size": row["size"],
        "linode_id": row["linode_id"],
        "linode_label": instance["label"] if instance else None,
        "io_ready": instance is not None,
        "region": row["region"],
        "tags": row["tags"],
        "hardware_type": "nvme",
        "encryption": row["encryption"],
        "locks": [],
    }


def list_volumes(call: Call) -> Json:
    """Every volume."""
    return page(call, "/volumes", [volume_body(call.store, row) for row in call.store.rows("volumes")])


def get_volume(call: Call) -> Json:
    """One volume."""
    return volume_body(call.store, call.row("volumes", "id"))


def create_volume(call: Call) -> Json:
    """Order a volume, attached to an Instance or not."""
    body = call.body
    instance = call.store.tables["instances"].get(body.get("linode_id") or 0)
    region = instance["region"] if instance else body.get("region")
    faults = [*_label_faults(call, body.get("label")), *_size_faults(body.get("size", 20))]
    if body.get("linode_id") and not instance:
        faults.append(fault("linode_id is not valid", "linode_id"))
    elif region not in regions.BY_ID:
        faults.append(fault("Must provide a region or a Linode ID", "region"))
    refuse_if([*faults, *limits.tag_faults(body.get("tags") or [])])
    row = {
        "label": body["label"],
        "region": region,
        "size": body.get("size", 20),
        "linode_id": instance["id"] if instance else None,
        "tags": sorted(set(body.get("tags") or [])),
        "encryption": body.get("encryption") or "disabled",
    }
    made = call.store.add("volumes", row)
    call.cloud.boxes.make_volume(made["id"], made["size"])
    call.cloud.hold_volumes(made["linode_id"])
    return _changed(call, made, "volume_create", "creating")


def update_volume(call: Call) -> Json:
    """Change label or tags."""
    row, body = call.row("volumes", "id"), call.body
    label = body.get("label", row["label"])
    refuse_if([*_label_faults(call, label, row["id"]), *limits.tag_faults(body.get("tags") or [])])
    row |= {name: body[name] for name in ("label", "tags") if body.get(name) is not None}
    return _changed(call, row, "volume_update", "active")


def attach_volume(call: Call) -> Json:
    """Attach it to an Instance of its region."""
    row = call.row("volumes", "id")
    instance = call.store.tables["instances"].get(call.body.get("linode_id") or 0)
    if row["linode_id"]:
        raise Refusal(400, fault(f"Volume {row['id']} is already attached"))
    if instance is None or instance["region"] != row["region"]:
        raise Refusal(400, fault("linode_id is not valid", "linode_id"))
    row["linode_id"] = instance["id"]
    call.cloud.hold_volumes(instance["id"])
    return _changed(call, row, "volume_attach", "active")


def detach_volume(call: Call) -> Json:
    """Detach it."""
    row = call.row("volumes", "id")
    held, row["linode_id"] = row["linode_id"], None
    call.cloud.hold_volumes(held)
    _changed(call, row, "volume_detach", "active")
    return {}


def resize_volume(call: Call) -> Json:
    """Make it larger."""
    row, size = call.row("volumes", "id"), call.body.get("size")
    refuse_if(_size_faults(size))
    refuse_if([fault("Volumes can only be resized up", "size")] if int(size or 0) < row["size"] else [])
    row["size"] = size
    call.cloud.boxes.make_volume(row["id"], row["size"])
    return _changed(call, row, "volume_resize", "resizing")


def delete_volume(call: Call) -> Json:
    """Give it back; it must not be attached."""
    row = call.row("volumes", "id")
    refuse_if([fault("This volume must be detached before it can be deleted.")] if row["linode_id"] else [])
    call.store.remove("volumes", row["id"])
    call.cloud.boxes.remove_volume(row["id"])
    call.record("volume_delete", "volume", row)
    return {}


def list_types(call: Call) -> Json:
    """What storage costs. Source: recorded API traffic, TestVolumeType_List, 2026-07-01; `local` is pretend money."""
    own = [{"id": region, "hourly": hourly, "monthly": monthly} for region, hourly, monthly in REGION_PRICES]
    price = {"hourly": 0.00015, "monthly": 0.1}
    row = {"id": "volume", "label": "Storage Volume", "price": price, "region_prices": own, "transfer": 0}
    return page(call, "/volumes/types", [row])


def _changed(call: Call, row: Json, action: str, doing: str) -> Json:
    row |= {"doing": doing, "until": call.store.clock() + READY_SECONDS}
    call.store.touch(row)
    call.record(action, "volume", row)
    return volume_body(call.store, row)


def _label_faults(call: Call, label: object, besides: int = 0) -> list[Json]:
    taken = {row["label"] for row in call.store.rows("volumes") if row["id"] != besides}
    return list(limits.label_faults(label, LABEL, taken, "volumes"))


def _size_faults(size: object) -> list[Json]:
    low, high = SIZE_GB
    right = isinstance(size, int) and low <= size <= high
    return [] if right else [fault(f"Must be {low}-{high}", "size")]
