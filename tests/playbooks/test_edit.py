"""edit: an answer is applied literally or not at all, and nothing else may have changed."""

import re

import pytest

from playbooks import edit
from playbooks.edit import NotAppliedError, applied, messages, the_file

BLOCK = "<<<<<<< SEARCH\ndef f42():\n    return 42\n=======\ndef f42():\n    return 4200\n>>>>>>> REPLACE\n"
AFTER = the_file().replace("    return 42\n", "    return 4200\n")


def test_the_file_has_300_lines_and_runs() -> None:
    assert len(the_file().splitlines()) == 300
    known: dict[str, int] = {}
    exec(the_file() + "found = f42()", known)
    assert known["found"] == 42


@pytest.mark.parametrize("form", ["diff", "whole"])
def test_the_model_is_shown_the_file_and_the_form(form: str) -> None:
    system, user = messages(form)
    assert the_file() in user["content"] and edit.TASK in user["content"]
    assert ("SEARCH" in system["content"]) == (form == "diff")


@pytest.mark.parametrize("answer", [BLOCK, f"Here it is:\n\nfunctions.py\n```python\n{BLOCK}```\n"])
def test_a_block_is_applied(answer: str) -> None:
    done = applied(answer, "diff")
    assert (done.text, done.returned) == (AFTER, 4200)


@pytest.mark.parametrize("answer", [f"functions.py\n```\n{AFTER}```\n", f"```python\n{AFTER}```"])
def test_a_whole_file_is_taken(answer: str) -> None:
    assert applied(answer, "whole").returned == 4200


@pytest.mark.parametrize(
    ("answer", "form", "why"),
    [
        ("I cannot.", "diff", "holds no SEARCH/REPLACE block"),
        ("", "diff", "holds no SEARCH/REPLACE block"),
        (BLOCK.replace("return 42\n", "return  42\n"), "diff", "stands 0 times in the file"),
        (BLOCK.replace("def f42():\n    return 42", "\n"), "diff", "stands 100 times in the file"),
        (BLOCK.replace("def f42():\n    return 42\n", ""), "diff", "stands 0 times in the file: ''"),
        (BLOCK.replace("return 4200", "return 4200\n    pass"), "diff", "the file has 1 lines too many"),
        (BLOCK.replace("return 4200", "return 4200 +"), "diff", "says 'return 4200 +' after it"),
        (
            BLOCK.replace("def f42():\n    return 4200", "def g():\n    return 4200"),
            "diff",
            "line 127 was 'def f42():'",
        ),
        ("no file", "whole", "holds 0 whole files"),
        (f"```\n{AFTER}```\n```\n{AFTER}```\n", "whole", "holds 2 whole files"),
        (f"```\n{AFTER.replace('f7()', 'f8()', 1)}```\n", "whole", "line 22 was 'def f7():' and became 'def f8():'"),
        (f"```\n{AFTER[:2000]}\n```\n", "whole", "too few"),
    ],
)
def test_what_is_no_edit_of_this_file_says_why(answer: str, form: str, why: str) -> None:
    with pytest.raises(NotAppliedError) as caught:
        applied(answer, form)
    assert why in str(caught.value)


def test_the_given_form_can_only_be_an_edit_that_applies() -> None:
    answer = BLOCK.replace("4200", "170")
    assert re.fullmatch(edit.GIVEN_FORM, answer)
    assert applied(answer, "diff").returned == 170


def test_the_given_form_cannot_leave_all_as_it_was() -> None:
    assert not re.fullmatch(edit.GIVEN_FORM, BLOCK.replace("4200", str(edit.OLD)))
