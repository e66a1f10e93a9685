"""`python -m tests.playbooks.confusion`: for each kind of log, which causes the rules name; and what maider would.

The logs are the files of vllm_logs: what stands in front of a name's first dot is the cause. `provoked` holds logs of
the real vLLM 0.32.0 (make_vllm_logs.py). In `from_source` the failing text is vLLM's, torch's, NCCL's or Docker's own,
as the first line says; the lines around it imitate the provoked ones. Logs of a GPU may come into a folder beside them.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from playbooks.log_causes import Diagnosis, diagnose
from playbooks.log_rules import CAUSES

LOGS = Path(__file__).with_name("vllm_logs")
SOURCE = "# source: "
NO_FAILURE = ("healthy", "stopped-cleanly", "unknown")
# maider's four classes, the first that matches anywhere counts (its healing.py:64-103), and the causes that we take for
# right in each. It looks at the whole log, with every start in it.
MAIDER = (
    (r"out of memory|OOM|CUDA error.*out of memory|CUDA_ERROR_OUT_OF_MEMORY", ("out-of-memory", "gpu-memory-taken")),
    (r"NCCL.*error|collective.*fail|all_reduce.*error|NCCL_ERROR", ("nccl", "shm")),
    (r"tensor.parallel.*mismatch|tp_size.*not match|world_size.*!= .*tensor", ("tp-does-not-divide", "too-few-gpus")),
    (
        r"RuntimeError.*architecture|model.*not supported|dtype.*not compatible",
        ("unknown-architecture", "transformers-too-old", "no-bf16", "not-that-quantization"),
    ),
)


@dataclass(frozen=True)
class Fixture:
    """One log and its true cause."""

    path: Path

    @property
    def folder(self) -> str:
        return self.path.parent.name

    @property
    def cause(self) -> str:
        return self.path.name.split(".")[0]

    @property
    def text(self) -> str:
        """What is diagnosed: without the line that says where it comes from."""
        whole = self.path.read_text()
        return whole.partition("\n")[2] if whole.startswith(SOURCE) else whole

    @property
    def diagnosis(self) -> Diagnosis:
        return diagnose(self.text)

    def __str__(self) -> str:
        return f"{self.folder}/{self.path.stem}"


FIXTURES = tuple(map(Fixture, sorted(LOGS.glob("*/*.log"))))
BY_NAME = {str(fixture): fixture for fixture in FIXTURES}


def maiders(text: str) -> tuple[str, ...]:
    """The causes that maider's first matching class may stand for; none if no class matches."""
    return next((causes for words, causes in MAIDER if re.search(words, text, re.IGNORECASE)), ())


def maider_is_right(fixture: Fixture) -> bool:
    """Whether it names a class that holds the cause, or is silent where nothing has failed."""
    causes = maiders(fixture.text)
    return fixture.cause in causes or (not causes and fixture.cause in NO_FAILURE)


def table(fixtures: Iterable[Fixture]) -> str:
    """Causes as rows, what was named instead behind them, and the totals."""
    named = {fixture: fixture.diagnosis.cause for fixture in fixtures}
    folders = sorted({fixture.folder for fixture in named})
    lines = [f"{'cause':30}" + "".join(f"{folder:>13}" for folder in folders) + "  named otherwise"]
    for cause in CAUSES:
        mine = {fixture: got for fixture, got in named.items() if fixture.cause == cause}
        right = Counter(fixture.folder for fixture, got in mine.items() if got == cause)
        wrong = Counter(got for got in mine.values() if got != cause)
        counts = "".join(f"{right[folder] or '':>13}" for folder in folders)
        lines.append(f"{cause:30}{counts}  " + (", ".join(f"{got} {count}" for got, count in wrong.items()) or "-"))
    for folder in folders:
        mine = {fixture: got for fixture, got in named.items() if fixture.folder == folder}
        lines.append(f"{folder}: {sum(fixture.cause == got for fixture, got in mine.items())} of {len(mine)} right")
    alarms = sum(bool(maiders(fixture.text)) for fixture in named if fixture.cause in NO_FAILURE)
    failures = [fixture for fixture in named if fixture.cause not in NO_FAILURE]
    hits, others = sum(map(maider_is_right, failures)), len(named) - len(failures)
    lines.append(f"maider's patterns: {hits} of {len(failures)} failures in a class that fits, {alarms} false alarms")
    lines.append(f"on the {others} logs without one")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(FIXTURES))
