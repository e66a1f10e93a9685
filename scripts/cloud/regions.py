"""The regions the double offers, which GPU plans each is said to have, and the pretend one."""

from dataclasses import dataclass

from scripts.cloud.plans import PLANS
from scripts.cloud.replies import Json

EVERYWHERE = (
    *("Linodes", "Block Storage Encryption", "Backups", "NodeBalancers", "Block Storage", "Kubernetes"),
    *("Cloud Firewall", "Vlans", "VPCs", "Metadata", "Disk Encryption", "Linode Interfaces", "Placement Group"),
)
LOCAL = "local"


@dataclass(frozen=True)
class Region:
    """One region. families: prefixes of the plans said to be had here, as /regions/availability tells."""

    id: str
    label: str
    gpu: bool = True
    families: tuple[str, ...] = ()

    def body(self) -> Json:
        """The region as the API shows it."""
        return {
            "id": self.id,
            "label": self.label,
            "country": self.label.rpartition(", ")[2].lower(),
            "capabilities": [*EVERYWHERE, *(["GPU Linodes"] if self.gpu else [])],
            "status": "ok",
            "resolvers": {"ipv4": "192.0.2.53, 192.0.2.54", "ipv6": "2001:db8::53, 2001:db8::54"},
            "placement_group_limits": {
                "maximum_pgs_per_customer": 100,
                "maximum_linodes_per_pg": 5,
                "maximum_linodes_per_flexible_pg": 5,
            },
            "monitors": {"alerts": [], "metrics": []},
            "site_type": "core",
        }

    def sells(self, plan: str) -> bool:
        """Whether an Instance of the plan can be had here; plans without a GPU can be had anywhere real."""
        if "gpu" in plan or self.id == LOCAL:
            return plan.startswith(self.families)
        return not plan.startswith(LOCAL)


ADA = ("g2-gpu-rtx4000",)
QUADRO = ("g1-gpu-rtx6000",)

# Source: recorded API traffic of 2026-07-01: these 24 have the capability "GPU Linodes". Which family is where: third
# parties (Ada) and Linode's documentation (Quadro).
REGIONS = (
    Region("us-ord", "Chicago, US", families=ADA),
    Region("us-sea", "Seattle, US", families=ADA),
    Region("fr-par", "Paris, FR", families=ADA),
    Region("de-fra-2", "Frankfurt 2, DE", families=ADA),
    Region("jp-osa", "Osaka, JP", families=ADA),
    Region("sg-sin-2", "Singapore 2, SG", families=ADA),
    Region("in-bom-2", "Mumbai 2, IN", families=ADA),
    Region("us-east", "Newark, US", families=QUADRO),
    Region("us-southeast", "Atlanta, US", families=QUADRO),
    Region("eu-central", "Frankfurt, DE", families=QUADRO),
    Region("ap-south", "Singapore, SG", families=QUADRO),
    Region("ap-west", "Mumbai, IN", families=QUADRO),
    Region("es-mad", "Madrid, ES"),
    Region("in-maa", "Chennai, IN"),
    Region("it-mil", "Milan, IT"),
    Region("us-mia", "Miami, US"),
    Region("id-cgk", "Jakarta, ID"),
    Region("us-lax", "Los Angeles, US"),
    Region("gb-lon", "London 2, GB"),
    Region("se-sto", "Stockholm, SE"),
    Region("jp-tyo-3", "Tokyo 3, JP"),
    Region("fr-par-2", "Paris 2, FR"),
    Region("nl-ams", "Amsterdam, NL"),
    Region("ca-central", "Toronto, CA"),
    # without GPUs
    Region("us-iad", "Washington, US", gpu=False),
    Region("us-central", "Dallas, US", gpu=False),
    Region("us-west", "Fremont, US", gpu=False),
    Region("ap-southeast", "Sydney, AU", gpu=False),
    Region("au-mel", "Melbourne, AU", gpu=False),
    Region("br-gru", "Sao Paulo, BR", gpu=False),
    Region(LOCAL, "This machine, ZZ", gpu=False, families=("local-cpu",)),
)
BY_ID = {region.id: region for region in REGIONS}


def availability() -> list[Json]:
    """One row for each region and scarce plan: advisory, in the real API as here; only the create call decides."""
    scarce = [plan.id for plan in PLANS if plan.gpus or plan.id.startswith(LOCAL)]
    pairs = [(region, plan) for region in REGIONS for plan in scarce]
    return [{"region": region.id, "plan": plan, "available": region.sells(plan)} for region, plan in pairs]
