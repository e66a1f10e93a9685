"""From a vLLM log to one cause: every log we have, what may not fool the rules, and whatever else a file may hold."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.log_causes import DEAD, diagnose
from playbooks.log_evidence import EVIDENCE_LENGTH
from playbooks.log_rules import CAUSES, NO_PHASE_CURE, PHASE_CURES
from tests.playbooks.confusion import BY_NAME, FIXTURES, LOGS, Fixture, maider_is_right, table
from tests.playbooks.vllm_cases import CASES

HEALTHY = BY_NAME["provoked/healthy"].text
STOPPED = BY_NAME["provoked/stopped-cleanly"].text
NO_FAILURE = ("healthy", "stopped-cleanly", "unknown")
FAILURES = tuple(fixture for fixture in FIXTURES if fixture.cause not in NO_FAILURE)
# What stands in logs of healthy servers, too; vLLM's own texts but for names and numbers.
FALSE_FRIENDS = (LOGS / "false_friends.txt").read_text().splitlines()
# The others say that a process has ended.
HARMLESS = [friend for friend in FALSE_FRIENDS if not DEAD.search(friend)]
# What a start survives: it went on, and serves. Texts of vLLM 0.33, torch, NCCL, FlashInfer and huggingface_hub.
EARLY_FRIENDS = (LOGS / "early_friends.txt").read_text().splitlines()
SERVED = tuple(
    BY_NAME[f"{folder}/{name}"] for folder in ("provoked", "from_gpu") for name in ("healthy", "stopped-cleanly")
)
# As vLLM 0.33 says it of an engine that had started (v1/engine/core.py:1586).
FATAL = (
    "(EngineCore pid=61) ERROR 11-20 12:00:00 [core.py:1586] EngineCore encountered a fatal error.\n"
    "(EngineCore pid=61) ERROR 11-20 12:00:00 [core.py:1586] {}\n"
)
OOM = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.16 GiB."
IN = '  File "/usr/lib/python3/site-packages/vllm/x.py", line 1, in '
# None of these is what a rule was written from: other names and numbers, other versions, other lines around them.
HELD_OUT = [json.loads(line) for line in (LOGS / "held_out.jsonl").read_text().splitlines()]
# Nothing in it says that vLLM begins: it is torch alone.
NO_START = ("provoked/no-gpu-in-container.torch",)


def named(fixture: Fixture) -> str:
    return str(fixture)


@pytest.mark.parametrize("fixture", FIXTURES, ids=named)
def test_each_log_is_diagnosed_rightly(fixture: Fixture) -> None:
    assert fixture.diagnosis.cause == fixture.cause


@pytest.mark.parametrize("fixture", FIXTURES, ids=named)
def test_a_diagnosis_is_fit_to_be_shown(fixture: Fixture) -> None:
    told = fixture.diagnosis
    assert told.evidence.isprintable()
    assert 0 < len(told.evidence) <= EVIDENCE_LENGTH
    assert told.cure.isprintable()
    assert "{" not in told.cure
    assert "||" not in told.cure
    assert json.loads(json.dumps(told.row())).keys() == {"cause", "evidence", "cure", "details"}


@pytest.mark.parametrize("cause", CAUSES)
def test_every_cause_has_a_log(cause: str) -> None:
    assert cause in {fixture.cause for fixture in FIXTURES}


def test_more_than_fifteen_causes_were_provoked_with_the_real_vllm() -> None:
    assert len({fixture.cause for fixture in FIXTURES if fixture.folder == "provoked"}) >= 15


def test_the_provoked_logs_are_those_that_can_be_made_anew() -> None:
    assert {fixture.path.stem for fixture in FIXTURES if fixture.folder == "provoked"} == set(CASES)


def test_the_table_prints_every_cause_and_its_totals(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\n{table(FIXTURES)}")
    provoked = sum(fixture.folder == "provoked" for fixture in FIXTURES)
    assert f"provoked: {provoked} of {provoked} right" in table(FIXTURES)


def test_maiders_patterns_name_fewer_than_a_third_of_the_failures() -> None:
    assert sum(map(maider_is_right, FAILURES)) < len(FAILURES) / 3


@pytest.mark.parametrize("case", HELD_OUT, ids=lambda case: case["cause"])
def test_other_phrasings_are_known_too(case: dict[str, Any]) -> None:
    told = diagnose(case["text"])
    assert (told.cause, {name: told.details.get(name) for name in case["details"]}) == (case["cause"], case["details"])


def test_the_cure_names_the_longest_context_that_vllm_names() -> None:
    told = BY_NAME["provoked/kv-too-small"].diagnosis
    assert f"fab switch --context {told.details['longest_context']}" in told.cure
    assert 0 < int(str(told.details["longest_context"])) < int(str(told.details["context"])) == 8192


@pytest.mark.parametrize("phase", PHASE_CURES)
def test_memory_that_ran_out_is_told_with_its_phase_and_the_cure_of_that(phase: str) -> None:
    told = BY_NAME[f"from_source/out-of-memory.{phase}"].diagnosis
    assert (told.details["phase"], told.cure) == (phase, PHASE_CURES[phase])


@pytest.mark.parametrize(
    ("frames", "phase"),
    [
        (["run_busy_loop", "execute_model"], "run"),
        (["worker_busy_loop", "execute_model"], "run"),
        (["worker_busy_loop", "determine_available_memory", "profile_run", "execute_model"], "profile"),
        (["compile_or_warm_up_model", "warmup_kernels", "execute_model"], "capture"),
        (["worker_busy_loop"], None),
    ],
)
def test_of_a_log_that_is_cut_off_the_frames_tell_the_phase(frames: list[str], phase: str | None) -> None:
    told = diagnose("\n".join([*(IN + frame for frame in frames), OOM]))
    assert (told.details.get("phase"), told.cure) == (phase, PHASE_CURES.get(str(phase), NO_PHASE_CURE))


def test_an_engine_that_had_started_did_not_run_out_of_memory_while_loading() -> None:
    assert diagnose(FATAL.format(OOM)).details["phase"] == "run"


def test_a_text_without_values_gets_a_cure_without_them() -> None:
    told = diagnose(
        "ValueError: max seq len (64), (9 GiB KV cache is needed, "
        "which is larger than the available KV cache memory (1 GiB)."
    )
    assert "longest_context" not in told.details
    assert "not even one token" in told.cure


def strewn(data: st.DataObject, text: str, friends: Sequence[str]) -> str:
    """The text with up to eight such lines, anywhere in it."""
    lines = text.split("\n")
    for friend in data.draw(st.lists(st.sampled_from(friends), max_size=8)):
        lines.insert(data.draw(st.integers(0, len(lines))), friend)
    return "\n".join(lines)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_false_friends_around_a_failure_change_nothing(data: st.DataObject) -> None:
    fixture = data.draw(st.sampled_from(FAILURES))
    assert diagnose(strewn(data, fixture.text, FALSE_FRIENDS)).cause == fixture.cause


def with_early(friend: str, text: str) -> str:
    """The log with this line before vLLM served."""
    lines = text.split("\n")
    ready = next(place for place, line in enumerate(lines) if "Application startup complete" in line)
    return "\n".join([*lines[: ready // 2], friend, *lines[ready // 2 :]])


@pytest.mark.parametrize("friend", EARLY_FRIENDS, ids=lambda friend: friend[-40:])
@pytest.mark.parametrize("fixture", SERVED, ids=named)
def test_what_a_start_survived_is_no_cause(fixture: Fixture, friend: str) -> None:
    assert diagnose(with_early(friend, fixture.text)).cause == fixture.cause


@pytest.mark.parametrize("friend", EARLY_FRIENDS, ids=lambda friend: friend[-40:])
def test_what_a_start_survived_hides_no_cause_of_later(friend: str) -> None:
    later = FATAL.format("torch.AcceleratorError: CUDA error: an illegal memory access was encountered")
    assert diagnose(with_early(friend, HEALTHY) + later).cause == "illegal-access"


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_false_friends_where_nothing_failed_change_nothing(data: st.DataObject) -> None:
    fixture = data.draw(st.sampled_from(SERVED))
    assert diagnose(strewn(data, fixture.text, HARMLESS)).cause == fixture.cause


def test_what_an_engine_dies_of_is_no_clients_error() -> None:
    """Though the server had served, and few texts mean anything then."""
    missing = "RuntimeError: Could not find nvcc and default cuda_home='/usr/local/cuda' doesn't exist"
    assert diagnose(HEALTHY + FATAL.format(missing)).cause == "no-nvcc"
    assert diagnose(f"{HEALTHY}(APIServer pid=1) ERROR 11-20 10:00:00 [serving.py:1] {missing}\n").cause == "healthy"


@pytest.mark.parametrize("fixture", FIXTURES, ids=named)
def test_a_healthy_start_after_anything_is_healthy(fixture: Fixture) -> None:
    assert diagnose(fixture.text + HEALTHY).cause == "healthy"


@pytest.mark.parametrize("before", [HEALTHY, STOPPED], ids=["healthy", "stopped"])
@pytest.mark.parametrize("fixture", [one for one in FIXTURES if str(one) not in NO_START], ids=named)
def test_after_a_healthy_start_or_a_stop_the_newest_start_counts(fixture: Fixture, before: str) -> None:
    assert diagnose(before + fixture.text).cause == fixture.cause


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("", "the log is empty"),
        ("\n\r\n\n", "the log is empty"),
        ("\x00\x01\xff\xfe" * 5000, "is it a log of vLLM"),
        ("Lorem ipsum\ndolor sit amet", "is it a log of vLLM"),
        (HEALTHY.partition("Starting to load model")[0], "vLLM is starting"),
        ("ValueError: something that nobody has seen before", "no rule knows this failure"),
    ],
)
def test_a_log_that_says_nothing_is_unknown_with_a_fitting_cure(text: str, cure: str) -> None:
    told = diagnose(text)
    assert told.cause == "unknown"
    assert cure in told.cure


def test_a_start_after_a_failed_one_says_so() -> None:
    told = diagnose(BY_NAME["provoked/no-weights"].text + HEALTHY.partition("Starting to load model")[0])
    assert (told.cause, told.details["before"]) == ("unknown", "no-weights")
    assert "no-weights" in told.cure


def test_an_unknown_failure_is_shown_by_its_first_error() -> None:
    assert BY_NAME["provoked/unknown.too-many-processes"].diagnosis.evidence.startswith(
        "RuntimeError: Expected group_size"
    )


def test_what_a_user_wrote_is_never_evidence() -> None:
    told = diagnose("ERROR 11-20 09:14:59 [x.py:1] CUDA out of memory for request prompt: 'my secret plan', 7 tokens")
    assert told.cause == "out-of-memory"
    assert "secret" not in str(told.row())


def test_a_prompt_in_a_request_that_is_logged_is_not_read() -> None:
    asked = (
        "(APIServer pid=1) INFO 11-20 09:14:59 [request_logger.py:53] Received request: prompt: 'CUDA out of memory\\n"
    )
    assert (
        diagnose(f"{HEALTHY}\n{asked}(APIServer pid=1) INFO 11-20 09:14:59 [x.py:5] No available memory'").cause
        == "healthy"
    )


@pytest.mark.parametrize(
    "said",
    [
        "DEBUG 11-20 11:00:00 [request_logger.py:60] Request chatcmpl-1 details: prompt: {!r}, prompt_token_ids: None",
        "INFO 11-20 11:00:00 [request_logger.py:80] Received request chatcmpl-1: params: SamplingParams(stop=[{!r}])",
        "INFO 11-20 11:00:00 [request_logger.py:99] Request chatcmpl-1 JSON body: {{'tools': [{!r}]}}",
        "INFO 11-20 11:00:00 [request_logger.py:128] Generated response chatcmpl-1: output: {!r}, finish_reason: stop",
    ],
)
@pytest.mark.parametrize(
    "quoted", ["API server: shutdown triggered", "vLLM API server version 0.9", "Failed to infer device type"]
)
def test_what_a_user_or_the_model_wrote_tells_no_story(said: str, quoted: str) -> None:
    """Neither that it was told to stop, nor that another start begins."""
    asked = f"{HEALTHY}(APIServer pid=1) {said.format(quoted)}\n"
    assert diagnose(asked).cause == "healthy"
    assert diagnose(asked + FATAL.format(OOM)).cause == "out-of-memory"
