"""Cures carried out: said first, asked for, each once, and the config put back if nothing helps."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from playbooks import doctor_fix
from playbooks.doctor_exam import Exam
from playbooks.doctor_fix import fix_box
from stacks.box import Box
from stacks.errors import BoxError, ModelError, UsageError
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
        self.config: dict[str, str | None] = {}
        self.failures: list[Exception | None] = []

    def carry_out(self, box: Box, values: dict[str, str], *, show: bool, keep_if_it_fails: bool) -> Box:
        assert keep_if_it_fails
        self.cures.append(dict(values))
        self.config |= values
        return self.outcome()

    def mend(self, box: Box, _: Exam, cure: Any, *, show: bool) -> Box:
        self.cures.append(cure.on_box)
        return self.outcome()

    def outcome(self) -> Box:
        if self.failures and (failure := self.failures.pop(0)):
            raise failure
        return CURED


@pytest.fixture
def ward(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ward:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    made = Ward()
    monkeypatch.setattr("playbooks.change.carry_out", made.carry_out)
    monkeypatch.setattr(doctor_fix, "mend", made.mend)
    monkeypatch.setattr(doctor_fix, "examine", lambda *_: made.exams.pop(0))
    monkeypatch.setattr(doctor_fix, "find_settings", lambda _: settings_of("local", tmp_path))
    monkeypatch.setattr("playbooks.stack_config.own_text", lambda _, key: {"context": "4096"}.get(key))
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
    assert fix_box(stopped, consent=True, show=False) is CURED
    assert (ward.cures, ward.config) == (["start"], {})


def test_a_cure_that_fails_is_followed_by_that_of_the_new_cause(ward: Ward, settings: Settings) -> None:
    ward.failures = [failed()]
    ward.exams = [silent(settings=settings, logs={"now": "hello\n"})]
    fix_box(silent(KV_TOO_SMALL, settings=settings), consent=True, show=False)
    assert ward.cures == [{"context": "1792"}, "start"]
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
    assert ward.config == {"context": "4096", "maxNumSeqs": None}


def test_a_cause_without_a_safe_cure_changes_nothing(ward: Ward, settings: Settings) -> None:
    with pytest.raises(ModelError, match=r"weights-damaged: .*; no safe cure is known"):
        fix_box(silent(DAMAGED, settings=settings), consent=True, show=False)
    assert (ward.cures, ward.config) == ([], {})


def test_a_box_that_answers_again_by_itself_needs_no_further_cure(ward: Ward, settings: Settings) -> None:
    ward.failures, ward.exams = [failed("slow")], [exam(settings=settings)]
    assert fix_box(silent(KV_TOO_SMALL, settings=settings), consent=True, show=False) is BOX


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
    def interrupted() -> Box:
        raise KeyboardInterrupt

    monkeypatch.setattr(ward, "outcome", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fix_box(silent(KV_TOO_SMALL, settings=settings), consent=True, show=False)
    assert ward.config == {"context": "4096"}


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


def test_the_words_on_the_box_name_no_more_than_they_must(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []

    def counted(_: object, command: str) -> int:
        sent.append(command)
        return 7

    monkeypatch.setattr("playbooks.converge.counted", counted)
    target: Any = None
    assert doctor_fix.start(target, exam()) == 7
    assert doctor_fix.download(target, exam(weights={"name": "a b"})) == 7
    old = [{"name": "x_vllm", "project": "daybox", "id": "1"}]
    assert doctor_fix.remove_old(target, exam(docker={"containers": old})) == 7
    started, downloaded, removed = sent
    assert started.startswith("docker stop --time 20 vllm >/dev/null 2>&1; ")
    assert "systemctl stop daybox-vllm.service daybox-ready.service" in started
    gone = "'/var/lib/daybox/models/a b' '/var/lib/daybox/models/.a b'-*"
    assert f"docker rm --force vllm >/dev/null 2>&1; rm -rf -- {gone}; " in downloaded
    assert "systemctl stop daybox-weights.service daybox-vllm.service daybox-ready.service" in downloaded
    assert removed.startswith("docker rm --force x_vllm >/dev/null; ")


def test_what_was_freed_is_said_step_by_step(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = '[{"what": "dangling images", "mib": 812, "why": ""}, {"what": "old journals", "mib": 0, "why": "denied"}]'
    answer: Any = type("Done", (), {"stdout": rows, "stderr": ""})
    monkeypatch.setattr(doctor_fix, "run", lambda *_, **__: answer)
    monkeypatch.setattr("playbooks.converge.let_go_on", lambda _: 3)
    target: Any = None
    assert doctor_fix.free(target, exam()) == 3
    assert capsys.readouterr().err == "dangling images: 812 MiB freed\nold journals: 0 MiB freed: denied\n"


def test_the_log_that_was_diagnosed_is_the_one_that_is_shown() -> None:
    told = silent(logs={"now": START, "before": DAMAGED})
    assert doctor_fix.last_words(told).splitlines()[-1] == DAMAGED.splitlines()[-1]
    assert HEALTHY not in doctor_fix.last_words(told)
