"""The component: one lease of one box as Pulumi resources, in the order in which they must come and go.

Created: Token, Firewall, Receipt, Instance, Watchdog, Volume; destroyed in the reverse. So the ledger knows of a box
before it bills, the box is armed before `up` is green, and the token and firewall stay until the account lists nothing.
"""

import pulumi
import pulumi_linode as linode
from pulumi import ErrorHook, ErrorHookArgs, ResourceHookBinding, ResourceOptions

from stacks import firewall
from stacks.arming import program_sha256
from stacks.box import Box
from stacks.keys import key_words
from stacks.lease import ISO_TIME, TOKEN_OUTLASTS
from stacks.lot import Lot
from stacks.market import market
from stacks.price import HOUR_SECONDS
from stacks.quote import go_there
from stacks.receipt import Receipt
from stacks.settings import Settings
from stacks.volume import Volume, VolumeInputs
from stacks.volume_terms import tags_of
from stacks.watchdog import ArmInputs, Watchdog

TOKEN_SCOPES = "linodes:read_write"
REFUSED = "[403]"  # the API's word for no capacity; its text is not certain, and scopes were asked for before
# NOTE: a changed template or image, or a second laptop's key, must never replace a running box; arming sets the tags.
KEEP = ["metadatas", "tags", "authorizedKeys", "image"]


def no_capacity(settings: Settings) -> ErrorHook:
    """Capacity is known only at the create: names where else the plan is listed, and the line that goes there."""

    def on_error(args: ErrorHookArgs) -> bool:
        if args.failed_operation == "create" and any(REFUSED in error for error in args.errors):
            fact = f"stacks/{settings.stack}/region: {settings.region} gave no {settings.plan.name}, it says 403"
            pulumi.log.error(f"{fact}; unless its own words are about something else: {elsewhere(settings)}")
        return False  # to ask again would be to wait for somebody else's box

    return ErrorHook("no-capacity", on_error)


def elsewhere(settings: Settings) -> str:
    """Where else the plan is listed, and the line that goes there. Never raises: the API's own words would be lost."""
    try:
        found = market(settings.api_url, refresh=True)
        regions = found.in_stock(settings.plan)
    except Exception as error:
        return f"where else it is to be had is not known: {error!r}"
    if regions is None or found.why:
        return f"where else it is to be had is not known: {found.why}"
    return go_there(settings.stack, [region for region in regions if region != settings.region])


class Workstation(pulumi.ComponentResource):
    """A GPU coding box that can end itself."""

    def __init__(self, name: str, lot: Lot, opts: ResourceOptions | None = None) -> None:
        super().__init__("daybox:index:Workstation", name, {}, opts)
        own = ResourceOptions(parent=self, provider=self._cloud(lot.settings))
        self.token = self._token(lot, own)
        self.firewall = self._firewall(lot, own)
        before = [self.firewall, *([self.token] if self.token else [])]  # no box while its token may still fail
        self.receipt = Receipt(
            "receipt",
            lot.entry,
            lot.settings.cloud.token,
            ResourceOptions(parent=self, delete_before_replace=True, depends_on=before),
        )
        self.instance = self._instance(lot, own)
        self.watchdog = self._watchdog(lot)
        self._volume(lot)
        self.outputs = self._outputs(lot)
        self.register_outputs(self.outputs)

    def _cloud(self, settings: Settings) -> linode.Provider:
        """`url` always, `token` only where it is a fixed word: one in the state would outlive its rotation."""
        return linode.Provider(
            "linode",
            url=settings.api_url,
            token=settings.cloud.token or None,
            opts=ResourceOptions(parent=self),
        )

    def _token(self, lot: Lot, own: ResourceOptions) -> linode.Token | None:
        """The box's own token. Never delete_before_replace: the old one goes when the box is armed with the new."""
        if not lot.mint_token:
            return None
        ends = lot.ends + TOKEN_OUTLASTS
        return linode.Token(
            "token", label=lot.lease.firewall_label, scopes=TOKEN_SCOPES, expiry=ends.strftime(ISO_TIME), opts=own
        )

    def _firewall(self, lot: Lot, own: ResourceOptions) -> linode.Firewall:
        rules = [
            linode.FirewallInboundArgs(
                label=rule.label,
                action="ACCEPT",
                protocol=rule.protocol,
                ports=rule.ports,
                ipv4s=[cidr for cidr in lot.settings.ssh_from if ":" not in cidr],
                ipv6s=[cidr for cidr in lot.settings.ssh_from if ":" in cidr],
            )
            for rule in firewall.INBOUND
        ]
        return linode.Firewall(
            "firewall",
            label=lot.lease.firewall_label,
            inbounds=rules,
            inbound_policy=firewall.INBOUND_POLICY,
            outbound_policy=firewall.OUTBOUND_POLICY,
            tags=lot.lease.tags_until(lot.ends),
            opts=own,
        )

    def _instance(self, lot: Lot, own: ResourceOptions) -> linode.Instance:
        settings = lot.settings
        return linode.Instance(
            "box",
            label=lot.lease.label,
            type=settings.plan.name,  # NOTE: without a type the provider buys a CPU box
            region=settings.region,
            image=settings.cloud.image,
            authorized_keys=[key_words(settings.ssh_public_key)],
            firewall_id=self.firewall.id.apply(lambda number: int(float(number))),
            metadatas=[linode.InstanceMetadataArgs(user_data=pulumi.Output.secret(lot.user_data))],
            tags=lot.lease.tags_until(lot.ends),
            interface_generation="legacy_config",  # the default hangs on the account
            watchdog_enabled=True,  # Lassie revives a box that halted, so that its own watchdog can delete it
            backups_enabled=False,  # they cost, and nothing on a box is meant to be kept
            opts=ResourceOptions.merge(
                own,
                ResourceOptions(
                    delete_before_replace=True,  # its label is unique in the account
                    replace_on_changes=["type", "region"],  # else resized or migrated, over an hour
                    ignore_changes=KEEP,
                    depends_on=[self.receipt],
                    hooks=ResourceHookBinding(on_error=[no_capacity(settings)]),
                ),
            ),
        )

    def _watchdog(self, lot: Lot) -> Watchdog:
        settings, lease, ends = lot.settings, lot.lease, lot.ends
        inputs = ArmInputs(
            stack=settings.stack,
            lease=lease.id,
            instance_id=self.instance.id,
            address=self.instance.ipv4s.apply(lambda addresses: addresses[0]),
            api_url=settings.api_url,
            box_api_url=settings.box_api_url,
            cloud_token=settings.cloud.token,
            login_key=str(settings.login_key),
            first_host_key=lot.first_host_key,
            ends=[[end.at.timestamp(), end.why] for end in lot.hard_ends],
            idle_minutes=settings.idle_minutes,
            ready_minutes=settings.ready_minutes,
            self_destruct=settings.self_destruct,
            program_sha256=program_sha256(),
            tags=lease.tags_until(ends),
            hour_seconds=HOUR_SECONDS,
            token=self.token.token if self.token else pulumi.Output.secret(settings.box_token),
            webhook_url=pulumi.Output.secret(settings.webhook_url),
            ntfy_url=pulumi.Output.secret(settings.ntfy_url),
        )
        return Watchdog("watchdog", inputs, ResourceOptions(parent=self, deleted_with=self.instance))

    def _volume(self, lot: Lot) -> None:
        """The kept volume, after the watchdog: whatever fails here, the box can end itself."""
        settings, terms = lot.settings, lot.volume
        if terms:
            inputs = VolumeInputs(
                stack=settings.stack,
                label=terms.label,
                region=settings.region,
                size_gib=terms.size_gib,
                usd_per_month=terms.usd_per_month,
                tags=tags_of(settings.stack, lot.lease.owner, terms.until),
                instance_id=self.instance.id,
                api_url=settings.api_url,
                cloud_token=settings.cloud.token,
            )
            Volume("volume", inputs, ResourceOptions(parent=self, depends_on=[self.watchdog]))

    def _outputs(self, lot: Lot) -> dict[str, object]:
        settings, lease = lot.settings, lot.lease
        return Box.to_outputs(
            stack=settings.stack,
            lease=lease.id,
            cloud=settings.cloud.name,
            api_url=settings.api_url,
            instance_id=self.instance.id,
            address=self.watchdog.address,
            region=settings.region,
            plan=settings.plan.name,
            usd_per_hour=lot.entry.usd_per_hour,
            price_source=lot.entry.price_source,
            model=settings.model.name,
            served_name=settings.served_name,
            port=settings.port,
            dies_at=lot.entry.dies_at,
            idle_minutes=settings.idle_minutes,
            host_key=self.watchdog.host_key,
            bundle_sha256=lot.bundle.sha256,
            login_key=str(settings.login_key),
            webui=settings.webui,
            architect_name=settings.architect_name,
        )
