"""Bodies of API v4 for tests of the provider, shortened; shapes of the API reference."""

from scripts.cloud.provider.values import Plain
from tests.scripts.cloud.scripted_api import listed

LINODE: Plain = {
    "id": 7,
    "label": "box",
    "status": "running",
    "type": "g6-nanode-1",
    "region": "us-ord",
    "ipv4": ["192.0.2.7"],
    "ipv6": "2001:db8::7/128",
    "specs": {"disk": 25600, "memory": 1024, "vcpus": 1, "gpus": 0, "transfer": 1000, "accelerated_devices": 0},
    "alerts": {"cpu": 90, "network_in": 10, "network_out": 10, "transfer_quota": 80, "io": 10000},
    "backups": {"enabled": False, "available": False, "schedule": {"day": None, "window": None}},
    "watchdog_enabled": True,
    "tags": ["daybox"],
    "host_uuid": "288e",
    "has_user_data": True,
    "disk_encryption": "enabled",
    "lke_cluster_id": None,
    "capabilities": [],
    "interface_generation": "legacy_config",
    "maintenance_policy": "linode/migrate",
    "locks": [],
}
IPS: Plain = {"ipv4": {"public": [{"address": "192.0.2.7"}], "private": [], "shared": [], "reserved": [], "vpc": []}}
DISKS = listed(
    {"id": 1, "label": "Debian 13 Disk", "size": 25088, "filesystem": "ext4"},
    {"id": 2, "label": "512 MB Swap Image", "size": 512, "filesystem": "swap"},
)
CONFIGS = listed({"id": 3, "label": "My Debian 13 Disk Profile", "kernel": "linode/grub2", "root_device": "/dev/sda"})
RULES: Plain = {
    "inbound": [
        {
            "action": "ACCEPT",
            "label": "ssh",
            "protocol": "TCP",
            "ports": "22",
            "description": "",
            "addresses": {"ipv4": ["203.0.113.9/32"]},
        }
    ],
    "inbound_policy": "DROP",
    "outbound": None,
    "outbound_policy": "ACCEPT",
    "version": 1,
    "fingerprint": "7bcc0f03",
}
FIREWALL: Plain = {
    "id": 5,
    "label": "wall",
    "tags": [],
    "status": "enabled",
    "created": "2026-01-01T00:00:00",
    "updated": "2026-01-01T00:00:00",
}
DEVICES = listed(
    {
        "id": 9,
        "entity": {"id": 7, "type": "linode", "label": "box", "url": "/v4/linode/instances/7", "parent_entity": None},
    }
)
TOKEN: Plain = {
    "id": 4,
    "label": "key",
    "scopes": "linodes:read_write",
    "created": "2026-01-01T00:00:00",
    "expiry": "2030-01-01T00:00:00",
    "token": "0123456789abcdef" * 4,
}
VOLUME: Plain = {
    "id": 8,
    "label": "weights",
    "region": "us-ord",
    "size": 40,
    "tags": [],
    "status": "active",
    "encryption": "enabled",
    "linode_id": None,
    "filesystem_path": "/dev/disk/by-id/scsi-0Linode_Volume_weights",
    "io_ready": True,
}


def deletion(event_id: int, status: str = "finished") -> Plain:
    """A `linode_delete` event."""
    return {"id": event_id, "action": "linode_delete", "status": status, "entity": {"id": 7, "type": "linode"}}
