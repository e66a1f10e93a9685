"""linode:index/instance:Instance. The calls and their order: as read in the real provider 6.0.0."""

from .api import Api
from .errors import ProviderError, Unfinished, told_as
from .instance_outputs import addressing, booting, facts, storage
from .resource import Resource
from .sameness import same_lines, same_set
from .schema import Property, Schema, length, one_of
from .values import Plain
from .waiting import NextEvent, until_status

# Source: terraform-provider-linode v3.13 (2026-05-14), linode/instance/schema_resource.go; pulumi-linode 6.8.0.
SCHEMA = Schema(
    token="linode:index/instance:Instance",
    inputs=(
        Property("region", "region", required=True),
        Property("type", "type", default="g6-standard-1"),  # a trap of the real one, kept
        Property("label", "label", computed=True, fault=length(3, 50)),
        Property("image", "image", replaces=True),
        Property("kernel", "kernel", computed=True),
        Property("authorizedKeys", "authorized_keys", replaces=True, same=same_lines),
        Property("authorizedUsers", "authorized_users", replaces=True),
        Property("rootPass", "root_pass", replaces=True),  # an update in the newest versions
        Property("metadatas", replaces=True),  # strictly its userData, which is all it holds
        Property("firewallId", "firewall_id", replaces=True),
        Property("interfaceGeneration", "interface_generation", replaces=True, computed=True),
        Property("networkHelper", "network_helper", replaces=True),
        Property(
            "diskEncryption", "disk_encryption", replaces=True, computed=True, fault=one_of("enabled", "disabled")
        ),
        Property("swapSize", "swap_size", computed=True),
        Property("bootSize", "boot_size"),
        Property("backupsEnabled", "backups_enabled", computed=True),
        Property("booted", "booted", computed=True),
        Property("maintenancePolicy", "maintenance_policy", computed=True),
        Property("tags", "tags", computed=True, same=same_set),
        Property("watchdogEnabled", default=True),  # Lassie; not part of a create, see Instance.create
        Property("resizeDisk", default=False),  # only how an update of `type` is done
        Property("migrationType", default="cold", fault=one_of("cold", "warm")),  # the same
    ),
    outputs=(
        *("alerts", "backups", "bootConfigLabel", "capabilities", "configs", "disks", "hasUserData", "hostUuid"),
        *("ipAddress", "ipv4s", "ipv6", "lkeClusterId", "locks", "placementGroup", "privateIp", "privateIpAddress"),
        *("sharedIpv4s", "specs", "status"),
    ),
)
PUT_NAMES = {
    "label": "label",
    "tags": "tags",
    "watchdogEnabled": "watchdog_enabled",
    "maintenancePolicy": "maintenance_policy",
}


class Instance(Resource):
    """A Linode."""

    schema = SCHEMA
    path = "/linode/instances"
    title = "Linode instance"
    updatable = frozenset((*PUT_NAMES, "resizeDisk", "migrationType"))

    def create(self, api: Api, inputs: Plain, seconds: float) -> tuple[str, Plain]:
        """POST, PUT what a POST cannot say, wait, read."""
        with told_as("creating a Linode instance"):
            found = api.post(self.path, body(inputs))
        linode_id = str(found["id"])
        try:
            if inputs.get("watchdogEnabled") is False:
                api.put(f"{self.path}/{linode_id}", {"watchdog_enabled": False})
            found = until_status(api, f"{self.path}/{linode_id}", wanted_status(inputs), seconds=seconds)
            return linode_id, self.describe(api, found)
        except ProviderError as error:
            raise Unfinished(linode_id, facts(found), f"Linode instance {linode_id}: {error}") from error

    def describe(self, api: Api, found: Plain) -> Plain:
        """The Linode with its addresses, disks and configs, asked in the order of the real provider."""
        here = f"{self.path}/{found['id']}"
        addresses = addressing(api.get(f"{here}/ips")["ipv4"])
        return {**facts(found), **addresses, **storage(api.all(f"{here}/disks")), **booting(api.all(f"{here}/configs"))}

    def change(self, api: Api, resource_id: str, changed: frozenset[str], inputs: Plain, seconds: float) -> None:
        """One PUT; with nothing changed, the engine asks for a start that failed to be seen through."""
        here = f"{self.path}/{resource_id}"
        if put := {api_name: inputs.get(name) for name, api_name in PUT_NAMES.items() if name in changed}:
            api.put(here, put)
        if not changed:
            until_status(api, here, wanted_status(inputs), seconds=seconds)

    def delete(self, api: Api, resource_id: str, state: Plain, seconds: float) -> None:
        """DELETE, then wait for the event of it: only then are its volumes and its label free again."""
        event = NextEvent(api, "linode_delete", int(resource_id))
        super().delete(api, resource_id, state, seconds)
        event.wait(seconds)


def body(inputs: Plain) -> Plain:
    """The body of POST /linode/instances."""
    user_data = [entry["userData"] for entry in inputs.get("metadatas", []) if entry.get("userData")]
    return {"booted": True} | SCHEMA.body(inputs) | ({"metadata": {"user_data": user_data[0]}} if user_data else {})


def wanted_status(inputs: Plain) -> str:
    """What a new Linode comes to: without an image there is nothing to boot."""
    return "running" if inputs.get("image") and inputs.get("booted", True) else "offline"
