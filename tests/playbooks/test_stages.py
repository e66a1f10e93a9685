"""Events folded into rows: several attempts, reboots, several runs."""

import json

import pytest

from playbooks.stages import (
    Event,
    Row,
    first_failure,
    fold,
    is_ready,
    longest_chain,
    newest_run,
    parse,
    total_seconds,
)
from stacks.stages import STAGES, Stage
from tests.playbooks.pretend_box import BOOT, NEXT_BOOT, began, ended, ran, whole_run


def row_of(stage: str, events: list[Event], boot: str = BOOT, words: dict[str, str] | None = None) -> Row:
    return next(row for row in fold(events, boot, words) if row.stage == stage)


def test_there_is_a_row_for_every_stage_in_the_order_of_the_table() -> None:
    assert [row.stage for row in fold([], BOOT)] == [stage.name for stage in STAGES if not stage.optional]


def test_an_optional_stage_has_a_row_once_it_has_begun() -> None:
    assert row_of("volume", [Event("volume", "start", 1.0, BOOT)]).state == "running"


def test_a_stage_without_events_waits() -> None:
    assert row_of("driver", []) == Row("driver")


def test_a_stage_that_began_runs_and_says_its_present_word() -> None:
    assert row_of("image", [began("image", 5)], words={"image": "1 of 9 GB"}) == Row(
        "image", "running", 5, word="1 of 9 GB"
    )


@pytest.mark.parametrize("outcome", ["done", "already", "passed", "failed"])
def test_a_stage_ends_with_its_outcome_and_word(outcome: str) -> None:
    events = [began("driver", 5), Event("driver", "end", 7, BOOT, outcome, "a word", 12)]
    assert row_of("driver", events) == Row("driver", outcome, 5, 7, "a word", 12)


def test_an_outcome_nobody_knows_is_a_failure() -> None:
    assert row_of("driver", [began("driver", 1), ended("driver", 2, "splendid")]).state == "failed"


def test_a_second_attempt_after_a_failure_stands_alone() -> None:
    events = [*ran("driver", 1, 2, "failed"), *ran("driver", 10, 13)]
    assert row_of("driver", events) == Row("driver", "done", 10, 13)


def test_what_a_reboot_cut_off_waits_until_it_begins_again() -> None:
    assert row_of("driver", [began("driver", 1)], NEXT_BOOT) == Row("driver", "waiting", 1)


def test_a_stage_over_a_reboot_counts_from_its_first_attempt() -> None:
    events = [began("driver", 1), *ran("driver", 30, 31, boot=NEXT_BOOT)]
    assert row_of("driver", events, NEXT_BOOT) == Row("driver", "done", 1, 31)


def test_done_before_and_already_after_a_reboot_took_what_it_took_first() -> None:
    events = [began("driver", 0), *ran("docker", 1, 6), *ran("docker", 30, 30.1, "already", NEXT_BOOT)]
    assert row_of("docker", events, NEXT_BOOT) == Row("docker", "done", 1, 6)


def test_a_failure_after_a_success_is_a_failure() -> None:
    events = [began("weights", 0), *ran("docker", 1, 6), *ran("docker", 7, 8, "failed")]
    assert row_of("docker", events) == Row("docker", "failed", 7, 8)


def test_a_run_is_over_when_the_last_stage_has_ended() -> None:
    again = began("vllm", 5000)
    assert newest_run([*whole_run(), again]) == [again]


def test_a_run_with_a_failure_is_over_when_nothing_of_it_runs() -> None:
    first = [began("weights", 0), *ran("driver", 0, 1, "failed"), began("docker", 2), ended("docker", 3)]
    last = ended("weights", 9)
    retry = began("driver", 60)
    assert newest_run([*first, last, retry]) == [retry]
    assert newest_run([*first, began("driver", 60)]) == [*first, began("driver", 60)]


def test_a_reboot_before_ready_does_not_begin_a_new_run() -> None:
    events = [began("driver", 0), began("driver", 30, NEXT_BOOT)]
    assert newest_run(events) == events


def test_arming_again_belongs_to_no_run() -> None:
    events = [*whole_run(), *ran("watchdog", 9000, 9001)]
    assert newest_run(events) == events
    assert total_seconds(fold(events, BOOT)) == 15


def test_what_a_new_run_does_not_touch_still_holds() -> None:
    events = [*ran("watchdog", 999, 1000), *whole_run(), began("vllm", 5000)]
    states = {row.stage: row.state for row in fold(events, BOOT)}
    assert states == {
        "watchdog": "already",
        "driver": "already",
        "docker": "already",
        "image": "already",
        "weights": "already",
        "vllm": "running",
        "ready": "waiting",
    }


def test_after_a_reboot_of_a_ready_box_everything_begins_anew() -> None:
    rows = fold([*whole_run(), began("docker", 5000, NEXT_BOOT)], NEXT_BOOT)
    assert [row.state for row in rows if row.stage in ("driver", "docker", "ready")] == [
        "waiting",
        "running",
        "waiting",
    ]


def test_the_total_is_from_the_first_start_to_the_last_end() -> None:
    assert total_seconds(fold(whole_run(), BOOT)) == 15


def test_nothing_that_ran_took_no_time() -> None:
    assert total_seconds(fold([], BOOT)) == 0


def test_the_longest_chain_follows_the_order_of_the_table() -> None:
    """driver 1, docker 2 + image 3, weights 4; then vllm 1 and ready 9."""
    assert longest_chain(fold(whole_run(), BOOT)) == (("docker", "image", "vllm", "ready"), 15.0)


@pytest.mark.parametrize(
    ("seconds", "chain"),
    [
        ({"a": 1, "b": 5, "c": 1}, (("b", "c"), 6)),
        ({"a": 9, "b": 5, "c": 1}, (("a", "c"), 10)),
        ({"a": 9, "b": 5, "d": 20}, (("d",), 20)),
        ({}, (("a",), 0)),
    ],
)
def test_the_longest_chain_of(seconds: dict[str, float], chain: tuple[tuple[str, ...], float]) -> None:
    stages = (Stage("a", "", ""), Stage("b", "", ""), Stage("c", "", "", after=("a", "b")), Stage("d", "", ""))
    rows = [Row(name, "done", 100.0, 100.0 + took) for name, took in seconds.items()]
    assert longest_chain(rows, stages) == chain


def test_a_running_stage_counts_up_to_now() -> None:
    assert Row("image", "running", 10).seconds(now=14.5) == 4.5


def test_ready_is_the_last_stages_success_in_this_boot() -> None:
    assert is_ready(whole_run(), BOOT)


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([], id="nothing yet"),
        pytest.param(whole_run()[:-1], id="it still runs"),
        pytest.param([*whole_run(), began("ready", 2000)], id="it began again"),
        pytest.param([*whole_run(), *ran("ready", 2000, 2001, "failed")], id="it failed since"),
        pytest.param(whole_run("boot-0"), id="it was another boot"),
    ],
)
def test_it_is_not_ready_if(events: list[Event]) -> None:
    assert not is_ready(events, BOOT)


def test_the_first_failure_is_named() -> None:
    events = [*ran("docker", 1, 5, "failed"), *ran("driver", 1, 3, "failed")]
    failure = first_failure(events, BOOT)
    assert failure and failure.stage == "driver"


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([*ran("docker", 1, 5, "failed"), began("docker", 6)], id="it was begun again"),
        pytest.param(ran("docker", 1, 5, "failed", "boot-0"), id="it was another boot"),
        pytest.param(whole_run(), id="none failed"),
    ],
)
def test_it_is_no_failure_if(events: list[Event]) -> None:
    assert first_failure(events, BOOT) is None


def test_a_line_of_the_box_is_an_event() -> None:
    line = {"stage": "image", "event": "end", "at": 1.5, "boot": BOOT, "outcome": "done", "word": "", "bytes": 7}
    assert parse(json.dumps(line)) == Event("image", "end", 1.5, BOOT, "done", "", 7)


@pytest.mark.parametrize(
    "line", ["", '{"stage": "ima', "[]", "7", "null", '{"stage": "image"}', '{"stage":1,"at":"x"}']
)
def test_half_a_line_is_no_event(line: str) -> None:
    assert parse(line) is None
