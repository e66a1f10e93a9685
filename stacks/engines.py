"""The vLLMs of a box: one that serves its model, and beside it, if the stack has an architect, another for that.

Each is a container of one compose file, with the same key, the same bridge and the same seal; `engines_of` says what
else each has. A stack without an architect has exactly one, and no word of its files speaks of a second.
"""

from dataclasses import dataclass

from stacks.catalog import Model
from stacks.models import BF16
from stacks.settings import Settings
from stacks.sizing import Fit

CONTAINER, ARCHITECT_CONTAINER = "vllm", "vllm-architect"
BOX_PORT, ARCHITECT_BOX_PORT = 8000, 8001  # where the box publishes them, on its loopback only
CACHE = "/var/lib/daybox/vllm-cache"  # of the architect a folder in it: what is kept or carried of it, is of both


@dataclass(frozen=True)
class Engine:
    """One vLLM. names: what clients ask for; port: on the box's loopback. more: words of the stack's own.

    fit: how its model fits, with the context that it serves. part: whether it has but a part of each card.
    """

    container: str
    port: int
    model: Model
    names: tuple[str, ...]
    fit: Fit
    part: bool
    cache: str = CACHE
    more: tuple[str, ...] = ()


def engines_of(settings: Settings) -> tuple[Engine, ...]:
    """The box's vLLMs, the main one first."""
    served, weak = settings.served_name, settings.model.family.aider.weak_suffix
    names = (served, *([served + weak] if weak else []))
    two = settings.architect is not None
    main = Engine(CONTAINER, BOX_PORT, settings.model, names, settings.fit, two, more=settings.vllm_args)
    if settings.architect is None or settings.architect_fit is None:
        return (main,)
    return main, Engine(
        ARCHITECT_CONTAINER,
        ARCHITECT_BOX_PORT,
        settings.architect,
        (settings.architect_name,),
        settings.architect_fit,
        two,
        cache=f"{CACHE}/architect",
    )


def mounts(settings: Settings, engine: Engine) -> tuple[str, ...]:
    """What the container sees of the box: `from:to[:ro]`."""
    return (
        f"/var/lib/daybox/models/{engine.model.name}:/model:ro",
        "/etc/daybox/vllm-key:/run/secrets/vllm-key:ro",
        *(mount.replace(f"{CACHE}:", f"{engine.cache}:") for mount in settings.device.mounts),
    )


def vllm_words(settings: Settings, engine: Engine | None = None) -> list[str]:
    """The command line inside the container; None: that of the main one."""
    engine = engine or engines_of(settings)[0]
    return [
        *settings.device.entry_words,
        "/model",
        "--served-model-name",
        *engine.names,
        "--host=0.0.0.0",  # of the container: the box publishes it on its loopback only
        "--port=8000",
        f"--max-model-len={engine.fit.context}",
        f"--max-num-seqs={settings.max_num_seqs}",
        f"--max-num-batched-tokens={settings.max_num_batched_tokens}",
        *(gpu_words(settings, engine) if settings.device.gpu else []),
        "--no-enable-log-requests",
        "--disable-uvicorn-access-log",
        "--enable-prompt-tokens-details",  # an answer tells how much of its prompt was cached: `fab usage`
        *settings.device.vllm_flags,
        *engine.model.vllm_flags,
        *engine.more,  # last: of a word that is given twice, vLLM takes the last
    ]


def gpu_words(settings: Settings, engine: Engine) -> list[str]:
    """What only cards need to be told."""
    return [
        f"--tensor-parallel-size={engine.fit.tp}",
        *(part_words(settings, engine) if engine.part else [share_word(settings.gpu_memory_utilization)]),
        *([f"--kv-cache-dtype={settings.kv_cache_dtype}"] if settings.kv_cache_dtype != "auto" else []),
        *(["--dtype=half"] if settings.plan.capability < BF16.capability else []),
    ]


def share_word(share: float) -> str:
    """How much of each card's memory vLLM may take."""
    return f"--gpu-memory-utilization={share}"


def part_words(settings: Settings, engine: Engine) -> list[str]:
    """How much of each card one of two takes, and of that for its cache.

    The cache is given in bytes, as sizing has it: a vLLM that measures what is free while the other one loads takes too
    little, or fails (vLLM 0.33, v1/worker/gpu_worker.py, determine_available_memory). If it does not fit, vLLM says so.
    """
    share = int(engine.fit.budget_gib / settings.plan.gpu_gib * 10_000) / 10_000
    pool = int(engine.fit.pool_gib * 2**30) if engine.fit.fits else 0
    return [share_word(max(share, 0.01)), *([f"--kv-cache-memory-bytes={pool}"] if pool else [])]
