"""A real box that serves a model: what is work, what is not, and what nobody can know."""

import subprocess
import time
from pathlib import Path

from scripts.trial import ASK, CALC
from tests.e2e.faults.begun import armed
from tests.e2e.faults.row import IDLE, ITSELF, Row
from tests.playbooks.fake_box import free_port

HOUR_SECONDS = 20  # of the hour that is billed: an idle box ends soon after it has been idle for long enough
IDLE_SECONDS = 60
LOOK_SECONDS = 20  # between two looks of the watchdog
SLACK_SECONDS = 15  # a look that begins late, and a DELETE
KEY = "$(cat /etc/daybox/vllm-key)"
# Everything that asks without working: probes, lists, metrics, and whoever has not the key.
POLL = (
    "cd /; for path in health v1/models metrics; do curl -s -o /dev/null 127.0.0.1:8000/$path; done;"
    f' curl -s -o /dev/null -H "Authorization: Bearer {KEY}" 127.0.0.1:8000/v1/models;'
    " curl -s -o /dev/null -H 'Authorization: Bearer wrong' -H 'Content-Type: application/json'"
    """ -d '{"model": "x", "messages": []}' 127.0.0.1:8000/v1/chat/completions"""
)


def made_ready(row: Row, idle_seconds: int, **settings: str) -> float:
    """Rent a box that answers; gives its hard end. Its hour is short, as its life is."""
    row.bill_by(HOUR_SECONDS)
    limit = armed(row, idleMinutes=f"{idle_seconds}s", readyMinutes="10", **settings)
    row.run("fab bootstrap").ok()
    return limit


def idle_limit(last_work: float, idle_seconds: int = IDLE_SECONDS) -> float:
    """When a box that worked at `last_work` is idle for long enough, and its last hour is over."""
    return last_work + idle_seconds + HOUR_SECONDS + LOOK_SECONDS


def test_aider_keeps_the_box_and_polling_does_not(with_vllm: Row, tmp_path: Path) -> None:
    """Beyond its idle limit by work, for twice as long; then there are only probes, lists and refused requests."""
    made_ready(with_vllm, IDLE_SECONDS, port=str(free_port()))  # beside a `local` of somebody else's
    script = "git init -q && git add calc.py && git -c user.name=u -c user.email=u@localhost commit -qm start"
    begun = time.time()
    while time.time() < begun + 2 * IDLE_SECONDS:
        repository = tmp_path / f"{time.time():.0f}"
        repository.mkdir()
        (repository / "calc.py").write_text(CALC)
        subprocess.run(script, shell=True, cwd=repository, check=True)
        with_vllm.run(f"cd {repository} && fab tunnel launch-aider -- --message '{ASK}' --yes-always calc.py").ok()
    worked = time.time()
    assert with_vllm.books.listed(), "work did not keep it"
    with_vllm.laptop.on_box(f"systemd-run --unit=poll sh -c 'while :; do {quoted(POLL)}; sleep 2; done'")
    with_vllm.status()
    with_vllm.see("idle for 1 min")
    with_vllm.wait_for_the_end(idle_limit(worked))
    assert ended_at(with_vllm) >= worked + IDLE_SECONDS - LOOK_SECONDS, "work did not count"
    with_vllm.ends(IDLE, idle_limit(worked))


def ended_at(row: Row) -> float:
    """When the box was deleted, by the account's own event."""
    [life] = row.books.lives()
    assert life.deleted, "it lives"
    return life.deleted


def quoted(text: str) -> str:
    """For within single quotes of a shell."""
    return text.replace("'", "'\\''")


def test_a_reboot_while_idle_does_not_extend_its_life(with_vllm: Row) -> None:
    """After a boot the box asks its own vLLM for one completion, which is no work."""
    made_ready(with_vllm, idle_seconds=90)
    worked = time.time()
    time.sleep(60)
    with_vllm.status()
    with_vllm.see("idle for 1.5 min")
    with_vllm.laptop.cloud.json("POST", f"/linode/instances/{with_vllm.only_box()['id']}/reboot")
    with_vllm.wait_for_the_end(idle_limit(worked, 90))
    assert ended_at(with_vllm) <= idle_limit(worked, 90) + SLACK_SECONDS, "its own completion kept it"
    with_vllm.ends(IDLE, idle_limit(worked, 90))


def test_vllm_crashes_again_and_again(with_vllm: Row) -> None:
    """Nobody can know whether it works or idles: that neither ends the box nor keeps it beyond its lease."""
    limit = made_ready(with_vllm, 40, maxLifetimeMinutes="150s")
    with_vllm.laptop.on_box(
        "systemd-run --unit=crash sh -c 'while :; do pkill -9 -f \"[v]llm.entrypoints\"; sleep 1; done'"
    )
    with_vllm.status()
    with_vllm.see("the lease has ended")
    with_vllm.wait_for_the_end(limit)
    with_vllm.ends(ITSELF, limit)
