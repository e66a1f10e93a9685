"""Which cure comes next: every cause that is known, on every kind of card; safe, and each once."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from playbooks.doctor_cures import CURES, MOST_CURES, Cure, Situation, cures, next_cure, rounded
from playbooks.log_causes import Diagnosis
from playbooks.log_rules import CAUSES
from stacks.settings import Settings
from tests.shipped import STACKS, settings_of


def because(cause: str, **details: object) -> Diagnosis:
    return Diagnosis(cause, "the line that shows it", "what a person may do", details)


@pytest.fixture
def local(tmp_path: Path) -> Settings:
    """No card, 4096 tokens."""
    return settings_of("local", tmp_path)


@pytest.fixture
def two_cards(tmp_path: Path) -> Settings:
    """A dense model on one of two Ada cards, with 16-bit cache."""
    changes = {"plan": "g2-gpu-rtx4000a2-s", "model": "qwen2.5-coder-14b", "tp": "1", "context": "16384"}
    return settings_of("coder-14b", tmp_path, **changes)


def names(diagnosis: Diagnosis, situation: Situation) -> list[str]:
    return [cure.name for cure in cures(diagnosis, situation)]


def only(found: Cure | None) -> dict[str, Any]:
    assert found
    return dict(found.values)


@pytest.mark.parametrize(
    ("tokens", "meant"),
    [(1920, 1792), (4095, 3840), (8191, 7936), (8192, 8192), (33_000, 32_768), (1023, 1008), (15, 0), (0, 0)],
)
def test_a_context_is_rounded_down_to_what_people_read(tokens: int, meant: int) -> None:
    assert rounded(tokens) == meant


def test_the_context_becomes_what_vllm_names(local: Settings) -> None:
    cure = next_cure(because("kv-too-small", longest_context=1920), Situation(local), [])
    assert cure == Cure("context", "context 1792 in place of 4096: vLLM names 1920 as the longest", {"context": "1792"})


@pytest.mark.parametrize("named", [None, "1920", 4096, 100_000, 500, 0])
def test_a_context_that_is_not_named_not_shorter_or_too_short_is_no_cure(local: Settings, named: object) -> None:
    """500: SmolLM2 writes 256 tokens, and no prompt finds room beside them."""
    details = {} if named is None else {"longest_context": named}
    assert names(because("kv-too-small", **details), Situation(local)) == []


def test_a_context_above_the_models_own_comes_down_to_it(tmp_path: Path) -> None:
    settings = settings_of("local", tmp_path, context="16384", force="true")
    cure = next_cure(because("context-above-model", longest_context=8192), Situation(settings), [])
    assert only(cure) == {"context": "8192"}


def test_after_the_context_comes_a_smaller_cache_then_more_cards(two_cards: Settings) -> None:
    why, situation = because("kv-too-small", longest_context=9000), Situation(two_cards)
    assert [only(cure) for cure in cures(why, situation)] == [
        {"context": "8192"},
        {"kvCacheDtype": "fp8"},
        {"tp": "2"},
    ]


def test_a_card_that_is_too_old_gets_no_cache_in_fp8(tmp_path: Path) -> None:
    changes = {"plan": "g1-gpu-rtx6000-2", "model": "qwen2.5-coder-14b", "tp": "2", "context": "16384"}
    settings = settings_of("coder-14b", tmp_path, **changes)
    assert "fp8-cache" not in names(because("kv-too-small"), Situation(settings))


def test_more_cards_are_only_taken_if_they_are_there(two_cards: Settings) -> None:
    assert "tp" not in names(because("kv-none"), Situation(two_cards, gpus=1))
    assert "tp" in names(because("kv-none"), Situation(two_cards, gpus=2))


def test_where_nothing_is_left_for_a_cache_a_shorter_context_does_not_help(two_cards: Settings) -> None:
    assert names(because("kv-none", longest_context=9000), Situation(two_cards)) == ["tp", "sequences"]


@pytest.mark.parametrize(
    ("phase", "meant"),
    [
        ("load", ["tp"]),
        ("profile", ["sequences", "tp"]),
        ("capture", ["sequences", "share", "tp"]),
        ("run", ["sequences", "share", "tp"]),
    ],
)
def test_memory_that_ran_out_is_cured_by_the_phase(two_cards: Settings, phase: str, meant: list[str]) -> None:
    assert names(because("out-of-memory", phase=phase), Situation(two_cards)) == meant


def test_the_boxs_own_memory_is_no_matter_of_vllms_settings(two_cards: Settings) -> None:
    assert names(because("out-of-memory", phase="run", memory="host"), Situation(two_cards)) == []


def test_fewer_requests_at_once_are_half_or_what_vllm_names(two_cards: Settings) -> None:
    assert only(next_cure(because("out-of-memory", phase="run"), Situation(two_cards), [])) == {"maxNumSeqs": "4"}
    assert only(next_cure(because("mamba-blocks", blocks=3), Situation(two_cards), [])) == {"maxNumSeqs": "3"}


def test_one_request_at_a_time_cannot_be_fewer(tmp_path: Path) -> None:
    settings = settings_of("local", tmp_path, maxNumSeqs="1")
    assert names(because("out-of-memory", phase="profile"), Situation(settings)) == []


def test_the_share_of_a_card_has_a_floor(tmp_path: Path) -> None:
    settings = settings_of("coder-14b", tmp_path, gpuMemoryUtilization="0.76", context="4096")
    assert "share" not in names(because("out-of-memory", phase="capture"), Situation(settings))


@pytest.mark.parametrize("cause", ["tp-does-not-divide", "too-few-gpus"])
def test_another_number_of_cards_is_one_that_sizing_takes(tmp_path: Path, cause: str) -> None:
    settings = settings_of("coder-32b", tmp_path, plan="g1-gpu-rtx6000-3", tp="2", context="16384")
    assert names(because(cause), Situation(settings)) == []  # on one card it does not fit, and three do not divide
    shared_by_one = replace(settings, tp=1)
    assert only(next_cure(because(cause), Situation(shared_by_one), [])) == {"tp": "2"}


@pytest.mark.parametrize("cause", ["weights-damaged", "no-weights", "not-downloaded", "no-tokenizer"])
def test_weights_are_downloaded_again_unless_the_cloud_handed_them_in(local: Settings, cause: str) -> None:
    assert names(because(cause), Situation(local)) == ["download"]
    assert names(because(cause), Situation(local, handed_in=True)) == []


def test_only_containers_of_ours_are_removed(local: Settings) -> None:
    assert names(because("gpu-memory-taken"), Situation(local)) == []
    [cure] = cures(because("gpu-memory-taken"), Situation(local, old=("8a15_vllm",)))
    assert (cure.on_box, cure.says) == ("old-containers", "removed: our old 8a15_vllm")


@pytest.mark.parametrize("cause", ["stopped-cleanly", "healthy", "unknown", "illegal-access"])
def test_what_merely_stopped_is_started_again(local: Settings, cause: str) -> None:
    assert names(because(cause), Situation(local)) == ["start"]


def test_what_is_about_to_start_is_left_to_it(local: Settings) -> None:
    assert names(because("unknown"), Situation(local, starting=True)) == []


def test_every_cause_with_a_cure_is_one_that_a_log_can_have() -> None:
    assert set(CURES) <= set(CAUSES)


@pytest.mark.parametrize("cause", sorted(set(CAUSES) - set(CURES)))
def test_a_cause_without_a_safe_cure_is_left_to_people(local: Settings, cause: str) -> None:
    assert next_cure(because(cause, longest_context=1920, phase="run"), Situation(local), []) is None


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("cause", CAUSES)
def test_no_stack_ever_gets_a_cure_that_its_settings_refuse(tmp_path: Path, cause: str, stack: str) -> None:
    """Whatever vLLM says, on any shipped stack: config that a cure sets is config that `up` takes."""
    settings = settings_of(stack, tmp_path)
    for phase in ("load", "profile", "capture", "run"):
        why = because(cause, longest_context=5000, phase=phase, blocks=2)
        for cure in cures(why, Situation(settings, old=("x_vllm",))):
            assert bool(cure.values) != bool(cure.on_box) and cure.says
            settings_of(stack, tmp_path, **{key: text or "" for key, text in cure.values.items()})


@pytest.mark.parametrize("cause", CAUSES)
def test_no_cure_is_tried_twice_and_never_more_than_three(two_cards: Settings, cause: str) -> None:
    tried: list[str] = []
    why = because(cause, longest_context=9000, phase="run", blocks=2)
    while cure := next_cure(why, Situation(two_cards, old=("x_vllm",)), tried):
        assert cure.name not in tried
        tried.append(cure.name)
    assert len(tried) <= MOST_CURES


def test_whatever_the_causes_are_three_cures_are_the_end(two_cards: Settings) -> None:
    assert next_cure(because("unknown"), Situation(two_cards), ["context", "tp", "share"]) is None
