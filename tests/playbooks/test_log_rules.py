"""The rows themselves: each cause of the issue, a source, and patterns that no line makes slow."""

import re
import time

import pytest

from playbooks.log_rules import CAUSES, RULES, Rule

ISSUE = """
kv-too-small kv-none context-above-model gpu-memory-taken out-of-memory tp-does-not-divide
too-few-gpus no-bf16 quantization-needs-newer-gpu not-that-quantization unknown-architecture
transformers-too-old gated no-such-model not-downloaded disk-full no-weights weights-damaged
no-tokenizer no-chat-template port-taken bad-argument bad-parser missing-extra no-gpu-in-container
no-nvidia-runtime driver-too-old no-kernel-image nccl shm mamba-blocks no-nvcc gguf illegal-access
healthy stopped-cleanly unknown
"""


def test_the_causes_are_the_issues() -> None:
    assert sorted(CAUSES) == sorted(ISSUE.split())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.cause}-{RULES.index(rule)}")
def test_every_rule_says_where_its_text_stands(rule: Rule) -> None:
    assert rule.source
    assert re.compile(rule.pattern)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.cause}-{RULES.index(rule)}")
def test_no_pattern_takes_long_on_any_line(rule: Rule) -> None:
    """Lines are cut to 2,000 characters; these repeat what the patterns repeat."""
    own = re.sub(r"\\.|[^\w ']", "1", rule.pattern)
    lines = [
        (piece * 2000)[:2000]
        for piece in ("a", "1", " ", "'", "(", "/a", "a/b", "1.", "GiB (1", own, "Error pip install ")
    ]
    began = time.monotonic()
    assert [re.search(rule.pattern, line) for line in lines]
    assert time.monotonic() - began < 0.5
