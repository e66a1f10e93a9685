"""What hangs on an Instance: addresses, disks, configs, firewalls, volumes."""

from scripts.cloud.cloud import Call
from scripts.cloud.firewalls import firewall_body
from scripts.cloud.instance_bodies import config_bodies, disk_bodies, ips_body
from scripts.cloud.lists import page
from scripts.cloud.replies import Json, not_found
from scripts.cloud.volumes import volume_body


def list_ips(call: Call) -> Json:
    """Its addresses: not a list with pages."""
    return ips_body(call.row("instances", "id"))


def list_disks(call: Call) -> Json:
    """Its disks."""
    return page(call, "/linode/instances/{linodeId}/disks", disk_bodies(call.row("instances", "id")))


def list_configs(call: Call) -> Json:
    """Its boot configs."""
    return page(call, "/linode/instances/{linodeId}/configs", config_bodies(call.row("instances", "id")))


def get_disk(call: Call) -> Json:
    """One disk."""
    return _part(disk_bodies(call.row("instances", "id")), call)


def get_config(call: Call) -> Json:
    """One boot config."""
    return _part(config_bodies(call.row("instances", "id")), call)


def _part(bodies: list[Json], call: Call) -> Json:
    for body in bodies:
        if body["id"] == call.ids["part"]:
            return body
    raise not_found()


def list_firewalls(call: Call) -> Json:
    """Its firewalls."""
    devices = call.cloud.devices(instance_id=call.row("instances", "id")["id"])
    rows = [call.store.get("firewalls", device["firewall_id"]) for device in devices]
    return page(call, "/linode/instances/{linodeId}/firewalls", [firewall_body(call.cloud, row) for row in rows])


def list_volumes(call: Call) -> Json:
    """The volumes attached to it."""
    row = call.row("instances", "id")
    rows = [volume for volume in call.store.rows("volumes") if volume["linode_id"] == row["id"]]
    return page(call, "/linode/instances/{linodeId}/volumes", [volume_body(call.store, volume) for volume in rows])
