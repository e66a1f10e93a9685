"""The exam of a box: one program through a real sshd, and what its logs come to."""

from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import pytest

from playbooks.doctor_cures import next_cure
from playbooks.doctor_exam import Exam, examine, old_containers, situation
from stacks.errors import BoxError
from stacks.ssh import REACH_HINT
from tests.playbooks.given_exam import DAMAGED, HANGS, HEALTHY, KV_TOO_SMALL, NOW, START, VLLM_ID, exam, silent
from tests.playbooks.own_sshd import own_sshd
from tests.playbooks.pretend_box import BOX, PretendBox, began, ended, ran, whole_run
from tests.shipped import settings_of


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PretendBox]:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("DAYBOX_ROOT", str(tmp_path / "box"))
    monkeypatch.setenv("DAYBOX_VLLM", "http://127.0.0.1:9")
    with own_sshd(tmp_path / "sshd") as running:
        yield PretendBox(tmp_path / "box", running)


def test_a_box_that_has_nothing_of_ours_yet_can_be_examined(box: PretendBox) -> None:
    """It reads the program from ssh's input; every section has a value or says what broke."""
    told = examine(BOX, box.target(), None)
    assert abs(told.ahead) < 30 and told.section("disks") == []
    with pytest.raises(BoxError, match=r"the box could not say: .*facts\.json"):
        told.section("weights")
    assert (told.busy, told.answers, told.diagnosis) == ([], False, None)


def test_a_box_that_is_not_the_pinned_one_is_not_examined(box: PretendBox) -> None:
    with pytest.raises(BoxError, match="its host key is not the pinned one"):
        examine(
            BOX, box.target("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDjwPzfZEgSCXNDZmyZ2JBHmyXAQUkhNmMuTAyvYUVrX"), None
        )


def test_a_box_that_vanishes_in_the_middle_is_an_error_of_the_box(
    box: PretendBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a box does that is deleted just now."""
    monkeypatch.setattr("templates.program", lambda _: "import time\nprint('{', flush=True)\ntime.sleep(60)")
    ending = Timer(1.0, box.sshd.stop)
    ending.start()
    with pytest.raises(BoxError) as caught:
        examine(BOX, box.target(), None)
    ending.join()
    assert caught.value.hint == REACH_HINT


def test_a_box_that_tells_something_else_is_named(box: PretendBox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("templates.program", lambda _: "print('hello')")
    with pytest.raises(BoxError, match="told nothing: hello"):
        examine(BOX, box.target(), None)


def cause(told: Exam) -> str:
    return told.diagnosis.cause if told.diagnosis else "none"


def cure(told: Exam) -> str:
    found = next_cure(told.diagnosis, situation(told), ()) if told.diagnosis else None
    return found.name if found else ""


def test_the_newest_start_says_why(box: PretendBox) -> None:
    assert cause(silent(KV_TOO_SMALL)) == "kv-too-small"


def test_a_newest_start_that_is_not_over_leaves_it_to_those_before() -> None:
    """Docker has started it again already when somebody looks."""
    assert cause(silent(logs={"now": START, "before": DAMAGED})) == "weights-damaged"


def test_what_was_before_is_over_if_vllm_answers() -> None:
    assert cause(exam(logs={"before": DAMAGED})) == "healthy"


def test_dockers_own_error_stands_in_no_log() -> None:
    error = 'could not select device driver "nvidia" with capabilities: [[gpu]]'
    assert cause(silent(container={"status": "created", "error": error})) == "no-nvidia-runtime"


def test_without_a_container_the_failed_stage_says_why() -> None:
    journal = "write /var/lib/docker/tmp/x: no space left on device".replace("no space", "No space")
    assert cause(silent(container=None, journals={"image": journal})) == "disk-full"


@pytest.mark.parametrize(
    "word",
    [
        "the disk of /var/lib/daybox is full, 3 MiB free: tar: write error",
        "the disk of /var/lib/daybox/models has 11.2 GiB free, the model needs 62.4 GiB",
    ],
)
def test_a_disk_that_a_stage_found_too_small_is_the_cause(word: str) -> None:
    failed = [vars(event) for event in (began("weights", 1), ended("weights", 2, "failed", word))]
    told = silent(container=None, report={"stages": failed})
    assert told.diagnosis and (told.diagnosis.cause, told.diagnosis.evidence) == ("disk-full", word)


def test_a_disk_that_is_full_is_the_cause_of_what_nothing_else_explains() -> None:
    full = [{"path": "/var/lib/docker", "free_mib": 12, "total_mib": 9000}]
    assert cause(silent(disks=full)) == "disk-full"
    assert cause(silent(KV_TOO_SMALL, disks=full)) == "kv-too-small"
    assert cause(exam(disks=full)) == "healthy"


def test_a_full_dev_shm_is_no_full_disk(tmp_path: Path) -> None:
    full = [{"path": "/dev/shm", "free_mib": 12, "total_mib": 9000}]
    told = silent(disks=full, settings=settings_of("local", tmp_path))
    assert cause(told) == "shm" and not told.curable


def test_others_requests_show_that_it_serves_unless_its_log_names_a_fault() -> None:
    """And then what an earlier start failed of is over."""
    at_work = silent(logs={"now": HEALTHY, "before": DAMAGED}, queue={"requests": 2.0})
    assert (at_work.answers, at_work.serves, cause(at_work)) == (False, True, "healthy")
    assert not silent(HEALTHY).serves
    assert not silent(KV_TOO_SMALL, queue={"requests": 2.0}).serves
    assert not silent(HEALTHY, queue={"broken": "Connection refused"}).serves
    assert not silent(HEALTHY, queue={"requests": 2.0}, queue_later={"broken": "timed out"}).serves


def test_an_engine_that_hangs_has_requests_too_and_is_started_again(tmp_path: Path) -> None:
    hangs = exam(settings=settings_of("local", tmp_path), **HANGS)
    assert (hangs.serves, cure(hangs)) == (False, "start")


def test_an_error_in_place_of_a_completion_is_no_waiting_behind_others(tmp_path: Path) -> None:
    refused = {"came": False, "status": 500, "said": "Internal Server Error"}
    broken = exam(settings=settings_of("local", tmp_path), queue={"requests": 1.0}, completion=refused)
    assert (broken.serves, cure(broken)) == (False, "start")


def test_it_is_starting_if_its_container_runs_and_nothing_failed() -> None:
    assert silent(START).starting
    assert not silent(START, container={"status": "exited"}).starting
    assert not silent(KV_TOO_SMALL).starting
    assert not exam().starting


@pytest.mark.parametrize("stage", ["vllm", "ready"])
def test_a_start_that_its_stage_waited_for_in_vain_is_cured(tmp_path: Path, stage: str) -> None:
    events = [*whole_run(), *ran(stage, 5000, 8600, "failed")]
    hung = silent(START, settings=settings_of("local", tmp_path), report={"stages": [vars(event) for event in events]})
    assert (hung.busy, cure(hung)) == ([], "start")


def test_a_start_that_takes_longer_than_a_box_may_is_cured(tmp_path: Path) -> None:
    settings = settings_of("local", tmp_path, readyMinutes="60")
    times = [NOW + minutes * 60 for minutes in (50, 70)]  # its container started 4 minutes before NOW
    assert [cure(silent(START, settings=settings, time=time)) for time in times] == ["", "start"]


@pytest.mark.parametrize("status", ["running", "restarting"])
def test_a_start_that_ends_again_and_again_is_cured_whenever_one_looks(tmp_path: Path, status: str) -> None:
    told = silent(START, settings=settings_of("local", tmp_path), container={"status": status, "restarts": 5})
    assert cure(told) == "start"


def test_only_our_own_leftovers_are_old() -> None:
    rows = [
        {"id": VLLM_ID, "name": "vllm", "image": "x", "state": "running", "project": "daybox"},
        {"id": "1", "name": "8a1543a_vllm", "image": "x", "state": "running", "project": "daybox"},
        {"id": "2", "name": "open-webui", "image": "x", "state": "running", "project": "daybox"},
        {"id": "3", "name": "my_vllm", "image": "x", "state": "running", "project": "somebody"},
        {"id": "4", "name": "thief", "image": "x", "state": "running", "project": ""},
    ]
    assert old_containers(exam(docker={"containers": rows})) == ["8a1543a_vllm"]
