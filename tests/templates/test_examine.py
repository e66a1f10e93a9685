"""What a box tells a doctor: every section, by itself, whatever else of the box is broken."""

import hashlib
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from templates import program
from tests.templates.conftest import OnBox
from tests.templates.vllm import Vllm, running

STARTED = "2026-11-26T15:25:42.553802456Z"
INSPECTED = {
    "Id": "8a15",
    "RestartCount": 0,
    "Config": {"Image": "example/vllm:1"},
    "State": {"Status": "running", "ExitCode": 0, "OOMKilled": False, "Error": "", "StartedAt": STARTED},
}
DOCKER = """case "$1 $2" in
"inspect --type") cat {root}/inspected 2>&- || {{ echo "Error: No such container: vllm" >&2; exit 1; }} ;;
"logs --since") cat {root}/now ;;
"logs --until") cat {root}/before ;;
"ps --all") printf '8a15\\tvllm\\texample/vllm:1\\trunning\\tdaybox\\n' ;;
"image inspect") echo sha256:1 ;;
"version --format") echo 26.1.5 ;;
esac"""
# Source: `nvidia-smi --query-gpu=… --format=csv,noheader,nounits`, the form that NVIDIA documents; a card without ECC.
SMI = "0, NVIDIA RTX 4000 Ada Generation, 580.95.05, 18203, 20475, 45, [N/A]"


@pytest.fixture
def box(onbox: OnBox) -> OnBox:
    """A box whose container runs."""
    onbox.command("docker", DOCKER.format(root=onbox.root))
    onbox.command("systemctl", "[ $1 = is-active ] && echo active || true")
    onbox.command("journalctl", "echo 'NVRM: Xid (PCI:0000:01:00): 31, pid=7'; echo other")
    onbox.install("report", '#!/bin/sh\necho \'{"boot": "b", "stages": []}\'\n')
    onbox.write("inspected", json.dumps([INSPECTED]))
    onbox.write("now", "a log\n")
    onbox.write("before", "an older log\n")
    onbox.write("etc/daybox/vllm-key", "box-key\n")
    return onbox


def examined(box: OnBox, vllm: str = "http://127.0.0.1:9") -> dict[str, Any]:
    """As it is run: read from standard input, nothing of it on the box."""
    environment = box.full_environment() | {"DAYBOX_VLLM": vllm, "NO_PROXY": "127.0.0.1"}
    words = [sys.executable, "-"]
    done = subprocess.run(
        words, input=program("examine"), env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_a_running_container_is_told_with_its_log(box: OnBox) -> None:
    told = examined(box)
    assert told["container"] == {
        "id": "8a15",
        "status": "running",
        "exit_code": 0,
        "out_of_memory": False,
        "error": "",
        "started": STARTED,
        "restarts": 0,
        "image": "example/vllm:1",
    }
    assert told["logs"] == {"now": "a log\n", "before": ""}
    assert f"docker logs --since {STARTED} vllm" in box.calls()


def test_a_container_that_was_started_again_has_a_log_of_before(box: OnBox) -> None:
    box.write("inspected", json.dumps([INSPECTED | {"RestartCount": 2}]))
    assert examined(box)["logs"] == {"now": "a log\n", "before": "an older log\n"}


def test_no_container_is_no_fault_of_the_exam(box: OnBox) -> None:
    (box.root / "inspected").unlink()
    told = examined(box)
    assert (told["container"], told["logs"]) == (None, {"now": "", "before": ""})


def test_a_huge_log_is_told_by_its_beginning_and_its_end(box: OnBox) -> None:
    box.command("docker", DOCKER.format(root=box.root).replace(f"cat {box.root}/now", HUGE))
    log = examined(box)["logs"]["now"]
    assert log.startswith("first\n") and log.endswith("\xbflast\n".replace("\xbf", "\ufffd"))
    assert len(log) <= (512 + 1536) << 10


HUGE = r"""printf 'first\n'; yes 0123456789 | head -c 60000000; printf '\277last\n'"""


def test_a_box_without_a_driver_has_no_cards(box: OnBox) -> None:
    assert examined(box)["gpus"] == {"smi": None, "apps": [], "xid": [], "fault": ""}


def test_cards_are_told_with_who_uses_them_and_what_the_kernel_says(box: OnBox) -> None:
    inside = "c" * 64
    box.write("proc/41/cgroup", f"0::/system.slice/docker-{inside}.scope\n")
    box.write("proc/42/cgroup", "0::/user.slice\n")
    apps = "41, 18000, python3\n42, 900, /usr/bin/thief, really"
    box.command("nvidia-smi", f"case $1 in --query-gpu*) echo '{SMI}' ;; *) printf '%s\\n' '{apps}' ;; esac")
    told = examined(box)["gpus"]
    assert told["smi"] == f"{SMI}\n"
    assert told["apps"] == [
        {"pid": "41", "mib": "18000", "name": "python3", "container": inside},
        {"pid": "42", "mib": "900", "name": "/usr/bin/thief, really", "container": ""},
    ]
    assert told["xid"] == ["NVRM: Xid (PCI:0000:01:00): 31, pid=7"]


def test_a_driver_that_is_broken_is_told_in_its_own_words_and_so_is_the_kernels(box: OnBox) -> None:
    """nvidia-smi says so on stdout."""
    box.command("nvidia-smi", "echo 'Unable to determine the device handle for GPU0: GPU is lost.'; exit 15")
    assert examined(box)["gpus"] == {
        "smi": None,
        "apps": [],
        "xid": ["NVRM: Xid (PCI:0000:01:00): 31, pid=7"],
        "fault": "nvidia-smi: Unable to determine the device handle for GPU0: GPU is lost.",
    }


def test_cards_are_told_although_the_kernel_says_nothing(box: OnBox) -> None:
    box.command("nvidia-smi", f"echo '{SMI}'")
    box.command("journalctl", "exit 1")
    told = examined(box)["gpus"]
    assert (told["smi"], told["xid"], told["fault"]) == (f"{SMI}\n", [], "")


def test_docker_image_and_containers_are_told(box: OnBox) -> None:
    assert examined(box)["docker"] == {
        "version": "26.1.5",
        "image": {"name": "example/vllm:1", "there": True},
        "containers": [
            {"id": "8a15", "name": "vllm", "image": "example/vllm:1", "state": "running", "project": "daybox"}
        ],
    }


def test_disks_watchdog_weights_and_report_are_told(box: OnBox) -> None:
    box.write("run/daybox/watchdog-state.json", json.dumps({"checked": 7.5, "trouble": "the API refuses the token"}))
    box.write("var/lib/daybox/models/.tiny-1/model.safetensors", "x" * 2**20)
    (box.root / "var/lib/daybox/models/tiny").symlink_to(box.root / "var/lib/daybox/models/.tiny-1")
    told = examined(box)
    assert told["disks"][0]["path"] == "/" and told["disks"][0]["free_mib"] > 0
    assert told["watchdog"] == {"checked": 7.5, "trouble": "the API refuses the token", "timer": "active"}
    assert told["weights"] == {"name": "tiny", "handed_in": False, "files": 1, "mib": 1}
    assert told["report"] == {"boot": "b", "stages": []}


def test_weights_that_the_cloud_handed_in_are_known_as_such(box: OnBox) -> None:
    store = box.write("var/cache/daybox/models/tiny/config.json", "{}").parent
    box.path("var/lib/daybox/models/x")
    (box.root / "var/lib/daybox/models/tiny").symlink_to(store)
    assert examined(box)["weights"]["handed_in"]


def test_the_log_of_a_failed_unit_comes_along(box: OnBox) -> None:
    box.command("systemctl", "[ $1 = list-units ] && echo 'daybox-image.service loaded failed failed x' || true")
    assert "Xid" in examined(box)["journals"]["image"]
    assert any(call.endswith("--unit=daybox-image.service") for call in box.calls())


def test_a_completion_that_came_is_told_and_was_not_work(box: OnBox) -> None:
    box.install("ready")
    metrics = "process_start_time_seconds 7.0\n"
    with running(Vllm(metrics=metrics)) as vllm:
        told = examined(box, vllm.url)
    assert told["completion"]["came"] and told["completion"]["status"] == 200
    assert vllm.asked[0]["model"] == "daybox-tiny"
    own = json.loads((box.root / "var/lib/daybox/own-work.json").read_text())
    assert own == {"began": 7.0, "work": 11, "requests": 1}


def test_requests_that_run_or_wait_are_counted_and_how_far_they_are_is_told_twice(box: OnBox) -> None:
    metrics = """# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 2.0
vllm:num_requests_waiting{engine="0",model_name="m"} 1.0
vllm:num_requests_waiting_by_reason{engine="0",reason="capacity"} 1.0
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25
vllm:prompt_tokens_total{engine="0",model_name="m"} 100.0
vllm:prompt_tokens_created{engine="0",model_name="m"} 1.79e+09
vllm:generation_tokens_total{engine="0",model_name="m"} 25.0
"""
    with running(Vllm(metrics=metrics)) as vllm:
        told = examined(box, vllm.url)
    assert told["queue"] == told["queue_later"] == {"requests": 3.0, "progress": ["0.25", "100.0", "25.0"]}


def test_an_answer_that_is_no_completion_is_told_with_its_words(box: OnBox) -> None:
    with running(Vllm(key="another")) as vllm:
        told = examined(box, vllm.url)
    assert told["completion"] | {"seconds": 0} == {
        "status": 401,
        "came": False,
        "seconds": 0,
        "said": '{"error": "Unauthorized"}',
    }


def test_the_key_is_told_as_a_digest_only(box: OnBox) -> None:
    told = examined(box)
    assert told["key"] == hashlib.sha256(b"box-key").hexdigest()
    assert "box-key" not in json.dumps(told)


def test_a_box_on_which_nothing_works_still_tells_what_is_broken(onbox: OnBox) -> None:
    """No docker, no systemd, no bundle: each section says why, and the clock is right."""
    (onbox.root / "opt/daybox/facts.json").unlink()
    onbox.environment["PATH"] = str(onbox.commands)
    told = examined(onbox)
    assert told["time"] > 1e9 and told["disks"]
    broken = {name for name, value in told.items() if isinstance(value, dict) and "broken" in value}
    assert broken == {
        *("container", "logs", "docker", "report", "journals", "watchdog", "weights", "models", "queue"),
        *("completion", "queue_later", "architect", "key"),
    }
    assert "No such file or directory: 'docker'" in told["container"]["broken"]


def test_a_docker_that_hangs_costs_seconds_and_no_other_section(box: OnBox, monkeypatch: pytest.MonkeyPatch) -> None:
    box.command("docker", "exec sleep 60")
    text = program("examine").replace("QUICK_S, COMPLETION_S = 10, 45", "QUICK_S, COMPLETION_S = 1, 45")
    monkeypatch.setattr("tests.templates.test_examine.program", lambda _: text)
    told = examined(box)
    assert told["container"] == {"broken": "docker: no answer within 1 s"}
    assert told["key"] == hashlib.sha256(b"box-key").hexdigest(), os.environ["PATH"]


def test_a_box_with_one_model_has_no_architect(box: OnBox) -> None:
    assert examined(box)["architect"] is None


def test_the_second_model_is_asked_too_and_that_is_no_work(box: OnBox) -> None:
    box.facts(architect={"served": "daybox-planner"})
    box.install("ready")
    with running(Vllm(metrics="process_start_time_seconds 7\n")) as vllm:
        box.environment["DAYBOX_ARCHITECT"] = vllm.url
        told = examined(box)["architect"]
    assert told["completion"]["came"] and vllm.asked[0]["model"] == "daybox-planner"
    assert told["container"]["status"] == "running"
    assert json.loads((box.root / "var/lib/daybox/own-work-architect.json").read_text())["work"] == 11


def test_a_second_model_that_does_not_answer_is_told_with_its_container_and_its_log(box: OnBox) -> None:
    box.facts(architect={"served": "daybox-planner"})
    box.environment["DAYBOX_ARCHITECT"] = "http://127.0.0.1:1"
    box.command("docker", DOCKER.format(root=box.root).replace('"logs --since")', '"logs --tail"|"logs --since")'))
    told = examined(box)["architect"]
    assert (told["completion"]["came"], told["log"]) == (False, "a log\n")
    assert "docker inspect --type container vllm-architect" in box.calls()
