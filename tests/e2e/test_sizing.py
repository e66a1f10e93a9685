"""Sizing against vLLM itself, in the boxes' root file system: real starts of the model that a laptop holds, and for all
others what vLLM's own descriptions of their caches need."""

import json
import os
import re
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from scripts.cloud import first_run
from scripts.cloud.inside import run_inside
from scripts.cloud.prepare import parts
from stacks import attention, families
from stacks.attention import Cache, Full, Layers, Recurrent, Sliding, mamba2
from stacks.catalog import DEVICES, MODELS, PLANS
from stacks.families import Family
from stacks.places import cache_dir
from stacks.sizing import fit, longest_context
from stacks.values import named

PARTS = parts(cache_dir())
pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not all(PARTS[name].is_there for name in ("rootfs", "site", "model", "first-run")),
    reason="needs root and: python -m scripts.cloud prepare",
)
PROGRAM = Path(__file__).with_name("size_with_vllm.py")

SMOLLM2 = named(MODELS, "smollm2-135m")
CPU, CUDA = named(DEVICES, "cpu"), named(DEVICES, "cuda")
ON_CPU = Cache(tp=1, value_bytes=2, block_tokens=CPU.block_tokens, in_flight_tokens=512)
WINDOW = SMOLLM2.family.window_tokens
ALL_OF_IT = 256  # MiB, more than its whole window needs
POOLS_MIB = (24, 48, 96, 160)
DIGITS = re.compile(r"estimated maximum model length is (\d+)")

FAMILIES = {name.lower(): one for name, one in vars(families).items() if isinstance(one, Family)}
# Kinds that no family of ours has, or not in these proportions. Gemma-4-31B as transformers 5.16 has it, 2026-11-20.
OTHERS: dict[str, tuple[Layers, ...]] = {
    "nemotron": (Full(6, 2, 128), mamba2(23, heads=64, head_dim=64, groups=8)),
    "one group of Mamba2 heads": (Full(4, 8, 128), mamba2(36, heads=128, head_dim=64, groups=1)),
    "gemma": (Full(10, 4, 512), Sliding(50, 16, 256, window=1024)),
    "hardly more of one kind": (Full(13, 8, 64), Sliding(12, 8, 64, window=128)),
    "only windows": (Sliding(32, 8, 128, window=4096),),
    "only Mamba2": (mamba2(64, heads=80, head_dim=64, groups=8),),
}
KINDS = {name: (one.attention, one.window_tokens) for name, one in FAMILIES.items()} | {
    name: (kinds, 131_072) for name, kinds in OTHERS.items()
}


@dataclass(frozen=True)
class Shape:
    """One model's kinds of layers on some cards, with a kind of cache."""

    name: str
    cache: Cache

    def __str__(self) -> str:
        return f"{self.name}-tp{self.cache.tp}-{self.cache.value_bytes * 8}bit"

    @property
    def kinds(self) -> tuple[Layers, ...]:
        return KINDS[self.name][0]

    @property
    def contexts(self) -> tuple[int, ...]:
        return 4096, 32_768, KINDS[self.name][1]

    def as_plain(self) -> dict[str, Any]:
        """For the program in the root file system, which has none of our code."""
        kinds = [asdict(kind) | {"kind": type(kind).__name__} for kind in self.kinds]
        return {"kinds": kinds, "contexts": self.contexts, **asdict(self.cache)}


SHAPES = [
    Shape(name, Cache(tp, value_bytes, CUDA.block_tokens, in_flight_tokens=4096))
    for name, (kinds, _) in KINDS.items()
    for tp in (1, 2, 4)
    if all(kind.divides(tp) for kind in kinds)
    for value_bytes in (2, 1)
]


def longest(pool_mib: int) -> int:
    """What sizing says fits."""
    return longest_context(SMOLLM2, ON_CPU, pool_mib / 1024)


STARTS = [(pool, longest(pool) + more) for pool in POOLS_MIB for more in (0, 1)]
STARTS += [(1024, WINDOW), (ALL_OF_IT, WINDOW + 1)]


Answers = dict[object, dict[str, Any]]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """What vLLM says to each start and each shape; all in one process, as its imports take longer than a start."""
    folder = tmp_path_factory.mktemp("sizing")
    engines = [{"pool_bytes": pool * 2**20, "context": context} for pool, context in STARTS]
    cases = {"engines": engines, "caches": [shape.as_plain() for shape in SHAPES]}
    (folder / "cases.json").write_text(json.dumps(cases))
    shutil.copy(PROGRAM, folder)
    shutil.copytree(PARTS["first-run"].target, folder / "cache")  # vLLM may add to it
    folders = {"/mnt/sizing": folder, "/mnt/cache": folder / "cache"}
    folders |= {f"/mnt/{name}": PARTS[name].target for name in ("site", "model")}
    words = ["python3", f"/mnt/sizing/{PROGRAM.name}", "/mnt/sizing/cases.json"]
    said = run_inside(PARTS["rootfs"].target, folders, environment(), words, part="test")
    lines = [json.loads(line) for line in said.splitlines() if line.startswith('{"')]
    return dict(zip([*STARTS, *SHAPES], lines, strict=True))


def environment() -> dict[str, str]:
    """vLLM's as on a box, but for its cache: that much in GiB would overrule each start's own size."""
    ours = first_run.environment() | {"PYTHONDONTWRITEBYTECODE": "1"}
    return {name: value for name, value in ours.items() if name != "VLLM_CPU_KVCACHE_SPACE"}


@pytest.mark.parametrize("pool", POOLS_MIB)
def test_vllm_starts_with_the_longest_context_that_sizing_says_fits(pool: int, answers: Answers) -> None:
    assert answers[pool, longest(pool)].get("refusal") is None


@pytest.mark.parametrize("pool", POOLS_MIB)
def test_vllm_refuses_one_token_more_and_names_the_same_limit(pool: int, answers: Answers) -> None:
    refusal = answers[pool, longest(pool) + 1]["refusal"]
    assert "To serve at least one request" in refusal
    assert DIGITS.findall(refusal) == [str(longest(pool))]


def test_the_pools_differ_in_what_fits() -> None:
    assert [longest(pool) for pool in POOLS_MIB] == [896, 2048, 4224, 7040]


def test_both_refuse_more_than_the_model_was_made_for_however_much_memory_there_is(answers: Answers) -> None:
    assert "is greater than the derived max_model_len" in answers[ALL_OF_IT, WINDOW + 1]["refusal"]
    assert longest(ALL_OF_IT) == WINDOW
    assert not fit(SMOLLM2, named(PLANS, "local-cpu"), WINDOW + 1).fits


def test_a_gib_holds_as_many_tokens_as_vllm_says(answers: Answers) -> None:
    blocks = 2**30 // attention.block_bytes(SMOLLM2.family.attention, ON_CPU)
    assert answers[1024, WINDOW]["pool_tokens"] == blocks * ON_CPU.block_tokens == 46_592


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_context_needs_as_many_bytes_as_vllm_checks_for(shape: Shape, answers: Answers) -> None:
    ours = [attention.bytes_needed(shape.kinds, shape.cache, context) for context in shape.contexts]
    assert ours == answers[shape]["needs"]


HYBRIDS = [shape for shape in SHAPES if {Full, Recurrent} <= {type(kind) for kind in shape.kinds}]


@pytest.mark.parametrize("shape", HYBRIDS, ids=str)
def test_blocks_of_hybrids_are_raised_to_as_many_tokens_as_vllm_raises_them(shape: Shape, answers: Answers) -> None:
    assert attention.with_states(shape.kinds, shape.cache).block_tokens == answers[shape]["block_tokens"]
