"""Every endpoint of the double, the scope it needs, and who answers it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scripts.cloud import account, firewalls, instance_parts, instances, offers, power, tokens, volumes
from scripts.cloud.cloud import Call

PUBLIC = None
ANY_TOKEN = "*"  # the API's word for it
LINODES_READ, LINODES = "linodes:read_only", "linodes:read_write"
FIREWALL_READ, FIREWALL = "firewall:read_only", "firewall:read_write"
VOLUMES_READ, VOLUMES = "volumes:read_only", "volumes:read_write"
ACCOUNT_READ, ACCOUNT = "account:read_only", "account:read_write"
EVENTS_READ = "events:read_only"


@dataclass(frozen=True)
class Endpoint:
    """One method on one path. scope: as X-Accepted-OAuth-Scopes shows it."""

    method: str
    path: str
    scope: str | None
    answer: Callable[[Call], Any]


# Source of the scopes: X-Accepted-OAuth-Scopes in recorded API traffic; /profile really takes any token.
ENDPOINTS = (
    Endpoint("GET", "/linode/types", PUBLIC, offers.list_types),
    Endpoint("GET", "/linode/types/{id:str}", PUBLIC, offers.get_type),
    Endpoint("GET", "/regions", PUBLIC, offers.list_regions),
    Endpoint("GET", "/regions/availability", PUBLIC, offers.list_availability),
    Endpoint("GET", "/regions/{id:str}", PUBLIC, offers.get_region),
    Endpoint("GET", "/regions/{id:str}/availability", PUBLIC, offers.get_availability),
    Endpoint("GET", "/images", PUBLIC, offers.list_images),
    Endpoint("GET", "/images/{id:path}", PUBLIC, offers.get_image),
    Endpoint("GET", "/linode/instances", LINODES_READ, instances.list_instances),
    Endpoint("POST", "/linode/instances", LINODES, instances.create_instance),
    Endpoint("GET", "/linode/instances/{id:int}", LINODES_READ, instances.get_instance),
    Endpoint("PUT", "/linode/instances/{id:int}", LINODES, instances.update_instance),
    Endpoint("DELETE", "/linode/instances/{id:int}", LINODES, instances.delete_instance),
    Endpoint("GET", "/linode/instances/{id:int}/ips", LINODES_READ, instance_parts.list_ips),
    Endpoint("GET", "/linode/instances/{id:int}/disks", LINODES_READ, instance_parts.list_disks),
    Endpoint("GET", "/linode/instances/{id:int}/disks/{part:int}", LINODES_READ, instance_parts.get_disk),
    Endpoint("GET", "/linode/instances/{id:int}/configs", LINODES_READ, instance_parts.list_configs),
    Endpoint("GET", "/linode/instances/{id:int}/configs/{part:int}", LINODES_READ, instance_parts.get_config),
    Endpoint("GET", "/linode/instances/{id:int}/firewalls", LINODES_READ, instance_parts.list_firewalls),
    Endpoint("GET", "/linode/instances/{id:int}/volumes", LINODES_READ, instance_parts.list_volumes),
    Endpoint("POST", "/linode/instances/{id:int}/boot", LINODES, power.boot),
    Endpoint("POST", "/linode/instances/{id:int}/reboot", LINODES, power.reboot),
    Endpoint("POST", "/linode/instances/{id:int}/shutdown", LINODES, power.shutdown),
    Endpoint("POST", "/linode/instances/{id:int}/resize", LINODES, power.resize),
    Endpoint("POST", "/linode/instances/{id:int}/migrate", LINODES, power.migrate),
    Endpoint("POST", "/linode/instances/{id:int}/backups/enable", LINODES, power.enable_backups),
    Endpoint("POST", "/linode/instances/{id:int}/backups/cancel", LINODES, power.cancel_backups),
    Endpoint("GET", "/networking/firewalls", FIREWALL_READ, firewalls.list_firewalls),
    Endpoint("POST", "/networking/firewalls", FIREWALL, firewalls.create_firewall),
    Endpoint("GET", "/networking/firewalls/{id:int}", FIREWALL_READ, firewalls.get_firewall),
    Endpoint("PUT", "/networking/firewalls/{id:int}", FIREWALL, firewalls.update_firewall),
    Endpoint("DELETE", "/networking/firewalls/{id:int}", FIREWALL, firewalls.delete_firewall),
    Endpoint("GET", "/networking/firewalls/{id:int}/rules", FIREWALL_READ, firewalls.get_rules),
    Endpoint("PUT", "/networking/firewalls/{id:int}/rules", FIREWALL, firewalls.update_rules),
    Endpoint("GET", "/networking/firewalls/{id:int}/devices", FIREWALL_READ, firewalls.list_devices),
    Endpoint("POST", "/networking/firewalls/{id:int}/devices", FIREWALL, firewalls.create_device),
    Endpoint("GET", "/networking/firewalls/{id:int}/devices/{part:int}", FIREWALL_READ, firewalls.get_device),
    Endpoint("DELETE", "/networking/firewalls/{id:int}/devices/{part:int}", FIREWALL, firewalls.delete_device),
    Endpoint("GET", "/volumes", VOLUMES_READ, volumes.list_volumes),
    Endpoint("POST", "/volumes", VOLUMES, volumes.create_volume),
    Endpoint("GET", "/volumes/types", PUBLIC, volumes.list_types),
    Endpoint("GET", "/volumes/{id:int}", VOLUMES_READ, volumes.get_volume),
    Endpoint("PUT", "/volumes/{id:int}", VOLUMES, volumes.update_volume),
    Endpoint("DELETE", "/volumes/{id:int}", VOLUMES, volumes.delete_volume),
    Endpoint("POST", "/volumes/{id:int}/attach", VOLUMES, volumes.attach_volume),
    Endpoint("POST", "/volumes/{id:int}/detach", VOLUMES, volumes.detach_volume),
    Endpoint("POST", "/volumes/{id:int}/resize", VOLUMES, volumes.resize_volume),
    Endpoint("GET", "/profile", ANY_TOKEN, account.get_profile),
    Endpoint("GET", "/profile/logins", ACCOUNT_READ, account.list_logins),
    Endpoint("GET", "/profile/tokens", ACCOUNT_READ, tokens.list_tokens),
    Endpoint("POST", "/profile/tokens", ACCOUNT, tokens.create_token),
    Endpoint("GET", "/profile/tokens/{id:int}", ACCOUNT_READ, tokens.get_token),
    Endpoint("PUT", "/profile/tokens/{id:int}", ACCOUNT, tokens.update_token),
    Endpoint("DELETE", "/profile/tokens/{id:int}", ACCOUNT, tokens.delete_token),
    Endpoint("GET", "/account", ACCOUNT_READ, account.get_account),
    Endpoint("GET", "/account/events", EVENTS_READ, account.list_events),
    Endpoint("GET", "/account/events/{id:int}", EVENTS_READ, account.get_event),
    Endpoint("GET", "/tags", ACCOUNT_READ, account.list_tags),
    Endpoint("POST", "/tags", ACCOUNT, account.create_tag),
)
