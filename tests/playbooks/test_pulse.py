"""pulse: figures become rates and shares; unknown stays unknown, and nothing goes over a restart of vLLM."""

import json
from typing import Any

import pytest

from playbooks.metrics import STARTED, Metrics
from playbooks.pulse import (
    DRAFTS,
    MINUTE,
    NO_PROGRAM,
    PREFIX,
    RUNNING,
    SERIES,
    TOKENS_OUT,
    Look,
    Pulse,
    command,
    parse,
)
from tests.playbooks import nvidia_smi


def look(at: float, started: float = 1.0, **figures: float) -> Look:
    """out: tokens generated; hits, queries: of the prefix cache."""
    names = {"out": TOKENS_OUT, "hits": PREFIX[0], "queries": PREFIX[1], "running": RUNNING}
    return Look(at, Metrics({STARTED: started} | {names[name]: value for name, value in figures.items()}))


def test_a_rate_is_what_came_between_the_last_two_looks() -> None:
    assert Pulse((look(0, out=0), look(10, out=100), look(12, out=150))).rate(TOKENS_OUT) == 25


@pytest.mark.parametrize(
    "looks",
    [
        (),
        (look(0, out=5),),
        (look(0, out=5), look(2)),
        (look(0), look(2, out=5)),
        (look(0, out=5), Look(2, None)),
        (look(0, out=5), look(2, started=9.0, out=7)),
        (look(0, out=5), look(2, out=4)),
        (look(2, out=5), look(2, out=6)),
    ],
    ids=["none", "one", "gone", "new", "silent", "restarted", "backwards", "no time"],
)
def test_what_cannot_be_known_is_no_rate_and_not_0(looks: tuple[Look, ...]) -> None:
    assert Pulse(looks).rate(TOKENS_OUT) is None


def test_a_share_is_of_the_last_minute_or_of_all() -> None:
    pulse = Pulse((look(0, hits=0, queries=100), look(50, hits=10, queries=200), look(100, hits=90, queries=300)))
    assert pulse.share(PREFIX) == 0.3
    assert pulse.share(PREFIX, MINUTE) == 0.8


def test_the_last_minute_begins_with_the_newest_start_of_vllm() -> None:
    restarted = Pulse(
        (look(0, hits=0, queries=0), look(10, 9.0, hits=0, queries=10), look(20, 9.0, hits=5, queries=20))
    )
    assert restarted.share(PREFIX, MINUTE) == 0.5


@pytest.mark.parametrize("seconds", [None, MINUTE])
@pytest.mark.parametrize("looks", [(), (look(0), look(2)), (look(0, hits=0, queries=0), look(2, hits=0, queries=0))])
def test_a_share_of_nothing_is_unknown(looks: tuple[Look, ...], seconds: float | None) -> None:
    assert Pulse(looks).share(PREFIX, seconds) is None


def test_a_series_that_this_vllm_does_not_have_is_none() -> None:
    pulse = Pulse((look(0, running=2),))
    assert (pulse.now(RUNNING), pulse.now(DRAFTS[0]), Pulse().now(RUNNING)) == (2, None, None)


def test_the_program_is_told_what_to_look_at() -> None:
    words = command(2, 5)
    assert words.startswith("python3 -u - 2 5 --query-gpu=index,name,")
    assert all(name in words for name in SERIES)


def line(**changes: Any) -> str:
    row: dict[str, Any] = {"at": 7.5, "figures": {RUNNING: 2.0}, "cards": [0, nvidia_smi.ONE]}
    return json.dumps(row | changes)


def test_a_line_is_a_look() -> None:
    parsed = parse(line())
    assert parsed is not None
    found, report = parsed
    assert (found.at, found.figures, report) == (7.5, Metrics({RUNNING: 2.0}), None)
    assert [card.used for card in found.cards] == [87] and found.no_cards == ""


def test_a_report_comes_along_as_it_was_said() -> None:
    parsed = parse(line(report=[0, "{}"]))
    assert parsed is not None and parsed[1] == (0, "{}")


@pytest.mark.parametrize(
    ("cards", "why"),
    [
        ([127, "No such file"], NO_PROGRAM),
        ([9, nvidia_smi.NO_DRIVER], "nvidia-smi: NVIDIA-SMI has failed because it couldn't communicate with"),
        ([124, "no answer within 5 s"], "nvidia-smi: no answer within 5 s"),
        ([1, ""], "nvidia-smi: ended with 1"),
        ([0, nvidia_smi.NONE], "nvidia-smi names no card"),
    ],
)
def test_why_there_are_no_cards_is_told(cards: list[Any], why: str) -> None:
    parsed = parse(line(cards=cards))
    assert parsed is not None
    assert parsed[0].cards == () and parsed[0].no_cards.startswith(why)


def test_a_vllm_that_does_not_answer_is_no_figures() -> None:
    parsed = parse(line(figures=None))
    assert parsed is not None and parsed[0].figures is None


def test_a_figure_that_is_none_is_left_out() -> None:
    parsed = parse(line(figures={RUNNING: "many", TOKENS_OUT: 3, "x": float("nan")}))
    assert parsed is not None and parsed[0].figures == Metrics({TOKENS_OUT: 3})


@pytest.mark.parametrize(
    "text", ["", "half a li", "7", "[]", "{}", line(at="now"), line(figures=[1]), line(cards=[]), line(cards=None)]
)
def test_what_is_no_look_is_passed_over(text: str) -> None:
    assert parse(text) is None


def test_of_two_models_each_has_figures_of_its_own() -> None:
    line = json.dumps({"at": 1, "figures": {TOKENS_OUT: 1}, "architect": {TOKENS_OUT: 5}, "cards": [127, ""]})
    found = parse(line)
    assert found and found[0].two
    pulse = Pulse((found[0],))
    assert (pulse.now(TOKENS_OUT), pulse.of_architect.now(TOKENS_OUT)) == (1, 5)


def test_a_second_model_that_is_silent_is_not_one_that_is_not_there() -> None:
    rows = {"at": 1, "figures": None, "cards": [127, ""]}
    silent, none = (parse(json.dumps(row)) for row in (rows | {"architect": None}, rows))
    assert silent and none
    assert [(one[0].two, one[0].architect) for one in (silent, none)] == [(True, None), (False, None)]
