"""A box's vLLMs: one as ever, or two that share the cards, with nothing in common but key, bridge and image."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from stacks.bundle import bundle_for, compose, facts
from stacks.engines import engines_of, vllm_words
from stacks.settings import Settings
from tests.golden_text import golden
from tests.shipped import STACKS, settings_of

TWO = {"architect": "qwen2.5-coder-7b-awq", "context": "8192"}


@pytest.fixture
def two(tmp_path: Path) -> Settings:
    """A stack with an architect, on two cards."""
    return settings_of("coder-14b", tmp_path, plan="g2-gpu-rtx4000a2-s", vllmArgs="--stream-interval 2", **TWO)


@pytest.fixture
def services(two: Settings) -> dict[str, Any]:
    return dict(yaml.safe_load(compose(two))["services"])


@pytest.mark.parametrize("stack", STACKS)
def test_the_same_model_in_both_roles_is_one_vllm_and_the_very_same_bundle(stack: str, tmp_path: Path) -> None:
    without = settings_of(stack, tmp_path)
    both = settings_of(stack, tmp_path, architect=without.model.name)
    assert (both.architect, both.architect_name, len(engines_of(both))) == (None, "", 1)
    assert bundle_for(both) == bundle_for(without)
    assert "architect" not in compose(without) + json.dumps(facts(without))


def test_two_models_in_one_compose_file_are_what_was_reviewed(two: Settings) -> None:
    assert compose(two) == golden("compose-architect.yaml", compose(two))


def test_each_is_published_on_a_port_of_its_own_on_loopback(services: dict[str, Any]) -> None:
    ports = {name: service["ports"] for name, service in services.items()}
    assert ports == {"vllm": ["127.0.0.1:8000:8000"], "vllm-architect": ["127.0.0.1:8001:8000"]}


def test_but_for_model_port_and_cache_the_second_container_is_as_the_first(services: dict[str, Any]) -> None:
    own = ("container_name", "command", "ports", "volumes", "labels")
    rest = [{key: value for key, value in one.items() if key not in own} for one in services.values()]
    assert rest[0] == rest[1]


def test_each_has_weights_and_a_cache_of_its_own_and_the_same_key(services: dict[str, Any]) -> None:
    first, second = (set(service["volumes"]) for service in services.values())
    assert first & second == {"/etc/daybox/vllm-key:/run/secrets/vllm-key:ro"}
    assert second - first == {
        "/var/lib/daybox/models/qwen2.5-coder-7b-awq:/model:ro",
        "/var/lib/daybox/vllm-cache/architect:/root/.cache/vllm",
    }


def test_the_stacks_own_words_are_the_main_models(two: Settings) -> None:
    main, architect = engines_of(two)
    assert "--stream-interval" in vllm_words(two, main)
    assert "--stream-interval" not in vllm_words(two, architect)
    assert vllm_words(two) == vllm_words(two, main)


def test_shares_of_the_cards_memory_are_no_more_than_the_stacks(two: Settings) -> None:
    shares = [
        float(word.split("=")[1])
        for engine in engines_of(two)
        for word in vllm_words(two, engine)
        if word.startswith("--gpu-memory-utilization")
    ]
    assert len(shares) == 2 and 0.91 < sum(shares) <= 0.92


def test_each_cache_is_given_in_bytes_and_holds_one_request_of_full_length(two: Settings) -> None:
    """What is free is not measured: the other one loads at the same time."""
    for engine in engines_of(two):
        [word] = [word for word in vllm_words(two, engine) if word.startswith("--kv-cache-memory-bytes=")]
        assert int(word.split("=")[1]) >= engine.fit.kv_gib * 2**30


def test_one_vllm_alone_measures_for_itself_as_ever(tmp_path: Path) -> None:
    words = vllm_words(settings_of("coder-30b", tmp_path))
    assert "--gpu-memory-utilization=0.92" in words and "bytes" not in " ".join(words)


def test_the_box_is_told_of_both_models(two: Settings) -> None:
    assert facts(two)["architect"] == {
        "name": "qwen2.5-coder-7b-awq",
        "hub_id": "Qwen/Qwen2.5-Coder-7B-Instruct-AWQ",
        "revision": "8e8ed243bbe6f9a5aff549a0924562fc719b2b8a",
        "served": "daybox-qwen2.5-coder-7b-awq",
    }


def test_a_stack_that_is_forced_says_no_size_that_is_none(tmp_path: Path) -> None:
    forced = settings_of("coder-30b", tmp_path, architect="qwen3.8-27b", force="true")
    second = vllm_words(forced, engines_of(forced)[1])
    assert "--kv-cache-memory-bytes" not in " ".join(second)
    [share] = [float(word.split("=")[1]) for word in second if word.startswith("--gpu-memory-utilization")]
    assert share > 0
