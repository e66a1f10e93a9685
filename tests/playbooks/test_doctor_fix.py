"""Cures carried out: said first, asked for, each once, and the config put back if nothing helps."""

import signal
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from playbooks import doctor_fix
from playbooks.box_lock import LostLock
from playbooks.doctor_exam import Exam
from playbooks.doctor_fix import fix_box
from stacks.box import Box
from stacks.errors import BoxError, CloudError, ModelError, UsageError
from stacks.interrupt import ENDING, Ended
from stacks.settings import Settings
from tests.playbooks.given_exam import DAMAGED, HEALTHY, KV_TOO_SMALL, START, exam, silent
from tests.playbooks.pretend_box import BOX, began, whole_run
from tests.shipped import settings_of

NO_CACHE = f"{START}ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization`\n"
CURED = replace(BOX, bundle_sha256="c" * 64)


class Ward:
    """A box whose answers are given. exams: what it tells after each cure; cures: what was carried out."""

    def __init__(self) -> None:
        self.exams: list[Exam] = []
        self.cures: list[object] = []
        self.config: dict[str, str | None] = {"context": "4096"}
        self.failures: list[Exception | None] = []

    def carry_out(self, box: Box, values: dict[str, str], *, show: bool, keep_if_it_fails: bool) -> Box:
        assert keep_if_it_fails
        self.cures.append(dict(values))
        self.config |= values
        if failure := self.outcome():
            raise failure
        return CURED

    def mend(self, box: Box, _: Exam, cure: Any, *, show: bool) -> Exception | None:
        self.cures.append(cure.on_box)
        return self.outcome()

    def outcome(self) -> Exception | None:
        return self.failures.pop(0) if self.failures else None

    def declared(self, box: Box, settings: Settings, hold: object) -> Box:
        self.cures.append("up")
        if failure := self.outcome():
            raise failure
        return CURED


@pytest.fixture
def ward(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ward:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    made = Ward()
    monkeypatch.setattr("playbooks.change.carry_out", made.carry_out)
    monkeypatch.setattr("playbooks.change.declared", made.declared)
    monkeypatch.setattr(doctor_fix, "holding", lambda *_: nullcontext())
    monkeypatch.setattr(doctor_fix, "mend", made.mend)
    monkeypatch.setattr(doctor_fix, "examine", lambda *_: made.exams.pop(0))
    monkeypatch.setattr(doctor_fix, "find_settings", lambda _: settings_of("local", tmp_path))
    monkeypatch.setattr("playbooks.stack_config.own_text", lambda _, key: made.config.get(key))
    monkeypatch.setattr("playbooks.stack_config.write_config", lambda _, values: made.config.update(values))
    return made


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_of("local", tmp_path)


def failed(cause: str = "still") -> ModelError:
    return ModelError(f"box/vllm: {cause}", hint="x")


def test_a_setting_is_cured_through_the_config_and_said_first(
    ward: Ward, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fix_box(silent(KV_TOO_SMALL, settings=settings), consent=True, show=False) is CURED
    assert (ward.cures, ward.config) == ([{"context": "1792"}], {"context": "1792"})
    said = capsys.readouterr().err
    assert "local: kv-too-small: " in said
    assert "local: cure 1 of at most 3: context 1792 in place of 4096: vLLM names 1920 as the longest" in said


def test_what_is_no_setting_is_mended_on_the_box(ward: Ward, settings: Settings) -> None:
    stopped = silent(settings=settings, container={"status": "exited"})
    assert fix_box(stopped, consent=True, show=False) is BOX
    assert (ward.cures, ward.config) == (["start"], {"context": "4096"})


def test_a_cure_that_fails_is_followed_by_that_of_the_new_cause(ward: Ward, settings: Settings) -> None:
    ward.failures = [failed()]
    ward.exams = [silent(settings=settings, logs={"now": "hello\n"})]
    assert fix_box(silent(KV_TOO_SMALL, settings=settings), consent=True, show=False) is CURED
    assert ward.cures == [{"context": "1792"}, "start", "up"]  # what was changed before it is declared, too
    assert ward.config == {"context": "1792"}


def test_if_nothing_helps_config_is_as_before_and_the_log_is_shown(
    ward: Ward, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    ward.failures = [failed()]
    ward.exams = [silent(NO_CACHE, settings=replace(settings, max_num_seqs=1))]
    with pytest.raises(ModelError, match=r"box/vllm: kv-none: .*; not cured by context"):
        fix_box(silent(KV_TOO_SMALL, settings=settings), consent=True, show=False)
    assert ward.config == {"context": "4096"}
    said = capsys.readouterr().err
    assert "its config is as it was before (context)" in said
    assert "No available memory for the cache blocks" in said


def test_the_same_cause_again_is_not_cured_the_same_way_again(ward: Ward, settings: Settings) -> None:
    ward.failures = [failed()]
    ward.exams = [silent(KV_TOO_SMALL, settings=settings)]
    with pytest.raises(ModelError, match="not cured by context"):
        fix_box(silent(KV_TOO_SMALL, settings=settings), consent=True, show=False)
    assert ward.cures == [{"context": "1792"}]


def test_three_cures_are_the_end(ward: Ward, settings: Settings) -> None:
    none_left = replace(settings, max_num_seqs=8)
    ward.failures = [failed(), failed(), failed()]
    ward.exams = [
        silent(NO_CACHE, settings=none_left),
        silent(settings=settings, logs={"now": "hello\n"}),
        silent(DAMAGED, settings=settings, weights={"handed_in": False}),
    ]
    with pytest.raises(ModelError, match=r"weights-damaged: .*; not cured by context, sequences, start"):
        fix_box(silent(KV_TOO_SMALL, settings=settings), consent=True, show=False)
    assert ward.cures == [{"context": "1792"}, {"maxNumSeqs": "4"}, "start"]
    assert ward.config == {"context": "4096", "maxNumSeqs": None}  # as `pulumi config rm` leaves it


def test_a_cause_without_a_safe_cure_changes_nothing(ward: Ward, settings: Settings) -> None:
    with pytest.raises(ModelError, match=r"weights-damaged: .*; no safe cure is known"):
        fix_box(silent(DAMAGED, settings=settings), consent=True, show=False)
    assert (ward.cures, ward.config) == ([], {"context": "4096"})


def test_a_box_that_answers_again_by_itself_needs_no_further_cure(ward: Ward, settings: Settings) -> None:
    ward.failures, ward.exams = [failed("slow")], [exam(settings=settings)]
    assert fix_box(silent(KV_TOO_SMALL, settings=settings), consent=True, show=False) is CURED
    assert (ward.cures, ward.config) == ([{"context": "1792"}, "up"], {"context": "1792"})


def test_a_cure_that_serves_and_cannot_be_declared_is_an_error_and_stays(ward: Ward, settings: Settings) -> None:
    """`carry_out` says so first; then it answers, `up` is tried once more, and fails again."""
    undeclared = CloudError("stacks/local: x serves, but `pulumi up` ended with 255", hint="pulumi up -s local")
    ward.failures, ward.exams = [undeclared, undeclared], [exam(settings=settings)]
    with pytest.raises(CloudError, match="ended with 255"):
        fix_box(silent(KV_TOO_SMALL, settings=settings), consent=True, show=False)
    assert ward.config == {"context": "1792"}


@pytest.mark.parametrize("lost", [False, True])
def test_what_another_command_changes_meanwhile_stays_and_ends_it(
    ward: Ward, settings: Settings, monkeypatch: pytest.MonkeyPatch, lost: bool
) -> None:
    """Refused, or the lock lost in the middle: no cure has failed, and nothing is put back over another's."""
    kind = LostLock if lost else BoxError

    def locked(*_: object, **__: object) -> None:
        ward.config["context"] = "1792" if lost else "8192"
        raise kind("box/daybox-7: anna@x is changing it", hint="wait until that is done")

    monkeypatch.setattr("playbooks.change.carry_out", locked)
    with pytest.raises(kind, match="anna@x is changing it"):
        fix_box(silent(KV_TOO_SMALL, settings=settings), consent=True, show=False)
    assert ward.config == {"context": "1792" if lost else "8192"}


def test_a_start_that_is_still_going_on_after_a_cure_is_left_to_it(ward: Ward, settings: Settings) -> None:
    events = [event for event in whole_run() if event.stage != "ready"] + [began("ready", 6)]
    starting: dict[str, Any] = {"logs": {"now": START}, "report": {"stages": [vars(event) for event in events]}}
    ward.failures, ward.exams = [failed("not ready within 30 min")], [silent(settings=settings, **starting)]
    with pytest.raises(BoxError, match="is becoming ready: ready runs") as caught:
        fix_box(silent(KV_TOO_SMALL, settings=settings), consent=True, show=False)
    way_out = "when it answers: pulumi up -s local; else fab doctor --fix again"
    assert caught.value.hint == f"its config has context=1792; {way_out}"
    assert (ward.cures, ward.config) == ([{"context": "1792"}], {"context": "1792"})


def test_a_vllm_that_is_starting_is_not_started_again(ward: Ward, settings: Settings) -> None:
    with pytest.raises(ModelError, match=r"unknown: .*; no safe cure is known") as caught:
        fix_box(silent(START, settings=settings), consent=True, show=False)
    assert ward.cures == [] and "vLLM is starting" in caught.value.hint


def test_a_box_at_work_on_others_requests_is_not_cured(ward: Ward, settings: Settings) -> None:
    at_work = silent(HEALTHY, settings=settings, queue={"requests": 3.0})
    assert fix_box(at_work, consent=True, show=False) is BOX
    assert ward.cures == []


def test_a_box_that_vanishes_in_the_middle_ends_it_with_the_config_as_before(
    ward: Ward, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> Exam:
        raise BoxError("box/daybox-7: not reached", hint="x")

    ward.failures = [failed()]
    monkeypatch.setattr(doctor_fix, "examine", gone)
    with pytest.raises(BoxError, match="not reached"):
        fix_box(silent(KV_TOO_SMALL, settings=settings), consent=True, show=False)
    assert ward.config == {"context": "4096"}


def test_ctrl_c_puts_the_config_back(ward: Ward, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ward, "outcome", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fix_box(silent(KV_TOO_SMALL, settings=settings), consent=True, show=False)
    assert ward.config == {"context": "4096"}


@pytest.mark.parametrize("number", ENDING)
def test_a_closed_terminal_and_a_polite_end_between_cures_put_it_back_too(
    ward: Ward, settings: Settings, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    ward.failures = [failed()]
    monkeypatch.setattr(doctor_fix, "examine", lambda *_: signal.raise_signal(number))
    with pytest.raises(Ended):
        fix_box(silent(KV_TOO_SMALL, settings=settings), consent=True, show=False)
    assert (ward.cures, ward.config) == ([{"context": "1792"}], {"context": "4096"})


def test_a_box_that_becomes_ready_is_left_alone(ward: Ward, settings: Settings) -> None:
    events = [event for event in whole_run() if event.stage != "ready"] + [began("ready", 6)]
    busy = silent(settings=settings, report={"stages": [vars(event) for event in events]})
    with pytest.raises(BoxError, match="is becoming ready: ready runs"):
        fix_box(busy, consent=True, show=False)
    assert ward.cures == []


def test_without_anybody_to_ask_nothing_is_done_and_the_flag_is_named(ward: Ward, settings: Settings) -> None:
    with pytest.raises(UsageError) as caught:
        fix_box(silent(KV_TOO_SMALL, settings=settings), consent=False, show=True)
    assert caught.value.hint == "nobody is here to be asked: say --yes" and "context 1792" in caught.value.fact
    assert ward.cures == []


@pytest.mark.parametrize(("answer", "done"), [(True, [{"context": "1792"}]), (False, [])])
def test_somebody_at_the_terminal_is_asked_before_each(
    ward: Ward, settings: Settings, monkeypatch: pytest.MonkeyPatch, answer: bool, done: list[object]
) -> None:
    asked: list[str] = []

    def agrees(question: str) -> bool:
        asked.append(question)
        return answer

    monkeypatch.setattr(doctor_fix, "on_terminal", lambda: True)
    monkeypatch.setattr(doctor_fix, "agrees", agrees)
    refused: Any = nullcontext() if answer else pytest.raises(UsageError, match="nothing more is changed")
    with refused:
        fix_box(silent(KV_TOO_SMALL, settings=settings), consent=False, show=True)
    assert len(asked) == 1 and "cure 1 of at most 3" in asked[0]
    assert ward.cures == done


def test_processes_that_are_not_ours_are_named_and_live_on(
    ward: Ward, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = (
        f"{START}ValueError: Free memory on device cuda:0 (1.0/19.5 GiB) on startup is less than desired GPU memory\n"
    )
    apps = [{"pid": "42", "mib": "900", "name": "thief", "container": ""}]
    with pytest.raises(ModelError, match="gpu-memory-taken"):
        fix_box(silent(taken, settings=settings, gpus={"smi": "0, x", "apps": apps}), consent=True, show=False)
    assert "not ours to end, and they hold the card's memory: process 42 thief (900 MiB)" in capsys.readouterr().err


def test_the_log_that_was_diagnosed_is_the_one_that_is_shown() -> None:
    told = silent(logs={"now": START, "before": DAMAGED})
    assert doctor_fix.last_words(told).splitlines()[-1] == DAMAGED.splitlines()[-1]
    assert HEALTHY not in doctor_fix.last_words(told)
