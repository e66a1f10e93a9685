"""The first run is as like a box's as can be, else what it keeps is of no use there."""

from scripts.cloud import ask_once, first_run
from stacks.catalog import DEVICES

CPU = next(device for device in DEVICES if device.name == "cpu")


def test_vllm_is_started_with_the_flags_of_a_box() -> None:
    assert set(CPU.vllm_flags) <= set(first_run.serve())
    assert first_run.serve()[: len(CPU.entry_words)] == list(CPU.entry_words)


def test_its_environment_is_a_boxs_but_that_byte_code_is_written() -> None:
    environment = first_run.environment()
    assert set(CPU.environment) - set(environment) == {"PYTHONDONTWRITEBYTECODE"}
    assert environment["PYTHONPATH"] == "/mnt/site"
    assert environment["VLLM_NO_USAGE_STATS"] == "1"


def test_other_packages_need_another_first_run() -> None:
    assert first_run.recipe("one") != first_run.recipe("two")


def test_the_second_question_has_a_shape_as_aiders_have() -> None:
    assert "structured_outputs" in ask_once.WITH_SHAPE and "structured_outputs" not in ask_once.REQUEST
