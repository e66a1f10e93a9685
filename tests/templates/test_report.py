"""One JSON with all that the laptop asks: what happened, what runs, and whether it is ready now."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.templates.conftest import OnBox

BOOT = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
STARTED = "2026-11-21T02:00:00.123456789Z"
STARTED_AT = 1795226400.0


def report(onbox: OnBox, *events: str, running: str = f"true {STARTED}") -> dict[str, Any]:
    onbox.command("docker", f"echo {running}" if running else "exit 1")
    onbox.install("watchdog", "#!/bin/sh\necho '{\"armed\": true}'\n")
    onbox.write("var/lib/daybox/stages.jsonl", "".join(f"{event}\n" for event in events))
    return dict(json.loads(onbox.run("report").stdout))


def ready(outcome: str = "done", at: float = STARTED_AT + 9, boot: str = BOOT) -> str:
    return json.dumps({"stage": "ready", "event": "end", "at": at, "boot": boot, "outcome": outcome})


def test_a_report_tells_boot_bundle_stages_and_watchdog(onbox: OnBox) -> None:
    onbox.write("opt/daybox/bundle.sha256", "abc\n")
    seen = report(onbox, ready())
    assert seen == {
        "boot": BOOT,
        "bundle": "abc",
        "stages": [json.loads(ready())],
        "watchdog": {"armed": True},
        "vllm": "running",
        "ready": True,
    }


@pytest.mark.parametrize(
    ("event", "running"),
    [
        (ready("failed"), f"true {STARTED}"),
        (ready(boot="an earlier boot"), f"true {STARTED}"),
        (ready(at=STARTED_AT - 1), f"true {STARTED}"),  # another process answered then
        (ready(), f"false {STARTED}"),
        (ready(), ""),
    ],
    ids=["failed", "earlier boot", "earlier process", "exited", "no container"],
)
def test_only_a_completion_of_this_boot_and_this_process_makes_it_ready(onbox: OnBox, event: str, running: str) -> None:
    assert not report(onbox, event, running=running)["ready"]


def test_a_torn_line_spoils_nothing_but_itself(onbox: OnBox) -> None:
    assert len(report(onbox, '{"stage": "im', ready())["stages"]) == 1


def test_a_box_that_has_no_docker_yet_has_a_report(onbox: OnBox) -> None:
    """A real one is armed, and asked, minutes before its Docker is installed."""
    onbox.environment["PATH"] = str(onbox.commands)
    seen = dict(json.loads(onbox.run("report").stdout))
    assert (seen["vllm"], seen["ready"], seen["watchdog"]) == ("absent", False, {})


def test_a_box_on_which_nothing_happened_has_a_report(onbox: OnBox) -> None:
    seen = report(onbox, running="")
    assert (seen["bundle"], seen["stages"], seen["vllm"], seen["ready"]) == ("", [], "absent", False)


@pytest.mark.parametrize(
    ("second", "vllm", "is_ready"),
    [
        ("true 2026-11-21T02:00:05Z", "running", True),
        ("true 2026-11-21T02:00:10Z", "running", False),  # started again since it answered
        ("false 2026-11-21T02:00:05Z", "exited", False),
        ("", "absent", False),
    ],
    ids=["runs", "started again", "exited", "absent"],
)
def test_a_box_with_two_models_is_ready_only_while_both_run(
    onbox: OnBox, second: str, vllm: str, is_ready: bool
) -> None:
    onbox.facts(architect={"served": "daybox-planner"})
    docker = f'case "$*" in *architect) echo "{second}" ;; *) echo "true {STARTED}" ;; esac'
    onbox.command("docker", docker)
    onbox.install("watchdog", "#!/bin/sh\necho '{}'\n")
    onbox.write("var/lib/daybox/stages.jsonl", f"{ready()}\n")
    told = json.loads(onbox.run("report").stdout)
    assert (told["vllm"], told["ready"]) == (vllm, is_ready)
