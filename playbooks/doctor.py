"""`fab doctor`: what is wrong, on laptop and box, and what cures it. With --fix it cures what it safely can.

Reads only, but for --fix. It works without a box, without a network, without Pulumi: what cannot be asked is unknown.
"""

from typing import TYPE_CHECKING

from invoke.context import Context

from playbooks.boxes import STACK_HELP
from playbooks.command import busy, command, console, print_json
from playbooks.progress import say
from stacks.errors import DayboxError, UsageError

if TYPE_CHECKING:
    from playbooks.doctor_exam import Exam
    from playbooks.doctor_look import Examined

HELP = STACK_HELP | {
    "log": "only this file: a vLLM log, - for standard input; no box is asked",
    "fix": "apply the cure where one is safe, and wait for a completion; at most 3 cures, each once",
    "yes": "with --fix: do not ask",
    "json": "print JSON for programs",
}


@command(help=HELP)
def doctor(
    _c: Context, stack: str | None = None, log: str = "", fix: bool = False, yes: bool = False, json: bool = False
) -> None:
    """Say what is wrong, on laptop and box, and what cures it.

    Example: fab doctor --fix, or fab doctor --log vllm.log
    """
    if log and (fix or yes):
        raise UsageError("fab doctor: --log reads a file, which --fix cannot cure", hint="leave one of them out")
    if yes and not fix:
        raise UsageError("fab doctor: --yes answers what --fix asks", hint="say --fix --yes, or leave --yes out")
    if log:
        from playbooks.doctor_log import judge_log

        judge_log(log, json=json)
    else:
        examine_and_fix(stack, fix=fix, consent=yes, json=json)


def examine_and_fix(stack: str | None, *, fix: bool, consent: bool, json: bool) -> None:
    """Look, cure if that is asked for, show. Raises what is gravest of all that is wrong then."""
    from playbooks.doctor_look import judge, look

    with busy("looking"):
        found = look(stack)
    if fix and found.exam and found.exam.serves:
        how = "answers" if found.exam.answers else "is at work on other requests"
        say(f"{found.stack}: the model {how}; what else is wrong is for people to cure")
    elif fix and found.exam:
        found = cured(stack, found, found.exam, consent=consent, json=json)
    tell(found, json=json)
    judge(found)


def cured(stack: str | None, found: "Examined", exam: "Exam", *, consent: bool, json: bool) -> "Examined":
    """What is found once the box is cured. Raises what `fix_box` raises."""
    from playbooks.doctor_fix import fix_box
    from playbooks.doctor_look import look

    try:
        fix_box(exam, consent=consent, show=not json)
    except DayboxError as error:
        if json:  # whoever reads it needs what was found, most of all when nothing helps
            is_unchanged = isinstance(error, UsageError)  # nobody was asked
            tell(found if is_unchanged else look(stack), json=True)
        raise
    with busy("looking again"):
        return look(stack)


def tell(found: "Examined", *, json: bool) -> None:
    """Print what was found, for programs or for people."""
    from playbooks.doctor_view import row, show

    if json:
        print_json(row(found.stack, found.checks, found.diagnosis))
    else:
        show(console(), found.checks, found.diagnosis)
