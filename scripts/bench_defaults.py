"""Are daybox's flags faster? `python -m scripts.bench_defaults`: one engine, one run, a table.

vLLM's plain defaults, daybox's flags, maider's, and daybox's with one setting left out, each as a vLLM of its own, all
up at the same time. Each in turn replays the first turns of the recorded session, round after round, so that a machine
which slows down slows all of them. Every answer is the recorded one, by structured outputs: the edits are real whatever
the model can do, the text is the same for all, and drafts are right as often as a good edit repeats its prompt. One
round is not counted. With --engine another vLLM is measured, one variant at a time, since a card holds one.
"""

import argparse
import json
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from scripts.bench_engines import SERVED, Engine, Variant, on_cpu, variants
from stacks.catalog import DEVICES
from stacks.values import named

ROOT = Path(__file__).resolve().parent.parent
SESSION = ROOT / "playbooks/sessions/edits.jsonl"
CONTEXT = 8192  # all that SmolLM2 was made for
TURNS, LEAST_ROUNDS, MINUTES = 2, 2, 6.0
GIB_EACH = 2.8  # of one vLLM with SmolLM2 and 1 GiB of cache
NOTICEABLE = 0.05  # a smaller difference is the machine's, not the flag's


@dataclass
class Measured:
    """All that one variant did. Seconds, and tokens per second; drafts, hits: shares of the last round, or None."""

    variant: Variant
    starts: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    later: list[float] = field(default_factory=list)
    edits: list[float] = field(default_factory=list)
    drafts: float | None = None
    hits: float | None = None

    def add(self, replayed: dict[str, Any]) -> None:
        """One replay."""
        for answer in replayed["answers"]:
            (self.first if answer["turn"] == 1 else self.later).append(answer["first_s"])
            if answer["edits"]:
                self.edits.append(answer["tokens_per_s"])
        self.drafts, self.hits = replayed["figures"]["drafts_accepted"], replayed["figures"]["prefix_hits"]

    def figures(self) -> dict[str, float]:
        """Medians. None of starts, which prove nothing: the first one reads what the others find in memory."""
        every = {"turn 1": self.first, "later": self.later, "edits": self.edits}
        return {name: statistics.median(values) for name, values in every.items()}


def replay(engine: Engine, turns: int) -> dict[str, Any]:
    """One replay, by the program that `fab bench` runs, as a process of its own."""
    where = [str(engine.port), SERVED, str(SESSION)]
    words = [sys.executable, "-m", "playbooks.bench_run", *where, f"--turns={turns}", "--chat", "--exact"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"bench_defaults: {engine.variant.name}: {done.stderr.strip()}")
    replayed: dict[str, Any] = json.loads(done.stdout)
    check_whole(engine.variant, replayed["answers"])
    return replayed


def check_whole(variant: Variant, answers: Sequence[dict[str, Any]]) -> None:
    """Raises SystemExit for an answer that is not all of the recorded one: then the text is not the same for all."""
    for answer in answers:
        untimed = answer["first_s"] is None or (answer["edits"] and answer["tokens_per_s"] is None)
        if untimed or answer["finish"] == "length":
            what = f"turn {answer['turn']}: {answer['tokens']} tokens, ended by {answer['finish']!r}"
            raise SystemExit(f"bench_defaults: {variant.name}: {what}, not the whole recorded answer")


@contextmanager
def running(variant: Variant, command: Sequence[str]) -> Iterator[Engine]:
    """A vLLM with these flags, for as long as the `with` block runs."""
    engine = Engine(variant, command)
    try:
        yield engine
    finally:
        engine.stop()


def check_memory(engines: int) -> None:
    """Raises SystemExit if they would not fit: a machine that swaps measures its disk."""
    rows = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    free_gib = int(rows["MemAvailable"].split()[0]) / 2**20
    if free_gib < engines * GIB_EACH:
        raise SystemExit(f"bench_defaults: needs {engines * GIB_EACH:.0f} GiB of free memory, {free_gib:.0f} are")


def side_by_side(command: Sequence[str], every: Sequence[Variant], turns: int, deadline: float) -> list[Measured]:
    """All up at once; idle ones take no time of the one that is measured. At least LEAST_ROUNDS, more while time is."""
    check_memory(len(every))
    results = [Measured(variant) for variant in every]
    with ExitStack() as stack:
        engines = []
        for result in results:
            engines.append(stack.enter_context(running(result.variant, command)))
            result.starts.append(engines[-1].started_s)
            tell(f"{result.variant.name}: ready in {engines[-1].started_s:.1f} s")
        counted, took = -1, 0.0
        while counted < LEAST_ROUNDS or time.monotonic() + took < deadline:
            began = time.monotonic()
            for engine, result in zip(engines, results, strict=True):
                replayed = replay(engine, turns)
                if counted >= 0:
                    result.add(replayed)
            counted, took = counted + 1, time.monotonic() - began
            tell(f"round {counted or 'that is not counted'}: {took:.0f} s")
    return results


def one_at_a_time(command: Sequence[str], every: Sequence[Variant], turns: int, deadline: float) -> list[Measured]:
    """Each variant for itself, all of them again while time is left; its first replay is not counted."""
    results = [Measured(variant) for variant in every]
    took = 0.0
    while not results[-1].starts or time.monotonic() + took < deadline:
        began = time.monotonic()
        for result in results:
            with running(result.variant, command) as engine:
                result.starts.append(engine.started_s)
                replay(engine, turns)
                for _ in range(LEAST_ROUNDS):
                    result.add(replay(engine, turns))
            tell(f"{result.variant.name}: ready in {engine.started_s:.1f} s, measured")
        took = time.monotonic() - began
    return results


def tell(text: str) -> None:
    """Progress, on stderr."""
    print(text, file=sys.stderr, flush=True)


def table(results: Sequence[Measured]) -> list[str]:
    """A line for each variant; in brackets how it compares with the first, vLLM's defaults, but for its start."""
    base = results[0].figures()
    lines = [f"{'':<25}{'start to ready':>16}{'turn 1':>18}{'later turns':>18}{'edits':>20}{'drafts':>8}{'hits':>6}"]
    for result in results:
        figures = result.figures()
        started = f"{statistics.median(result.starts):.1f} s"
        times = [f"{figures[name]:.2f} s ({figures[name] / base[name]:.2f})" for name in ("turn 1", "later")]
        edits = f"{figures['edits']:.1f}/s ({figures['edits'] / base['edits']:.2f})"
        shares = [share(result.drafts), share(result.hits)]
        lines.append(
            f"{result.variant.name:<25}{started:>16}"
            + "".join(f"{text:>18}" for text in times)
            + f"{edits:>20}"
            + f"{shares[0]:>8}{shares[1]:>6}"
        )
    return lines


def share(value: float | None) -> str:
    """A share for people."""
    return "–" if value is None else f"{value:.0%}"


def verdicts(results: Sequence[Measured]) -> list[str]:
    """What each setting of daybox's brings: its whole set, compared with the set without it."""
    whole = next(result for result in results if result.variant.name == "daybox").figures()
    lines = []
    for result in results:
        if result.variant.without:
            less = result.figures()
            gains = {name: less[name] / whole[name] for name in ("turn 1", "later")}
            gains["edits"] = whole["edits"] / less["edits"]
            told = ", ".join(f"{name} {word(gain)}" for name, gain in gains.items())
            lines.append(f"with {result.variant.without}: {told}")
    return lines


def word(gain: float) -> str:
    """How much faster it is with the setting."""
    if abs(gain - 1) < NOTICEABLE:
        return "the same"
    return f"{gain:.2f} times as fast"


def main() -> int:
    """Measure, print the table and what each setting brings."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench_defaults", description=__doc__)
    parser.add_argument("--turns", type=int, default=TURNS, help="of the session, from its first")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="begin no other round beyond them")
    parser.add_argument("--engine", help="a command line up to its flags: 'vllm serve MODEL'")
    parser.add_argument(
        "--device", default="cuda", choices=[row.name for row in DEVICES], help="whose flags, for --engine"
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    given = parser.parse_args()
    if given.turns < TURNS:
        parser.error(f"--turns: needs {TURNS} or more, for a first and a later one")
    deadline = time.monotonic() + given.minutes * 60
    if given.engine:
        command, every = shlex.split(given.engine), variants(named(DEVICES, given.device))
        results = one_at_a_time(command, every, given.turns, deadline)
    else:
        results = side_by_side(on_cpu(CONTEXT), variants(named(DEVICES, "cpu")), given.turns, deadline)
    print("\n".join([*table(results), "", *verdicts(results)]))
    print(f"medians of {len(results[0].first)} replays; one start each" if len(results[0].starts) == 1 else "")
    if given.json:
        given.json.write_text(json.dumps([asdict(result) for result in results], indent=2) + "\n")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:  # the engines have ended with their `with` blocks
        sys.exit(130)
