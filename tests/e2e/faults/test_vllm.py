"""A real box that serves a model: what is work, what is not, and what nobody can know."""

import subprocess
import time
from pathlib import Path

import pytest

from scripts.trial import ASK, CALC
from tests.e2e.faults.begun import armed
from tests.e2e.faults.row import ITSELF, Row

HOUR_SECONDS = 20  # of the hour that is billed: an idle box ends soon after it has been idle for long enough
IDLE_SECONDS = 60
LOOK_SECONDS = 20  # between two looks of the watchdog
SLACK_SECONDS = 25  # a look that begins late, and a DELETE
KEY = "$(cat /etc/daybox/vllm-key)"
# Everything that asks without working: probes, lists, metrics, and whoever has not the key.
POLL = (
    "cd /; for path in health v1/models metrics; do curl -s -o /dev/null 127.0.0.1:8000/$path; done;"
    f' curl -s -o /dev/null -H "Authorization: Bearer {KEY}" 127.0.0.1:8000/v1/models;'
    " curl -s -o /dev/null -H 'Authorization: Bearer wrong' -H 'Content-Type: application/json'"
    """ -d '{"model": "x", "messages": []}' 127.0.0.1:8000/v1/chat/completions"""
)


@pytest.fixture
def ready(with_vllm: Row) -> Row:
    """A box that answers. Its hour is short, so that a short life shows what a long one does."""
    with_vllm.bill_by(HOUR_SECONDS)
    armed(with_vllm, idleMinutes=f"{IDLE_SECONDS}s", maxLifetimeMinutes="30", readyMinutes="10")
    with_vllm.run("fab bootstrap").ok()
    return with_vllm


def idle_limit(last_work: float, idle_seconds: float = IDLE_SECONDS) -> float:
    """When a box that worked at `last_work` is idle for long enough, and its last hour is over."""
    return last_work + idle_seconds + HOUR_SECONDS + LOOK_SECONDS


def test_aider_keeps_the_box_and_polling_does_not(ready: Row, tmp_path: Path) -> None:
    """Beyond its idle limit by work, for twice as long; then there are only probes, lists and refused requests."""
    script = "git init -q && git add calc.py && git -c user.name=u -c user.email=u@localhost commit -qm start"
    begun = time.time()
    while time.time() < begun + 2 * IDLE_SECONDS:
        repository = tmp_path / f"{time.time():.0f}"
        repository.mkdir()
        (repository / "calc.py").write_text(CALC)
        subprocess.run(script, shell=True, cwd=repository, check=True)
        ready.run(f"cd {repository} && fab tunnel launch-aider -- --message '{ASK}' --yes-always calc.py").ok()
    worked = time.time()
    assert ready.books.listed(), "work did not keep it"
    ready.laptop.on_box(f"systemd-run --unit=poll sh -c 'while :; do {quoted(POLL)}; sleep 2; done'")
    ready.wait_for_the_end(idle_limit(worked))
    ready.run("fab status").ok()
    ready.see("idle for 1 min")
    ready.ends(ITSELF, idle_limit(worked))


def quoted(text: str) -> str:
    """For within single quotes of a shell."""
    return text.replace("'", "'\\''")


def test_a_reboot_while_idle_does_not_extend_its_life(ready: Row) -> None:
    """After a boot the box asks its own vLLM for one completion, which is no work."""
    ready.laptop.on_box("true")
    worked = time.time()
    time.sleep(IDLE_SECONDS / 2)
    ready.laptop.cloud.json("POST", f"/linode/instances/{ready.only_box()['id']}/reboot")
    ready.wait_for_the_end(idle_limit(worked))
    ready.run("fab status").ok()
    ready.see("idle for 1 min")
    ended = max(life.deleted or 0 for life in ready.books.lives())
    assert ended <= idle_limit(worked) + SLACK_SECONDS, "its own completion kept it"
    ready.ends(ITSELF, idle_limit(worked))


def test_vllm_crashes_again_and_again(with_vllm: Row) -> None:
    """Nobody can know whether it works or idles: that neither ends the box nor keeps it beyond its lease."""
    with_vllm.bill_by(HOUR_SECONDS)
    limit = armed(with_vllm, idleMinutes="40s", maxLifetimeMinutes="150s", readyMinutes="10")
    with_vllm.run("fab bootstrap").ok()
    with_vllm.laptop.on_box("systemd-run --unit=crash sh -c 'while :; do pkill -9 -f \"vllm serve\"; sleep 1; done'")
    with_vllm.wait_for_the_end(limit)
    with_vllm.run("fab status").ok()
    with_vllm.see("the lease has ended")
    [life] = with_vllm.books.lives()
    assert life.deleted and life.deleted >= limit - 1, "it was ended before its time"
    with_vllm.ends(ITSELF, limit)
