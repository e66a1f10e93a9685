"""What a box told, judged: what is right, what is wrong and how grave it is, and what could not be asked."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from playbooks import doctor_box
from playbooks.doctor_box import QUESTIONS
from playbooks.doctor_check import Finding, all_answered
from playbooks.doctor_exam import Exam
from playbooks.tunnel_files import box_key_file
from stacks.bundle import bundle_for
from stacks.errors import BoxError, ModelError
from stacks.places import write_private
from stacks.settings import Settings
from tests.playbooks.given_exam import FACTS, HEALTHY, KV_TOO_SMALL, SILENT, exam, silent
from tests.playbooks.pretend_box import BOX, began, ended, whole_run
from tests.shipped import settings_of

Look = Callable[[Exam], Finding]


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))


def said(found: Finding) -> tuple[str, str]:
    return found.state, found.fact


def with_stages(*events: Any) -> dict[str, Any]:
    return {"report": {"stages": [vars(event) for event in events], "ready": False}}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_of("local", tmp_path)


def test_nothing_is_wrong_with_the_box_that_was_recorded(settings: Settings) -> None:
    told = exam(settings=settings, report={"bundle": bundle_for(settings).sha256})
    checks = all_answered(QUESTIONS, told)
    assert [check.name for check in checks if check.state == "not-applicable"] == [
        "box/gpu",
        "box/key",
        "box/architect",
    ]
    assert {check.state for check in checks} == {"ok", "not-applicable"}


def test_another_bundle_than_this_checkouts_is_no_fault_and_is_said(settings: Settings) -> None:
    found = doctor_box.bundle(exam(settings=settings))
    assert (found.state, found.cure) == ("not-applicable", "fab bootstrap")
    assert doctor_box.bundle(exam()).state == "unknown"


@pytest.mark.parametrize("section", [name for name in FACTS if name != "time"])
def test_a_section_that_broke_makes_no_check_right_and_stops_no_other(settings: Settings, section: str) -> None:
    broken: dict[str, Any] = {section: {"broken": "it is on fire"}}
    checks = all_answered(QUESTIONS, exam(settings=settings, **broken))
    assert len(checks) == len(QUESTIONS)
    assert not [check.fact for check in checks if "this check broke" in check.fact]
    silent_ones = ("logs", "journals", "key", "queue", "queue_later")
    assert [check for check in checks if "it is on fire" in check.fact] or section in silent_ones


def test_a_broken_log_is_not_taken_for_a_healthy_one() -> None:
    checks = all_answered(QUESTIONS, exam(logs={"broken": "docker: no answer"}))
    assert {check.name: check.state for check in checks}["box/log"] == "unknown"


@pytest.mark.parametrize(
    ("section", "fact"),
    [
        ({"trouble": "the API refuses the token: 401"}, "it cannot end the box: the API refuses the token: 401"),
        ({"timer": "inactive"}, "its timer is inactive, its last look was 0 min ago"),
        ({"checked": 1_795_706_952.0 - 600}, "its timer is active, its last look was 10 min ago"),
        ({"checked": None}, "its timer is active, it never looked"),
    ],
)
def test_a_watchdog_that_cannot_do_its_work_is_wrong(section: dict[str, Any], fact: str) -> None:
    assert said(doctor_box.watchdog(exam(watchdog=section))) == ("wrong", fact)


def test_an_unarmed_watchdog_is_armed_by_up() -> None:
    found = doctor_box.watchdog(exam(report={"watchdog": {"armed": False, "why": "there is no token"}}))
    assert (*said(found), found.cure) == ("wrong", "not armed: there is no token", "pulumi up -s local arms it again")


def test_an_api_that_did_not_answer_just_now_is_no_fault_of_the_watchdog() -> None:
    found = doctor_box.watchdog(exam(watchdog={"trouble": "the API was not reached: timed out"}))
    assert (found.state, "the API was not reached" in found.fact) == ("ok", True)


def test_where_nothing_may_end_the_box_it_says_so(tmp_path: Path) -> None:
    assert (
        doctor_box.watchdog(exam(settings=settings_of("local", tmp_path, selfDestruct="false"))).state
        == "not-applicable"
    )


def test_a_full_disk_is_named_with_what_is_free() -> None:
    rows = [
        {"path": "/", "free_mib": 12, "total_mib": 20_000},
        {"path": "/var/lib/docker", "free_mib": 9_000, "total_mib": 1},
    ]
    assert said(doctor_box.disks(exam(disks=rows))) == ("wrong", "/ 12 of 20,000 MiB free")


def test_a_full_dev_shm_is_no_disk_that_can_be_freed() -> None:
    found = doctor_box.disks(exam(disks=[{"path": "/dev/shm", "free_mib": 12, "total_mib": 9_000}]))
    assert found.state == "wrong" and "/dev/shm" in found.cure and "--fix" not in found.cure


def test_an_image_that_is_missing_is_wrong_unless_it_is_on_its_way() -> None:
    missing = {"image": {"name": "v:1", "there": False}}
    assert doctor_box.docker(exam(docker=missing)).state == "wrong"
    assert doctor_box.docker(exam(docker=missing, **with_stages(began("image", 1)))).state == "unknown"


def test_another_key_than_the_boxs_own_is_wrong() -> None:
    told = exam(key=hashlib.sha256(b"box-key").hexdigest())
    assert doctor_box.key(told).state == "not-applicable"
    write_private(box_key_file(BOX.stack), "box-key\n")
    assert doctor_box.key(told).state == "ok"
    write_private(box_key_file(BOX.stack), "of another boot\n")
    assert (found := doctor_box.key(told)).state == "wrong" and found.cure == "fab tunnel brings it"


@pytest.mark.parametrize(("stage", "kind"), [("image", BoxError), ("weights", ModelError), ("ready", ModelError)])
def test_a_failed_stage_is_as_grave_as_what_it_makes(stage: str, kind: type[Exception]) -> None:
    failed = (began(stage, 1), ended(stage, 2, "failed", "no space left " + "x" * 1000))
    found = doctor_box.stages(exam(**with_stages(*failed)))
    assert (found.state, found.kind) == ("wrong", kind)
    assert found.fact.startswith(f"{stage} failed: no space left") and len(found.fact) < 400


def test_stages_that_run_are_no_fault() -> None:
    assert doctor_box.stages(exam(**with_stages(began("weights", 1)))).state == "unknown"


def test_stages_that_never_began_although_nothing_runs_are() -> None:
    events = [event for event in whole_run() if event.stage not in ("vllm", "ready")]
    found = doctor_box.stages(exam(**with_stages(*events)))
    assert found.state == "wrong" and "never began" in found.fact


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        (
            {"status": "exited", "exit_code": 137, "out_of_memory": True},
            "exited, exit code 137, killed for want of memory",
        ),
        ({"status": "restarting", "exit_code": 1, "restarts": 7}, "restarting, exit code 1, started again 7 times"),
        (
            {"status": "created", "exit_code": 128, "error": "no such runtime"},
            "created, exit code 128: no such runtime",
        ),
        ({"restarts": 2}, "running, exit code 0, started again 2 times"),
    ],
)
def test_a_container_that_does_not_serve_is_wrong(change: dict[str, Any], fact: str) -> None:
    assert said(doctor_box.container(silent(container=change))) == ("wrong", fact)


def test_a_container_that_was_started_again_and_answers_is_right() -> None:
    found = doctor_box.container(exam(container={"restarts": 2}))
    assert said(found) == ("ok", "running since 2026-11-26T15:25:42Z, started again 2 times")


def test_no_container_is_wrong_unless_it_is_on_its_way() -> None:
    assert doctor_box.container(silent(container=None)).state == "wrong"
    assert doctor_box.container(silent(container=None, **with_stages(began("image", 1)))).state == "unknown"


@pytest.mark.parametrize("look", [doctor_box.models, doctor_box.completion, doctor_box.log])
def test_while_the_box_becomes_ready_no_answer_is_no_fault(look: Look) -> None:
    events = [event for event in whole_run() if event.stage != "ready"]
    found = look(silent(**with_stages(*events, began("ready", 6))))
    assert (found.state, found.fact) == ("unknown", "not yet: ready runs")


@pytest.mark.parametrize("look", [doctor_box.models, doctor_box.completion])
def test_a_vllm_that_does_not_answer_is_wrong(look: Look) -> None:
    assert said(look(silent())) == ("wrong", f"vLLM does not answer: {SILENT['broken']}")


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        ({"status": 500, "said": "boom"}, "/v1/models answered 500: boom"),
        ({"served": [{"name": "other", "window": 1}]}, f"vLLM serves other, not {BOX.served_name}"),
        (
            {"served": [{"name": BOX.served_name, "window": 2048}]},
            f"{BOX.served_name} has a window of 2048 tokens, its config says 4096",
        ),
    ],
)
def test_what_is_served_must_be_what_was_asked_for(settings: Settings, change: dict[str, Any], fact: str) -> None:
    assert said(doctor_box.models(exam(settings=settings, models=change))) == ("wrong", fact)


def test_a_completion_that_waits_behind_others_is_unknown() -> None:
    at_work = silent(HEALTHY, queue={"requests": 3.0}, container={"restarts": 1})
    fact = "busy: 3 requests run or wait, ours did not come to its turn"
    assert said(doctor_box.completion(at_work)) == ("unknown", fact)
    assert doctor_box.container(at_work).state == "ok"


def test_an_answer_that_is_no_completion_is_wrong() -> None:
    refused = {"status": 401, "came": False, "said": "Unauthorized"}
    assert said(doctor_box.completion(exam(completion=refused))) == ("wrong", "none came: 401: Unauthorized")


def test_the_log_names_the_cause_and_what_cures_it() -> None:
    found = doctor_box.log(silent(KV_TOO_SMALL))
    assert found.state == "wrong" and found.fact.startswith("kv-too-small: ")
    assert "fab switch --context" in found.cure


def test_a_log_that_names_a_cause_of_before_is_right_if_vllm_answers() -> None:
    found = doctor_box.log(exam(logs={"now": KV_TOO_SMALL}))
    assert found.state == "ok" and found.fact.endswith("; and it answers")


def test_a_log_that_nobody_understands_is_unknown() -> None:
    assert doctor_box.log(silent(logs={"now": "hello\n"})).state == "unknown"
    assert doctor_box.log(silent()).state == "unknown"


def test_clocks_are_compared() -> None:
    assert said(doctor_box.clock(exam(ahead=-90.0))) == ("wrong", "the box's clock is 90 s behind this laptop's")


RUNS = FACTS["container"] | {"restarts": 2}
NO_ANSWER = {"status": 0, "came": False, "seconds": 0.0, "said": "Connection refused"}
WITH_TWO = replace(BOX, architect_name="daybox-planner")


def second(**parts: Any) -> Exam:
    """The exam of a box with two models, whose second one is as said."""
    whole = {"container": RUNS, "completion": NO_ANSWER, "log": HEALTHY} | parts
    return exam(WITH_TWO, architect=whole)


def test_a_second_model_that_answers_is_right() -> None:
    answer = {"status": 200, "came": True, "seconds": 0.4, "said": ""}
    assert said(doctor_box.architect(second(completion=answer))) == ("ok", "daybox-planner answered in 0.4 s")


def test_a_second_model_that_does_not_answer_is_named_with_its_state_and_the_cause_in_its_log() -> None:
    found = doctor_box.architect(second(log=KV_TOO_SMALL))
    assert found.state == "wrong"
    assert found.fact.startswith(
        "vllm-architect is running, started again 2 times; it does not answer: kv-too-small: ValueError: To serve"
    )
    assert found.cure == "see fab logs --of architect; start it again: fab ssh -- docker restart vllm-architect"


def test_a_second_model_that_hangs_says_nothing_of_a_cause() -> None:
    assert doctor_box.architect(second()).fact == (
        "vllm-architect is running, started again 2 times; it does not answer: Connection refused"
    )


def test_a_second_container_that_is_not_there_is_brought_by_bootstrap() -> None:
    found = doctor_box.architect(second(container=None))
    assert (found.fact, found.cure) == (
        "vllm-architect is not there; it does not answer: Connection refused",
        "fab bootstrap",
    )
