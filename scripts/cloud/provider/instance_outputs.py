"""What an Instance gives: the API's Linode, addresses, disks and configs in the names of pulumi-linode."""

from .values import Plain

BOOTED = ("running", "rebooting", "booting")
# (output, name in the API v4)
_SAME_VALUE = (
    *((name, name) for name in ("label", "status", "type", "region", "tags", "ipv6", "capabilities", "locks")),
    ("watchdogEnabled", "watchdog_enabled"),
    ("hostUuid", "host_uuid"),
    ("hasUserData", "has_user_data"),
    ("interfaceGeneration", "interface_generation"),
    ("diskEncryption", "disk_encryption"),
    ("maintenancePolicy", "maintenance_policy"),
    ("lkeClusterId", "lke_cluster_id"),
)
_SPECS = (
    *((name, name) for name in ("disk", "memory", "vcpus", "gpus", "transfer")),
    ("acceleratedDevices", "accelerated_devices"),
)
_ALERTS = (
    *((name, name) for name in ("cpu", "io")),
    ("networkIn", "network_in"),
    ("networkOut", "network_out"),
    ("transferQuota", "transfer_quota"),
)
_DISK = tuple((name, name) for name in ("id", "label", "size", "filesystem"))
_CONFIG = (
    *((name, name) for name in ("id", "label", "kernel", "comments")),
    ("memoryLimit", "memory_limit"),
    ("rootDevice", "root_device"),
    ("runLevel", "run_level"),
    ("virtMode", "virt_mode"),
)


def facts(found: Plain) -> Plain:
    """Outputs that the Linode itself tells."""
    return {
        **{name: found.get(api) for name, api in _SAME_VALUE},
        "booted": found["status"] in BOOTED,
        "ipv4s": found["ipv4"],
        "specs": [_members(found["specs"], _SPECS)],
        "alerts": _members(found["alerts"], _ALERTS),
        "backups": [_backups(found["backups"])],
        "backupsEnabled": found["backups"]["enabled"],
    }


def addressing(ipv4: Plain) -> Plain:
    """Outputs from `GET …/ips`."""
    public, private, shared = ([entry["address"] for entry in ipv4[kind]] for kind in ("public", "private", "shared"))
    return {
        "ipAddress": public[0] if public else None,
        "privateIp": bool(private),
        "privateIpAddress": private[0] if private else None,
        "sharedIpv4s": shared,
    }


def storage(disks: list[Plain]) -> Plain:
    """Outputs from `GET …/disks`."""
    return {
        "disks": [_members(disk, _DISK) for disk in disks],
        "swapSize": sum(disk["size"] for disk in disks if disk["filesystem"] == "swap"),
    }


def booting(configs: list[Plain]) -> Plain:
    """Outputs from `GET …/configs`: a single config is what a Linode boots with."""
    only = configs[0] if len(configs) == 1 else {}
    return {
        "configs": [_members(config, _CONFIG) for config in configs],
        **({"bootConfigLabel": only["label"], "kernel": only["kernel"]} if only else {}),
    }


def _members(found: Plain, names: tuple[tuple[str, str], ...]) -> Plain:
    return {name: found.get(api) for name, api in names}


def _backups(backups: Plain) -> Plain:
    schedule = _members(backups["schedule"], (("day", "day"), ("window", "window")))
    return {"enabled": backups["enabled"], "available": backups["available"], "schedules": [schedule]}
