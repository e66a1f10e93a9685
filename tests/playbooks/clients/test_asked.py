"""The user's own `-m`, in every way in which one can write it."""

import pytest

from playbooks.clients.asked import models_asked


@pytest.mark.parametrize(
    "words", [["-m", "x"], ["-mx"], ["--model", "x"], ["--model=x"], ["-vm", "x"], ["-vpmx"], ["-m", "x", "why?"]]
)
def test_a_model_is_found_however_it_is_written(words: list[str]) -> None:
    assert list(models_asked(words, "vp")) == ["x"]


def test_of_two_models_each_is_found_in_its_order() -> None:
    assert list(models_asked(["-mx", "why?", "--model=y"], "v")) == ["x", "y"]


@pytest.mark.parametrize("words", [[], ["-sm"], ["--models=x"], ["m"], ["-cx.m"]])
def test_what_is_no_model_is_none(words: list[str]) -> None:
    assert list(models_asked(words, "vp")) == []
