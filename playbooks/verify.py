"""Ask the box itself whether it is what this checkout says, and its model whether it works: all over the pinned ssh.

What it is, testinfra asks (tests/host); side by side with it the cards and the model are tried (verify_*.py).
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING

from invoke.context import Context

from playbooks.boxes import STACK_HELP, find_box, find_settings
from playbooks.command import command, print_json
from playbooks.progress import say
from playbooks.verify_box import Row, facts, run_checks
from stacks.box import Box, box_target
from stacks.errors import BoxError
from stacks.ssh import CONNECT_SECONDS, Target, run

if TYPE_CHECKING:
    from stacks.settings import Settings

BUDGET_SECONDS = 55.0  # of all of it; with what ssh needs to give up that stays below a minute
NAMED = 5  # failed checks that the last line names; pytest has shown them all


@command(help=STACK_HELP | {"json": "print JSON for programs"})
def verify(_c: Context, stack: str | None = None, json: bool = False) -> None:
    """Check the box: is it what this checkout says, and does its model work?

    Example: fab verify --json
    """
    box = find_box(stack)
    settings = find_settings(box.stack)
    deadline = time.monotonic() + BUDGET_SECONDS  # from here on: Pulumi's own time is none of the box's
    target = box_target(box)  # it writes files: not in two threads at once
    run(target, "true", timeout=CONNECT_SECONDS)  # else every check would wait for a box that nobody reaches
    own, trial = side_by_side(
        lambda: run_checks(target, facts(box, settings), deadline, quiet=json),
        lambda stop: try_out(target, settings, stop, deadline),
    )
    checks = [*own, *trial]
    if json:
        print_json({"stack": box.stack, "lease": box.lease, "instance_id": box.instance_id, "checks": checks})
    else:
        print("\n".join(map(line, trial)), flush=True)
    judge(box, own, trial)


def side_by_side(first: Callable[[], list[Row]], second: Callable[[Event], list[Row]]) -> tuple[list[Row], list[Row]]:
    """What both come to, asked at the same time. second: is given what tells it to end early, should `first` fail."""
    stop = Event()
    with ThreadPoolExecutor(1) as pool:
        beside = pool.submit(second, stop)
        try:
            own = first()
            if not beside.done():
                say("the model is still being tried")
            return own, beside.result()
        finally:
            stop.set()


def try_out(target: Target, settings: "Settings", stop: Event, deadline: float) -> list[Row]:
    """What the cards and the model do; one row a check. deadline: by the monotonic clock."""
    from playbooks.model_checks import answers
    from playbooks.served import Served
    from playbooks.verify_cards import card_rows
    from playbooks.verify_model import model_rows

    cards = card_rows(target, settings.plan.gpus if settings.device.gpu else 0)
    second = Served.architect(target, settings)
    beside = model_rows(second, stop, deadline, [("architect_answers", answers)]) if second else []
    return [*cards, *beside, *model_rows(Served.of(target, settings), stop, deadline)]


def line(row: Row) -> str:
    """A row for people."""
    word = f"  {row['word']}" if row["word"] else ""
    return f"{row['check']} {row['outcome'].upper()} ({row['seconds']:.1f} s){word}"


def judge(box: Box, own: Sequence[Row], trial: Sequence[Row]) -> None:
    """Raises BoxError if a check failed, naming the first of them and what may cure them."""
    failed = [row["check"] for row in (*own, *trial) if row["outcome"] == "failed"]
    if not failed:
        return
    names = ", ".join(failed[:NAMED]) + (" …" if len(failed) > NAMED else "")
    other_box = any(row["outcome"] == "failed" for row in own)
    bootstrap = "`fab bootstrap` brings what this checkout declares, and wakes its watchdog"
    raise BoxError(
        f"box/{box.alias}: {len(failed)} of {len(own) + len(trial)} checks failed: {names}",
        hint=bootstrap if other_box else "`fab doctor` says what is wrong with its vLLM",
    )
