"""shared_prompt: the recorded requests are aider's own, and what two of them share is counted from the beginning."""

import json
import subprocess
from pathlib import Path

import pytest

from playbooks.clients.aider import AIDER
from playbooks.clients.program import own_copy
from playbooks.shared_prompt import FILE, Shared, common_length, recorded, repeated_text, requests_like
from stacks.aider_facts import QWEN3_CODER_AIDER, QWEN25_CODER_AIDER, SMOLLM2_AIDER, AiderFacts

RECORDER = Path(__file__).with_name("record_aider_requests.py")
PYTHON = own_copy(AIDER).with_name("python")


@pytest.mark.skipif(not PYTHON.exists(), reason="aider is not installed here")
def test_the_requests_are_what_aider_forms_today() -> None:
    done = subprocess.run([PYTHON, RECORDER], capture_output=True, text=True, check=True, timeout=200)
    assert json.loads(done.stdout) == json.loads(FILE.read_text())


def test_nothing_of_the_laptop_is_in_them() -> None:
    assert not [word for word in ("/root", "/home", "/tmp", "/work") if word in FILE.read_text()]


@pytest.mark.parametrize("facts", [QWEN3_CODER_AIDER, QWEN25_CODER_AIDER, SMOLLM2_AIDER], ids=["diff", "whole", "sys"])
def test_each_kind_of_aider_has_three_requests_of_its_own(facts: AiderFacts) -> None:
    requests = requests_like(facts)
    assert len(requests) == 3
    assert all(one[0]["role"] == "system" for one in requests)
    rules = "SEARCH/REPLACE" if facts.edit_format == "diff" else "file listing"
    assert all(rules in one[0]["content"] for one in requests)
    assert all(one[-1]["role"] == ("system" if facts.reminder else "user") for one in requests)


def test_the_files_of_the_chat_stand_behind_all_that_was_said() -> None:
    """Which is why aider itself repeats only a part of its prompt in the next turn."""
    third = requests_like(QWEN3_CODER_AIDER)[2]
    files = [index for index, one in enumerate(third) if one["content"].startswith("I have *added these files")]
    said = [index for index, one in enumerate(third) if one["content"] == "Let f42 return 43."]
    assert said < files == [len(third) - 3]


def test_an_unknown_reminder_is_taken_for_aiders_default() -> None:
    assert requests_like(AiderFacts("diff", 1, reminder="never")) == requests_like(QWEN3_CODER_AIDER)


def test_what_is_repeated_ends_at_the_first_message_that_differs() -> None:
    first, second = [one("a"), one("b"), one("c")], [one("a"), one("b"), one("x"), one("c")]
    assert repeated_text(first, second) == "a\nb"
    assert repeated_text(first, first[:2]) == "a\nb"


def one(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


@pytest.mark.parametrize(("second", "length"), [([1, 2, 3], 3), ([1, 2, 9], 2), ([1, 2], 2), ([9], 0), ([], 0)])
def test_only_a_common_beginning_counts(second: list[int], length: int) -> None:
    assert common_length([1, 2, 3], second) == length


def test_a_templates_own_tokens_never_make_it_more_than_all() -> None:
    assert Shared(common=110, repeated=100, prompt=200).kept == 1.0
    assert Shared(common=50, repeated=100, prompt=200).kept == 0.5
    assert Shared(common=50, repeated=100, prompt=200).of_prompt == 0.25
    assert Shared(0, 0, 0).kept == 1.0


def test_every_message_is_held_once() -> None:
    texts = [json.dumps(message) for message in recorded()["messages"]]
    assert len(texts) == len(set(texts))
