"""vLLM's own figures, read on the box: the gateway does not pass /metrics, and nothing of a prompt is in them."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from playbooks.report import Report
from stacks.errors import BoxError
from stacks.ssh import Target, run

METRICS_URL, ARCHITECT_METRICS_URL = "http://127.0.0.1:8000/metrics", "http://127.0.0.1:8001/metrics"
READ_SECONDS = 5
STARTED = "process_start_time_seconds"


@dataclass(frozen=True)
class Metrics:
    """Figures of one moment. values: a series' full name -> the sum over its labels (engines, models, reasons).

    Names as vLLM 0.32 serves them, `vllm:prompt_tokens_total`; each counter has a twin `…_created`, which is an epoch.
    """

    values: Mapping[str, float]

    @classmethod
    def from_text(cls, text: str) -> "Metrics":
        """The figures in Prometheus' text format. Raises ValueError if it is none."""
        from prometheus_client.parser import text_string_to_metric_families  # 50 ms: only who asks pays for it

        sums: dict[str, float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                sums[sample.name] = sums.get(sample.name, 0.0) + sample.value
        return cls(sums)

    def get(self, name: str) -> float | None:
        """One figure; None if this vLLM does not have it."""
        return self.values.get(name)

    def grown(self, name: str, before: "Metrics") -> float | None:
        """By how much a counter grew since `before`; None if either lacks it, or another vLLM counted then."""
        now, then = self.get(name), before.get(name)
        if now is None or then is None or self.get(STARTED) != before.get(STARTED):
            return None
        return now - then


def metrics_command(*, architect: bool = False) -> str:
    """Shell command that prints vLLM's metrics on the box. architect: those of the second one."""
    url = ARCHITECT_METRICS_URL if architect else METRICS_URL
    return shlex.join(["curl", "--fail", "--silent", "--show-error", "--max-time", str(READ_SECONDS), url])


def read_metrics(target: Target, *, architect: bool = False) -> Metrics:
    """vLLM's figures now; architect: those of the second one.

    Raises BoxError if the box is not reached, or vLLM does not answer.
    """
    done = run(target, metrics_command(architect=architect))
    try:
        if done.returncode == 0:
            return Metrics.from_text(done.stdout)
        said = (done.stderr.strip() or "nothing").splitlines()[-1]
    except ValueError as error:
        said = str(error)
    raise BoxError(f"box/{target.alias}: vLLM gave no metrics: {said}", hint="`fab doctor` says why")


def serves(target: Target, report: Report | None) -> bool:
    """Whether vLLM answers now. It may have crashed and come back since the completion that the report rests on."""
    if report is None or report.ready:
        return report is not None
    try:
        return bool(read_metrics(target).values)
    except BoxError:
        return False
