"""`fab doctor`: what is wrong, on laptop and box, and what cures it. With --fix it cures what it safely can.

Reads only, but for --fix. It works without a box, without a network, without Pulumi: what cannot be asked is unknown.
"""

from invoke.context import Context

from playbooks.boxes import STACK_HELP
from playbooks.command import busy, command, console, print_json
from playbooks.progress import say
from stacks.errors import DayboxError, UsageError

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
    from playbooks.doctor_view import row, show

    with busy("looking"):
        found = look(stack)
    if fix and found.exam and found.exam.serves:
        how = "answers" if found.exam.answers else "is at work on other requests"
        say(f"{found.stack}: the model {how}; what else is wrong is for people to cure")
    elif fix and found.exam:
        from playbooks.doctor_fix import fix_box

        try:
            fix_box(found.exam, consent=consent, show=not json)
        except DayboxError as error:
            if json:  # whoever reads it needs what was found, most of all when nothing helps
                if not isinstance(error, UsageError):  # nobody was asked, so nothing was changed
                    found = look(stack)
                print_json(row(found.stack, found.checks, found.diagnosis))
            raise
        with busy("looking again"):
            found = look(stack)
    if json:
        print_json(row(found.stack, found.checks, found.diagnosis))
    else:
        show(console(), found.checks, found.diagnosis)
    judge(found)
