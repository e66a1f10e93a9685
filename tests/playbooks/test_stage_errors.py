"""Why a stage failed, as people read it."""

from types import SimpleNamespace
from typing import Any

import pytest

from playbooks import stage_errors, start_logs
from playbooks.stage_errors import CausedError
from stacks.errors import BoxError
from stacks.ssh import REACH_HINT
from tests.playbooks.given_exam import HEALTHY, KV_TOO_SMALL

TARGET: Any = None  # what runs on the box is given


def test_a_long_word_keeps_its_beginning_and_its_end() -> None:
    short = stage_errors.shortened("the disk is full: " + "x" * 1000 + " said last", limit=60)
    assert (short[:16], short[-9:], len(short) < 70) == ("the disk is full", "said last", True)


def test_a_stage_that_systemd_gave_up_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "daybox-image.service loaded failed failed daybox: vLLM's image\n"
    monkeypatch.setattr(stage_errors, "run", lambda _target, _command: SimpleNamespace(stdout=said))
    monkeypatch.setattr(stage_errors, "say", lambda _text: None)
    with pytest.raises(BoxError, match="box/image: systemd gave it up"):
        stage_errors.raise_if_given_up(TARGET)


def test_nothing_given_up_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_errors, "run", lambda _target, _command: SimpleNamespace(stdout=""))
    stage_errors.raise_if_given_up(TARGET)


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        ("image", "journalctl -u daybox-image.service -n 15 -o cat --no-pager"),
        ("vllm", "journalctl -u daybox-vllm.service -n 15 -o cat --no-pager; docker logs --tail 15 vllm 2>&1"),
        ("ready", "journalctl -u daybox-ready.service -n 15 -o cat --no-pager; docker logs --tail 15 vllm 2>&1"),
    ],
)
def test_the_log_of(stage: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_errors, "run", lambda _target, command: SimpleNamespace(stdout=f"{command}\n"))
    assert stage_errors.last_lines(TARGET, stage) == words


def test_a_box_that_went_away_meanwhile_hides_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreached(_target: object, _command: str) -> None:
        raise BoxError("box/daybox-7: not reached", hint=REACH_HINT)

    monkeypatch.setattr(stage_errors, "run", unreached)
    assert stage_errors.stage_error(TARGET, "image", "no space").fact == "box/image: no space"


def test_a_stage_that_said_nothing_failed_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_errors, "last_lines", lambda _target, _stage, _word: "")
    assert stage_errors.stage_error(TARGET, "image", "").fact == "box/image: failed without a word"


def test_a_stage_that_failed_because_of_vllm_names_its_cause_and_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_errors, "last_lines", lambda _target, _stage, _word: "")
    monkeypatch.setattr(start_logs, "run", lambda *_, **__: SimpleNamespace(stdout=KV_TOO_SMALL))
    error = stage_errors.stage_error(TARGET, "ready", "the container is running after 2 restarts")
    assert isinstance(error, CausedError) and error.exit_code == 6
    assert error.fact.startswith("box/vllm: kv-too-small: ValueError: To serve at least one request")
    assert error.hint.startswith("set the context to 1920") and "fab doctor --fix" in error.hint


def test_a_log_without_a_cause_leaves_the_stages_own_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_errors, "last_lines", lambda _target, _stage, _word: "")
    monkeypatch.setattr(start_logs, "run", lambda *_, **__: SimpleNamespace(stdout=HEALTHY))
    assert stage_errors.stage_error(TARGET, "ready", "no answer").fact == "box/ready: no answer"


def test_of_two_models_the_one_that_failed_is_named_and_its_log_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[str]()

    def ran(_target: object, command: str, **_: object) -> SimpleNamespace:
        asked.append(command)
        return SimpleNamespace(stdout=KV_TOO_SMALL)

    monkeypatch.setattr(stage_errors, "run", ran)
    monkeypatch.setattr(start_logs, "run", ran)
    error = stage_errors.stage_error(TARGET, "ready", "bye | vllm-architect is running after 2 restarts: refused")
    assert error.fact.startswith("box/vllm-architect: kv-too-small: ")
    assert all("vllm-architect" in command and "vllm " not in command for command in asked)
