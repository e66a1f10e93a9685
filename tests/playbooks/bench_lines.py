"""A result of a benchmark for tests, and others that differ from it."""

from dataclasses import replace

from playbooks.bench_figures import Figures, Spread
from playbooks.bench_ledger import REPLAY, Line

FIGURES = Figures(
    first_turn=Spread(2.0, 2.5),
    later_turns=Spread(0.5, 0.9),
    beside=Spread(0.2, 0.3),
    edits=Spread(60.0, 40.0),
    tokens_per_s=30.0,
    prefix_hits=0.6,
    drafts_accepted=0.8,
    tokens_per_usd=100_000.0,
    answers=48,
    tokens=9_000,
    seconds=300.0,
    empty=0,
    cut_off=3,
    foreign=0,
)
LINE = Line(
    kind=REPLAY,
    at="2026-11-26T15:00:00Z",
    stack="coder-30b",
    lease="20261126t140000z-abcd",
    cloud="linode",
    plan="g2-gpu-rtx4000a2-s",
    region="us-ord",
    usd_per_hour=1.05,
    price_source="api.linode.com 2026-11-26",
    model="qwen3-coder-30b",
    hub_id="Qwen/Qwen3-Coder-30B-A3B-Instruct-FP8",
    revision="dcaee4d4dfc5ee71ad501f01f530e5652438fde0",
    served_name="daybox-qwen3-coder-30b",
    window_tokens=32_768,
    vllm="0.33.0",
    image="vllm/vllm-openai:v0.33.0",
    image_id="sha256:1",
    flags=("--max-num-seqs=8", "--tensor-parallel-size=2"),
    gpu="NVIDIA RTX 4000 Ada Generation, 580.95.05, 20475 MiB",
    bundle="b" * 64,
    daybox="0123456789ab",
    clients=1,
    runs=3,
    session="5" * 64,
    session_name="edits",
    turns=8,
    figures=FIGURES,
)


def faster(line: Line, tokens_per_s: float, tokens_per_usd: float | None = 100_000.0, **changes: object) -> Line:
    """The same at another speed, and with other changes."""
    figures = replace(FIGURES, edits=Spread(tokens_per_s, tokens_per_s / 2), tokens_per_usd=tokens_per_usd)
    return replace(line, figures=figures, **changes)  # type: ignore[arg-type]
