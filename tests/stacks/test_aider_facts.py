"""The facts about models as aider needs them; and the form given to the smallest one."""

import re

import pytest

from stacks.aider_facts import COMMIT_MESSAGE, SMOLLM2_AIDER, TWO_FUNCTIONS_IN_CALC, AiderFacts
from stacks.catalog import MODELS, Model

MEASURED_ANSWER = """\
calc.py
```
def add(a, b):
    return a + b

def sub(a, b):
    return a - b
```
"""


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_every_model_has_an_edit_format_that_aider_knows(model: Model) -> None:
    assert model.family.aider.edit_format in {"diff", "whole", "udiff"}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_every_answer_is_shorter_than_the_window(model: Model) -> None:
    assert 0 < model.family.aider.max_output_tokens < model.family.window_tokens


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_second_name_has_a_limit_of_its_own(model: Model) -> None:
    assert bool(model.family.aider.weak_suffix) == bool(model.family.aider.weak_max_output_tokens)


def test_the_form_of_the_smallest_model_is_the_one_that_was_measured() -> None:
    assert re.fullmatch(TWO_FUNCTIONS_IN_CALC, MEASURED_ANSWER)
    assert re.fullmatch(COMMIT_MESSAGE, "feat: add a function that returns the sum")
    assert SMOLLM2_AIDER.extra_body == {"structured_outputs": {"regex": TWO_FUNCTIONS_IN_CALC}}


@pytest.mark.parametrize(
    "answer", ["", "Sure! Here it is:\n" + MEASURED_ANSWER, MEASURED_ANSWER.replace("calc", "main")]
)
def test_the_form_leaves_no_room_for_talk(answer: str) -> None:
    assert not re.fullmatch(TWO_FUNCTIONS_IN_CALC, answer)


def test_a_row_needs_only_its_edit_format_and_its_limit() -> None:
    assert AiderFacts("whole", 4096).extra_body == {}
