"""The table of stages: an order that can be kept, and what each stage needs."""

import pytest

from stacks.stages import GRAPH, STAGES, Stage, stage_named, unit
from templates import program


def test_the_box_can_end_itself_before_anything_else_happens() -> None:
    assert STAGES[0].name == "watchdog"


def test_driver_docker_and_weights_do_not_wait_for_each_other() -> None:
    must = [stage for stage in GRAPH if not stage.optional]
    assert [stage.name for stage in must if not set(stage.after) & {one.name for one in must}] == [
        "driver",
        "docker",
        "weights",
    ]


def test_no_stage_but_a_volume_is_optional_and_only_the_weights_wait_for_it() -> None:
    """What may not be there must not be what others silently count on."""
    assert [stage.name for stage in GRAPH if stage.optional] == ["volume"]
    assert [stage.name for stage in GRAPH if "volume" in stage.after] == ["weights"]


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_no_stage_stands_before_what_it_waits_for(stage: Stage) -> None:
    before = [other.name for other in STAGES[: STAGES.index(stage)]]
    assert set(stage.after) <= set(before)


@pytest.mark.parametrize("stage", GRAPH, ids=lambda stage: stage.name)
def test_every_stage_of_the_graph_has_a_program_and_a_time_limit(stage: Stage) -> None:
    assert program(stage.program).startswith("#!")
    assert stage.minutes > 0


def test_the_graph_ends_in_the_first_completion_and_needs_all_the_rest_for_it() -> None:
    needed, waiting = set(), ["ready"]
    while waiting:
        name = waiting.pop()
        needed.add(name)
        waiting += stage_named(name).after
    assert needed == {stage.name for stage in GRAPH}


def test_units_are_named_after_their_stages() -> None:
    assert unit("vllm") == "daybox-vllm.service"
