"""One look of a doctor: this laptop and the box at the same time, and what that comes to."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from playbooks import doctor_box, doctor_clients, doctor_setup, doctor_stack
from playbooks.clients.client import Place
from playbooks.doctor_check import Check, all_answered, gravest, unasked, wrongs
from playbooks.doctor_exam import Exam, examine
from playbooks.doctor_stack import Stack, told
from playbooks.log_causes import Diagnosis
from stacks.box import Box, box_target
from stacks.errors import BoxError, DayboxError


@dataclass(frozen=True)
class Examined:
    """All that was found. exam: what the box told; None if there is none, or it was not reached."""

    stack: str | None
    checks: Sequence[Check]
    exam: Exam | None

    @property
    def diagnosis(self) -> Diagnosis | None:
        """What vLLM's log comes to; None if none was read."""
        return self.exam.diagnosis if self.exam else None


def look(named: str | None) -> Examined:
    """Ask everything: this laptop and the box at the same time."""
    stack = Stack(named)
    box = told(lambda: stack.box)
    with ThreadPoolExecutor(max_workers=1) as beside:
        asking = beside.submit(box_checks, stack, box)
        here = all_answered(doctor_setup.QUESTIONS, where := place(stack, box))
        here += doctor_clients.client_checks(where)
        here += all_answered(doctor_stack.QUESTIONS, stack)
        there, exam = asking.result()
    return Examined(told(lambda: stack.name), [*here, *there], exam)


def place(stack: Stack, box: Box | None) -> Place:
    """Where the user stands."""
    settings = None if box else told(lambda: stack.settings)
    port = box.port if box else settings.port if settings else None
    return Place(os.environ, Path.cwd(), Path.home(), port)


def box_checks(stack: Stack, box: Box | None) -> tuple[list[Check], Exam | None]:
    """What the box answers, and its exam; without a box nothing, for `stack/box` says so."""
    if box is None:
        return [], None
    try:
        exam = examine(box, box_target(box), told(lambda: stack.settings))
    except DayboxError as error:
        first, *others = doctor_box.QUESTIONS
        not_reached = Check(first.name, "wrong", error.fact, error.hint, BoxError)
        return [not_reached, *unasked(others, "the box was not reached")], None
    return all_answered(doctor_box.QUESTIONS, exam), exam


def judge(found: Examined) -> None:
    """Raises the gravest error if something is wrong."""
    bad = wrongs(found.checks)
    if not bad:
        return
    names = ", ".join(check.name for check in bad)
    exam = found.exam
    curable = exam is not None and not exam.serves and told(lambda: exam.curable)
    hint = "`fab doctor --fix` cures what it safely can" if curable else "see the cure of each above"
    raise gravest(bad)(f"fab doctor: {len(bad)} wrong: {names}", hint=hint)
