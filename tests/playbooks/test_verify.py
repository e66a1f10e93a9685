"""verify: what it prints and when it fails; box, cards and model side by side; and that it ends in time."""

import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from invoke.exceptions import Exit

from playbooks import ask_vllm, metrics, verify, verify_box
from playbooks.verify import side_by_side
from stacks.errors import BoxError
from tests.playbooks.own_sshd import own_sshd
from tests.playbooks.pretend_box import BOX, PretendBox
from tests.playbooks.test_verify_box import facts_of_a_box
from tests.shipped import settings_of

ROWS = list[dict[str, Any]]


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> tuple[ROWS, ROWS]:
    """Filled by the test: what the checks of a box came to, and those of its model."""
    own: ROWS = []
    trial: ROWS = []
    monkeypatch.setattr(verify, "find_box", lambda _stack: BOX)
    monkeypatch.setattr(verify, "find_settings", lambda _stack: None)
    monkeypatch.setattr(verify, "box_target", lambda _box: None)
    monkeypatch.setattr(verify, "run", lambda _target, _command, timeout: None)
    monkeypatch.setattr(verify, "facts", lambda _box, _settings: {})
    monkeypatch.setattr(verify, "run_checks", lambda _box, _facts, _deadline, quiet: own)
    monkeypatch.setattr(verify, "try_out", lambda *_: trial)
    return own, trial


def row(check: str, outcome: str = "passed", word: str = "") -> dict[str, Any]:
    return {"check": check, "outcome": outcome, "seconds": 0.25, "word": word}


def test_a_failed_check_fails_the_command_and_is_named(checks: tuple[ROWS, ROWS]) -> None:
    checks[0].extend([row("test_a"), row("test_b", "failed")])
    with pytest.raises(Exit) as caught:
        verify.verify.body(None)
    assert str(caught.value).startswith("box/daybox-12345678: 1 of 2 checks failed: test_b; `fab bootstrap`")
    assert caught.value.code == BoxError.exit_code


def test_a_model_that_fails_fails_the_command_and_points_to_the_doctor(checks: tuple[ROWS, ROWS]) -> None:
    checks[0].append(row("test_a"))
    checks[1].append(row("model_answers", "failed", "no"))
    with pytest.raises(Exit, match="1 of 2 checks failed: model_answers; `fab doctor`"):
        verify.verify.body(None)


def test_many_failures_are_counted_and_the_first_named(checks: tuple[ROWS, ROWS]) -> None:
    checks[0].extend(row(f"test_{number}", "failed") for number in range(9))
    with pytest.raises(Exit, match="9 of 9 checks failed: test_0, test_1, test_2, test_3, test_4 …;"):
        verify.verify.body(None)


def test_people_see_the_models_rows_each_with_its_word(
    checks: tuple[ROWS, ROWS], capsys: pytest.CaptureFixture[str]
) -> None:
    checks[1].extend([row("model_answers"), row("gpus_are_linked", "skipped", "no GPU")])
    verify.verify.body(None)
    assert capsys.readouterr().out == "model_answers PASSED (0.2 s)\ngpus_are_linked SKIPPED (0.2 s)  no GPU\n"


def test_json_holds_every_check(checks: tuple[ROWS, ROWS], capsys: pytest.CaptureFixture[str]) -> None:
    checks[0].append(row("test_a"))
    checks[1].append(row("model_answers"))
    verify.verify.body(None, json=True)
    assert json.loads(capsys.readouterr().out) == {
        "stack": "local",
        "lease": BOX.lease,
        "instance_id": BOX.instance_id,
        "checks": [*checks[0], *checks[1]],
    }


def test_a_box_that_is_not_reached_is_not_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    monkeypatch.setattr(verify, "find_box", lambda _stack: replace(BOX, address="nowhere.invalid"))
    monkeypatch.setattr(verify, "find_settings", lambda _stack: None)
    with pytest.raises(Exit, match="not reached at nowhere"):
        verify.verify.body(None)


def test_the_model_is_tried_while_the_box_is_checked() -> None:
    meeting = threading.Barrier(2, timeout=10)  # neither ends before the other has begun

    def side(*_: Event) -> ROWS:
        meeting.wait()
        return [row("one")]

    assert side_by_side(side, side) == ([row("one")], [row("one")])


def test_checks_that_break_off_end_the_trial_too() -> None:
    told: list[bool] = []

    def broken() -> ROWS:
        raise BoxError("box/daybox-7: pytest ended with 2", hint="")

    def trial(stop: Event) -> ROWS:
        told.append(stop.wait(10))
        return []

    with pytest.raises(BoxError, match="ended with 2"):
        side_by_side(broken, trial)
    assert told == [True]


@pytest.fixture
def hanging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PretendBox]:
    """A box that ssh reaches, and whose dockerd answers nobody; no vLLM."""
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path / 'box/bin'}:{os.environ['PATH']}")
    monkeypatch.setattr(ask_vllm, "VLLM", "http://127.0.0.1:9")
    monkeypatch.setattr(metrics, "METRICS_URL", "http://127.0.0.1:9/metrics")
    with own_sshd(tmp_path / "sshd") as sshd:
        box = PretendBox(tmp_path / "box", sshd)
        box.program(box.onbox.root / "bin/docker", "#!/bin/sh\nsleep 600\n")
        yield box


def test_a_box_whose_docker_hangs_is_judged_in_time(
    hanging: PretendBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    words = verify_box.pytest_words
    monkeypatch.setattr(verify, "box_target", lambda _box: hanging.target())
    monkeypatch.setattr(verify, "find_box", lambda _stack: BOX)
    monkeypatch.setattr(verify, "find_settings", lambda _stack: settings_of("local", tmp_path))
    monkeypatch.setattr(verify, "facts", lambda *_: facts_of_a_box())
    monkeypatch.setattr(verify_box, "pytest_words", lambda *those: [*words(*those), "-k", "docker or container"])
    monkeypatch.setattr(verify_box, "CHECK_SECONDS", 2)
    monkeypatch.setattr(verify, "BUDGET_SECONDS", 12.0)
    began = time.monotonic()
    with pytest.raises(Exit) as caught:
        verify.verify.body(None, json=True)
    assert time.monotonic() - began < 15 and caught.value.code == BoxError.exit_code
    rows = json.loads(capfd.readouterr().out)["checks"]
    hung = [row for row in rows if "Timeout (>2.0s)" in row["word"]]
    assert len(hung) >= 2 and {row["outcome"] for row in hung} == {"failed"}
