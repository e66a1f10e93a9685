"""Why a stage failed, as people read it."""

from types import SimpleNamespace
from typing import Any

import pytest

from playbooks import stage_errors
from stacks.errors import BoxError
from stacks.ssh import REACH_HINT

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
    monkeypatch.setattr(stage_errors, "last_lines", lambda _target, _stage: "")
    assert stage_errors.stage_error(TARGET, "image", "").fact == "box/image: failed without a word"
