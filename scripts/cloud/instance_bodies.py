"""How the API shows an Instance, its addresses, disks and configs. Source: recorded API traffic, 2026-05 to 2026-07."""

from scripts.cloud import plans
from scripts.cloud.cloud import Cloud
from scripts.cloud.replies import Json

SWAP_MB = 512  # what an image deployment gets unless asked otherwise
SLOTS = [f"sd{letter}" for letter in "abcdefgh"]
STATUS_OF_BOX = {"booting": "booting", "running": "running", "offline": "offline", "gone": "offline"}
CAPABILITIES = ["Block Storage Encryption", "Maintenance Policy"]


def instance_body(cloud: Cloud, row: Json) -> Json:
    """The Instance."""
    return {
        "id": row["id"],
        "label": row["label"],
        "group": row["group"],
        "status": status(cloud, row),
        "created": row["created"],
        "updated": row["updated"],
        "type": row["type"],
        "ipv4": row["ipv4"],
        "ipv6": f"{ipv6(row)}/128",
        "image": row["image"],
        "region": row["region"],
        "site_type": "core",
        "specs": plans.BY_ID[row["type"]].specs(),
        "alerts": row["alerts"],
        "backups": {
            "enabled": row["backups_enabled"],
            "available": False,
            "schedule": {"day": None, "window": None},
            "last_successful": None,
        },
        "hypervisor": "kvm",
        "watchdog_enabled": row["watchdog_enabled"],
        "tags": row["tags"],
        "host_uuid": f"{row['id']:032x}",
        "has_user_data": row["has_user_data"],
        "placement_group": None,
        "disk_encryption": row["disk_encryption"],
        "lke_cluster_id": None,
        "capabilities": CAPABILITIES,
        "interface_generation": row["interface_generation"],
        "maintenance_policy": row["maintenance_policy"],
        "locks": [],
    }


def status(cloud: Cloud, row: Json) -> str:
    """What the Instance is doing: a deed under way, else what its box does."""
    if row["phase"] != "here":
        return {"creating": "provisioning", "deleting": "deleting"}[row["phase"]]
    doing, until = row["doing"]
    return doing if cloud.store.clock() < until else STATUS_OF_BOX[cloud.boxes.state(row["id"])]


def ipv6(row: Json) -> str:
    """A documentation address made of the id: a box of the local cloud has no IPv6."""
    return f"2001:db8::{row['id'] >> 16:x}:{row['id'] & 0xFFFF:x}"


def ips_body(row: Json) -> Json:
    """The Instance's addresses."""
    public = [_ipv4(row, address) for address in row["ipv4"]]
    return {
        "ipv4": {"public": public, "private": [], "shared": [], "reserved": [], "vpc": []},
        "ipv6": {
            "slaac": _ipv6(row, ipv6(row), 64),
            "link_local": _ipv6(row, f"fe80::{row['id'] & 0xFFFF:x}", 64),
            "global": [],
            "vpc": [],
        },
    }


def _ipv4(row: Json, address: str) -> Json:
    return {
        "address": address,
        "gateway": address.rpartition(".")[0] + ".1",
        "subnet_mask": "255.255.255.0",
        "prefix": 24,
        "type": "ipv4",
        "public": True,
        "rdns": f"{address.replace('.', '-')}.ip.example.net",
        "linode_id": row["id"],
        "interface_id": None,
        "region": row["region"],
        "vpc_nat_1_1": None,
        "reserved": False,
        "assigned_entity": {
            "id": row["id"],
            "label": row["label"],
            "type": "linode",
            "url": f"/v4/linode/instances/{row['id']}",
        },
    }


def _ipv6(row: Json, address: str, prefix: int) -> Json:
    return {
        "address": address,
        "gateway": "fe80::1",
        "subnet_mask": "ffff:ffff:ffff:ffff::",
        "prefix": prefix,
        "type": "ipv6",
        "public": not address.startswith("fe80"),
        "rdns": None,
        "linode_id": row["id"],
        "region": row["region"],
    }


def disk_bodies(row: Json) -> list[Json]:
    """Its disks: the image's and a swap disk, or none without an image."""
    swap, whole = row["swap_mb"], plans.BY_ID[row["type"]].disk_mb
    if row["image"] is None:
        return []
    named = [(f"{row['image'].partition('/')[2]} Disk", "ext4", whole - swap), (f"{swap} MB Swap Image", "swap", swap)]
    return [_disk(row, number, *disk) for number, disk in enumerate(named) if disk[2]]


def _disk(row: Json, number: int, label: str, filesystem: str, size_mb: int) -> Json:
    return {
        "id": disk_id(row, number),
        "status": "ready" if row["phase"] == "here" else "not ready",
        "label": label,
        "created": row["created"],
        "updated": row["created"],
        "filesystem": filesystem,
        "size": size_mb,
        "disk_encryption": row["disk_encryption"],
    }


def disk_id(row: Json, number: int) -> int:
    """The id of the Instance's n-th disk; disks have no rows of their own."""
    return int(row["id"]) * 10 + number


def config_bodies(row: Json) -> list[Json]:
    """Its one boot config, or none without an image."""
    disks = disk_bodies(row)
    slots = {slot: {"disk_id": disk["id"], "volume_id": None} for slot, disk in zip(SLOTS, disks, strict=False)}
    config = {
        "id": int(row["id"]) * 10 + 9,
        "label": f"My {str(row['image']).partition('/')[2]} Disk Profile",
        "helpers": {
            "updatedb_disabled": True,
            "distro": True,
            "modules_dep": True,
            "network": False,
            "devtmpfs_automount": True,
        },
        "kernel": "linode/grub2",
        "comments": "",
        "memory_limit": 0,
        "created": row["created"],
        "updated": row["created"],
        "root_device": "/dev/sda",
        "devices": {slot: slots.get(slot) for slot in SLOTS},
        "initrd": None,
        "run_level": "default",
        "virt_mode": "paravirt",
        "interfaces": [],
    }
    return [config] if disks else []
