"""The Linode types the double offers: every public GPU plan, a few CPU plans, and the pretend one."""

from dataclasses import dataclass

from scripts.cloud.replies import Json


@dataclass(frozen=True)
class Plan:
    """One type. monthly: None and 0 both mean that the plan is billed by the hour only."""

    id: str
    label: str
    family: str  # the API's `class`
    gpus: int
    vcpus: int
    memory_gib: int
    disk_mb: int
    hourly: float
    monthly: float | None
    transfer: int = 0
    network_out: int = 10_000
    regional: bool = False  # whether DEAR regions have a price of their own

    def body(self) -> Json:
        """The type as the API shows it."""
        return {
            "id": self.id,
            "label": self.label,
            "price": {"hourly": self.hourly, "monthly": self.monthly},
            "region_prices": [self._priced(region, factor) for region, factor in DEAR.items() if self.regional],
            "addons": {"backups": {"price": self._backups(), "region_prices": []}},
            "memory": self.memory_gib * 1024,
            "disk": self.disk_mb,
            "transfer": self.transfer,
            "vcpus": self.vcpus,
            "gpus": self.gpus,
            "network_out": self.network_out,
            "class": self.family,
            "successor": None,
            "accelerated_devices": 0,
        }

    def _backups(self) -> Json:
        return {"hourly": round(0.06 * max(1, self.gpus), 2), "monthly": None}

    def _priced(self, region: str, factor: float) -> Json:
        monthly = None if self.monthly is None else round(self.monthly * factor, 2)
        return {"id": region, "hourly": round(self.hourly * factor, 4), "monthly": monthly}

    def specs(self) -> Json:
        """What an Instance of this plan has."""
        names = ("disk", "memory", "vcpus", "gpus", "transfer", "accelerated_devices")
        return {name: self.body()[name] for name in names}


# Regions with prices of their own, and how much more they cost. Source: the nanode's region_prices.
DEAR = {"id-cgk": 1.2, "br-gru": 1.4}

# Source: facts of 2026-11-20. g1: recorded API traffic; g2: API print-outs checked 2026-07-18, where only the disk of
# a1-s is known. GPU plans have no monthly price since 2026-07-01: null on some, 0 on others, so both occur here.
PLANS = (
    Plan("g6-nanode-1", "Nanode 1GB", "nanode", 0, 1, 1, 25_600, 0.0075, 5.0, 1000, 1000, regional=True),
    Plan("g6-standard-1", "Linode 2GB", "standard", 0, 1, 2, 51_200, 0.018, 12.0, 2000, 2000, regional=True),
    Plan("g6-standard-2", "Linode 4GB", "standard", 0, 2, 4, 81_920, 0.036, 24.0, 4000, 4000, regional=True),
    Plan("g6-dedicated-8", "Dedicated 16GB", "dedicated", 0, 8, 16, 327_680, 0.216, 144.0, 6000, 6000, regional=True),
    Plan("g1-gpu-rtx6000-1", "Dedicated 32GB + RTX6000 GPU x1", "gpu", 1, 8, 32, 655_360, 1.50, 0.0, 16_000),
    Plan("g1-gpu-rtx6000-2", "Dedicated 64GB + RTX6000 GPU x2", "gpu", 2, 16, 64, 1_310_720, 3.00, 0.0, 20_000),
    Plan("g1-gpu-rtx6000-3", "Dedicated 96GB + RTX6000 GPU x3", "gpu", 3, 20, 96, 1_966_080, 4.50, 0.0, 20_000),
    Plan("g1-gpu-rtx6000-4", "Dedicated 128GB + RTX6000 GPU x4", "gpu", 4, 24, 128, 2_621_440, 6.00, 0.0, 20_000),
    Plan("g2-gpu-rtx4000a1-s", "RTX4000 Ada x1 Small", "gpu", 1, 4, 16, 524_288, 0.52, None),
    Plan("g2-gpu-rtx4000a1-m", "RTX4000 Ada x1 Medium", "gpu", 1, 8, 32, 524_288, 0.67, None),
    Plan("g2-gpu-rtx4000a1-l", "RTX4000 Ada x1 Large", "gpu", 1, 16, 64, 524_288, 0.96, None),
    Plan("g2-gpu-rtx4000a1-xl", "RTX4000 Ada x1 X-Large", "gpu", 1, 32, 128, 524_288, 1.53, None),
    Plan("g2-gpu-rtx4000a2-s", "RTX4000 Ada x2 Small", "gpu", 2, 8, 32, 524_288, 1.05, None),
    Plan("g2-gpu-rtx4000a2-m", "RTX4000 Ada x2 Medium", "gpu", 2, 16, 64, 524_288, 1.34, None),
    Plan("g2-gpu-rtx4000a2-hs", "RTX4000 Ada x2 Medium High Storage", "gpu", 2, 16, 64, 1_048_576, 1.49, None),
    Plan("g2-gpu-rtx4000a4-s", "RTX4000 Ada x4 Small", "gpu", 4, 32, 128, 524_288, 2.96, None),
    Plan("g2-gpu-rtx4000a4-m", "RTX4000 Ada x4 Medium", "gpu", 4, 48, 196, 524_288, 3.57, None),
    Plan("local-cpu", "Local box (pretend)", "standard", 0, 2, 4, 51_200, 0.10, None),
)
BY_ID = {plan.id: plan for plan in PLANS}
