"""What a box tells a doctor: one program over ssh's stdin, one JSON back; and what its vLLM's log comes to."""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from playbooks.boxes import find_settings
from playbooks.doctor_cures import Situation, next_cure
from playbooks.log_causes import Diagnosis
from playbooks.report import Report, last_line
from playbooks.stages import Row, fold
from playbooks.start_logs import diagnosed
from stacks.box import Box
from stacks.errors import BoxError
from stacks.ssh import Target, run

if TYPE_CHECKING:
    from stacks.settings import Settings

PROJECT, CONTAINER, ARCHITECT = "daybox", "vllm", "vllm-architect"  # of our compose file
START_STAGES = ("vllm", "ready")  # those that start it, and wait for it
LEAST_FREE_MIB = 512  # a start, its logs and its compile cache; the stages call 64 full
SHM = "/dev/shm"  # memory, no disk: what frees a disk frees nothing there
SHM_ROOM = "see what lies in /dev/shm (fab ssh) and remove what no process uses; a reboot empties it"
# As stage.py and download.py say it, and we ourselves.
FULL = re.compile(r"^the disk of \S+ (is full|has [\d.]+ GiB free, the models? needs?)|^/\S* has \d+ MiB free$")
EXAM_SECONDS = 180  # each of two completions may take 45 of them, a slow disk or Docker some more
NOT_STARTED = Diagnosis("unknown", "", "vLLM was never started, or its container is gone: fab bootstrap", {})


@dataclass(frozen=True)
class Exam:
    """What one box told. facts: section -> its value, or `{"broken": why}`.

    settings: of its stack; None if they cannot be read. ahead: seconds by which its clock is ahead of this laptop's.
    """

    box: Box
    settings: "Settings | None"
    facts: Mapping[str, Any]
    ahead: float

    def section(self, name: str) -> Any:
        """One section. Raises BoxError with the box's reason if it could not be asked there."""
        found = self.facts[name]
        if isinstance(found, dict) and "broken" in found:
            raise BoxError(f"the box could not say: {found['broken']}", hint="see `fab ssh`")
        return found

    def has(self, name: str) -> bool:
        """Whether the section could be asked."""
        found = self.facts[name]
        return not (isinstance(found, dict) and "broken" in found)

    @cached_property
    def report(self) -> Report:
        """The box's own report. Raises BoxError if it gave none."""
        return Report.from_row(self.section("report"))

    @cached_property
    def rows(self) -> list[Row]:
        """Its stages. Raises BoxError if it gave no report."""
        return fold(self.report.events, self.report.boot)

    @property
    def busy(self) -> list[str]:
        """The stages that run just now; none if it is not known."""
        return [row.stage for row in self.rows if row.state == "running"] if self.has("report") else []

    @property
    def answers(self) -> bool:
        """Whether a completion came back."""
        return self.has("completion") and self.section("completion")["came"] is True

    @cached_property
    def works(self) -> bool:
        """Whether it is at others' requests: they keep a completion of ours waiting, and a new start would end them.

        An engine that hangs has requests, too, but comes no further with them.
        """
        if self.has("completion") or not (self.has("queue") and self.has("queue_later")):
            return False
        newest, queue = diagnosed(self.log_texts()[:1], answers=False), self.section("queue")
        moves = queue["progress"] != self.section("queue_later")["progress"]
        return queue["requests"] > 0 and moves and newest is not None and newest.cause == "healthy"

    @property
    def serves(self) -> bool:
        """Whether a completion came back, or only others' requests kept it from that."""
        return self.answers or self.works

    @property
    def starting(self) -> bool:
        """Whether vLLM is about to start, in its time, and nothing has failed so far."""
        container = (self.section("container") if self.has("container") else None) or {}
        if container.get("status") != "running" or container["restarts"] or self.overdue(container["started"]):
            return False
        if self.has("report") and any(row.state == "failed" for row in self.rows if row.stage in START_STAGES):
            return False
        return self.diagnosis is not None and self.diagnosis.details.get("state") == "starting"

    def overdue(self, started: str) -> bool:
        """Whether what started then should be ready by now. started: as Docker writes it."""
        seconds = self.section("time") - datetime.fromisoformat(started).timestamp()
        return self.settings is not None and seconds > self.settings.ready_minutes * 60

    @cached_property
    def diagnosis(self) -> Diagnosis | None:
        """What vLLM's log, else the log of a failed stage, comes to; None if nothing was to be read."""
        found = diagnosed(self.log_texts(), answers=self.serves)
        if self.serves or (found and found.cause != "unknown"):
            return found
        return self.full_disk or found

    @property
    def full_disk(self) -> Diagnosis | None:
        """That a disk or /dev/shm is full, or a disk too small for the model, which no log of vLLM tells; else None."""
        words = [row.word for row in self.rows if row.state == "failed"] if self.has("report") else []
        disks = self.section("disks") if self.has("disks") else []
        words += [f"{row['path']} has {row['free_mib']} MiB free" for row in disks if row["free_mib"] < LEAST_FREE_MIB]
        full = next((word for word in words if FULL.search(word)), None)
        if full is None:
            return None
        if full.startswith(f"{SHM} "):
            return Diagnosis("shm", full, SHM_ROOM, {})
        return Diagnosis("disk-full", full, "free the disk: fab doctor --fix; or a plan with more", {})

    @property
    def curable(self) -> bool:
        """Whether `--fix` knows a safe cure. Raises ConfigError if the stack's settings cannot be read."""
        return next_cure(self.diagnosis or NOT_STARTED, situation(self), ()) is not None

    def log_texts(self) -> list[str]:
        """What may hold the cause, the likeliest first. Docker's own error stands in no log."""
        logs = self.section("logs") if self.has("logs") else {}
        container = (self.section("container") if self.has("container") else None) or {}
        journals = self.section("journals") if self.has("journals") else {}
        newest = "\n".join(filter(None, [logs.get("now", ""), container.get("error", "")]))
        return [newest, logs.get("before", ""), *journals.values()]


def situation(exam: Exam) -> Situation:
    """What cures must know of the box. Raises ConfigError if the stack's settings cannot be read."""
    weights = exam.section("weights") if exam.has("weights") else {}
    smi = exam.section("gpus")["smi"] if exam.has("gpus") else None
    return Situation(
        exam.settings or find_settings(exam.box.stack),
        gpus=None if smi is None else len(smi.strip().splitlines()),
        handed_in=bool(weights.get("handed_in")),
        old=tuple(old_containers(exam)),
        starting=exam.starting,
    )


def old_containers(exam: Exam) -> list[str]:
    """Names of containers of our own project that compose has forgotten: neither vLLM's own nor another service's."""
    rows = exam.section("docker")["containers"] if exam.has("docker") else []
    return [row["name"] for row in rows if is_old(row)]


def is_old(row: Mapping[str, str]) -> bool:
    """Whether it is ours and left over. A compose that was cut short leaves the old vLLM as `<hash>_vllm`."""
    ours = row.get("project") == PROJECT
    return ours and row["name"].endswith((f"_{CONTAINER}", f"_{ARCHITECT}"))


def examine(box: Box, target: Target, settings: "Settings | None") -> Exam:
    """Have the box tell. Raises BoxError if it is not reached, vanishes meanwhile, or tells no JSON."""
    from templates import program

    before = time.time()
    done = run(target, "python3 -", stdin=program("examine"), timeout=EXAM_SECONDS)
    try:
        facts = json.loads(done.stdout)
        # Its clock is read first of all, so what the exam took is no part of the difference.
        return Exam(box, settings, facts, float(facts["time"]) - before)
    except (ValueError, KeyError, TypeError):
        fact = f"box/{box.alias}: told nothing: {last_line(done)}"
        raise BoxError(fact, hint="has it a python3? see `fab ssh`") from None
