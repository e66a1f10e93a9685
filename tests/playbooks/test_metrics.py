"""metrics: sums over series, what is missing is not 0, and no figure goes over a restart."""

from typing import Any

import pytest

from playbooks import metrics
from playbooks.metrics import Metrics, serves
from playbooks.report import Report, WatchdogReport
from stacks.errors import BoxError

TEXT = """
# TYPE vllm:prompt_tokens counter
vllm:prompt_tokens_total{engine="0",model_name="a"} 5
vllm:prompt_tokens_total{engine="1",model_name="a"} 7
# TYPE vllm:prompt_tokens_created gauge
vllm:prompt_tokens_created{engine="0",model_name="a"} 1.79e9
process_start_time_seconds 100
something_of_tomorrow{x="y"} 1
"""


def test_the_series_of_all_engines_are_one_figure() -> None:
    assert Metrics.from_text(TEXT).get("vllm:prompt_tokens_total") == 12


def test_what_vllm_does_not_have_is_none_and_not_0() -> None:
    assert Metrics.from_text(TEXT).get("vllm:spec_decode_num_drafts_total") is None


def test_a_counter_grows_within_one_start_only() -> None:
    before = Metrics({"process_start_time_seconds": 100, "vllm:prompt_tokens_total": 2})
    now = Metrics.from_text(TEXT)
    assert now.grown("vllm:prompt_tokens_total", before) == 10
    assert Metrics(dict(now.values, process_start_time_seconds=200)).grown("vllm:prompt_tokens_total", before) is None
    assert now.grown("vllm:generation_tokens_total", before) is None


@pytest.mark.parametrize("text", ["<html>no</html>", "vllm:a{ 1"])
def test_what_is_no_metrics_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Metrics.from_text(text)


@pytest.mark.parametrize(("answers", "serving"), [(True, True), (False, False)])
def test_a_vllm_that_crashed_and_came_back_serves(
    answers: bool, serving: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report rests on a completion from before the crash; what would stop vLLM must be asked for all the same."""

    def read(_: object) -> Metrics:
        if not answers:
            raise BoxError("vLLM gave no metrics", hint="")
        return Metrics({"process_start_time_seconds": 1.0})

    target: Any = None  # it is not asked
    monkeypatch.setattr(metrics, "read_metrics", read)
    assert serves(target, Report("boot", "b", (), WatchdogReport(True, None, None, ""), ready=False)) is serving
