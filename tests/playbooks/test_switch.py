"""switch: what is asked of it, whom it cuts off, and what it says in the end."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from playbooks import questions, stage_table, switch
from playbooks.clients_anew import Clients
from playbooks.metrics import Metrics
from playbooks.stages import fold
from playbooks.switch import asked, check_idle, requests_running, row
from stacks.box import Box
from stacks.errors import BoxError, UsageError
from tests.playbooks.pretend_box import BOOT, BOX, whole_run

NOT_SAID = dict.fromkeys(("context", "tp", "name", "kv"))


@pytest.mark.parametrize(
    ("model", "flags", "values"),
    [
        ("x", {}, {"model": "x"}),
        ("", {"context": "8192"}, {"context": "8192"}),
        (None, {"kv": "fp8", "tp": "2"}, {"kvCacheDtype": "fp8", "tp": "2"}),
        ("x", {"name": "coder"}, {"model": "x", "servedName": "coder"}),
        ("x", {"name": "", "tp": ""}, {"model": "x", "servedName": None, "tp": None}),
    ],
)
def test_what_was_said_is_what_changes(model: str | None, flags: dict[str, str], values: dict[str, str | None]) -> None:
    assert asked(model, **(NOT_SAID | flags)) == values


@pytest.mark.parametrize(
    ("model", "flags", "line"),
    [
        ("", {}, "fab switch: to what?; name a model of `fab models`, or say --context N"),
        ("x", {"context": ""}, "--context: is empty; say --context 16384"),
    ],
)
def test_nothing_said_is_nothing_meant(model: str, flags: dict[str, str], line: str) -> None:
    with pytest.raises(UsageError) as caught:
        asked(model, **(NOT_SAID | flags))
    assert caught.value.line() == line


def busy(monkeypatch: pytest.MonkeyPatch, requests: float) -> None:
    """Have so many requests answered on the box."""
    monkeypatch.setattr(switch, "requests_running", lambda _: requests)


def test_nobody_is_asked_while_nobody_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    busy(monkeypatch, 0)
    check_idle(BOX, consent=False, can_ask=True)


def test_consent_that_was_given_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    busy(monkeypatch, 2)
    check_idle(BOX, consent=True, can_ask=True)


@pytest.mark.parametrize(("terminal", "can_ask"), [(False, True), (True, False)])
def test_nobody_is_cut_off_where_nobody_can_be_asked(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, can_ask: bool
) -> None:
    busy(monkeypatch, 2)
    monkeypatch.setattr(questions, "on_terminal", lambda: terminal)
    with pytest.raises(UsageError) as caught:
        check_idle(BOX, consent=False, can_ask=can_ask)
    assert caught.value.line() == (
        "fab switch: local: 2 requests are being answered, and would be cut off; nobody is here to be asked: say --yes"
    )


@pytest.mark.parametrize("agrees", [True, False])
def test_whoever_sits_there_decides(monkeypatch: pytest.MonkeyPatch, agrees: bool) -> None:
    busy(monkeypatch, 1)
    monkeypatch.setattr(questions, "on_terminal", lambda: True)
    monkeypatch.setattr(questions, "agrees", lambda _: agrees)
    if agrees:
        check_idle(BOX, consent=False, can_ask=True)
        return
    with pytest.raises(UsageError, match="nothing is changed"):
        check_idle(BOX, consent=False, can_ask=True)


@pytest.mark.parametrize(("figures", "running"), [({"vllm:num_requests_running": 3.0}, 3.0), ({}, 0.0)])
def test_running_requests_are_vllms_own_count(
    monkeypatch: pytest.MonkeyPatch, figures: dict[str, float], running: float
) -> None:
    monkeypatch.setattr(switch, "box_target", lambda _: None)
    monkeypatch.setattr(switch, "read_metrics", lambda _, **_which: Metrics(figures))
    assert requests_running(BOX) == running


def test_a_vllm_that_says_nothing_answers_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(_: object) -> None:
        raise BoxError("box/x: vLLM gave no metrics", hint="")

    monkeypatch.setattr(switch, "box_target", lambda _: None)
    monkeypatch.setattr(switch, "read_metrics", silent)
    assert requests_running(BOX) == 0


def test_programs_are_told_what_is_served_and_how_it_came_to_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    stage_table.keep(BOX, fold(whole_run(), BOOT))
    told = row(BOX, Clients(4096, ("aider",)))
    assert {key: told[key] for key in told if key != "stages"} == {
        **{"stack": "local", "lease": BOX.lease, "model": "smollm2-135m", "served_name": "daybox-smollm2-135m"},
        **{"window_tokens": 4096, "clients_rewritten": ("aider",)},
    }
    assert told["stages"]["total_seconds"] == 15.0


def test_clients_are_rewritten_once_all_else_is_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done: list[str] = []

    def carried_out(box: Box, values: object, *, show: bool, consent: Callable[[], None], raw: object) -> Box:
        consent()
        done.append(f"carried out {values}, {show}, {raw}")
        return box

    def rewrote(_box: Box) -> Clients:
        done.append("rewrote")
        return Clients(4096)

    monkeypatch.setattr(switch, "meant_stack", lambda _: "local")
    monkeypatch.setattr(switch, "box_that_is_up", lambda _: BOX)
    monkeypatch.setattr(switch, "raw_settings", lambda _: {"tp": "1"})
    monkeypatch.setattr(switch, "check_idle", lambda *_, consent, can_ask: done.append(f"asked {consent}, {can_ask}"))
    monkeypatch.setattr(switch, "carry_out", carried_out)
    monkeypatch.setattr(switch, "rewrite", rewrote)
    context: Any = SimpleNamespace()
    switch.switch.body(context, "smollm2-135m", yes=True)
    assert done == ["asked True, True", "carried out {'model': 'smollm2-135m'}, True, {'tp': '1'}", "rewrote"]
    assert capsys.readouterr().out == (
        "local: daybox-smollm2-135m serves smollm2-135m; through the tunnel it lists 4096 tokens; "
        'other clients: eval "$(fab env)" again\n'
    )


def test_requests_of_a_second_model_count_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def figures(_: object, *, architect: bool = False) -> Metrics:
        return Metrics({switch.RUNNING: 2.0 if architect else 1.0})

    monkeypatch.setattr(switch, "box_target", lambda _: None)
    monkeypatch.setattr(switch, "read_metrics", figures)
    assert requests_running(BOX) == 1
    assert requests_running(replace(BOX, architect_name="daybox-planner")) == 3
