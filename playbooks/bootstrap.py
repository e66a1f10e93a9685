"""Make a box ready, or follow it while it makes itself ready; twice in a row, the second time changes nothing.

The box works by itself from its first boot on: what happens here is to bring it this checkout's bundle if it has
another, to let go on what stopped, and to watch.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from invoke.context import Context

from playbooks import compile_cache, converge, hub_token, stage_table
from playbooks.box_lock import holding
from playbooks.boxes import STACK_HELP, find_box, find_settings
from playbooks.command import command, console, print_json, print_line
from playbooks.difference import Difference, agreed, difference, left_word
from playbooks.metrics import serves
from playbooks.progress import say
from playbooks.questions import agrees, on_terminal
from playbooks.report import Report, patiently, read_report
from playbooks.stack_config import check_unchanged, own_file
from playbooks.stage_errors import CausedError
from playbooks.stages import Row, fold
from playbooks.watching import must_exist, watch
from stacks.box import Box, box_target
from stacks.errors import BoxError, ConfigError, UsageError
from stacks.interrupt import like_ctrl_c
from stacks.ssh import Target

if TYPE_CHECKING:
    from stacks.bundle import Bundle
    from stacks.settings import Settings

PIPE_WIDTH = 200  # characters: whoever reads a pipe wants each stage on one line


HELP = STACK_HELP | {
    "preview": "say what this checkout's bundle would bring and restart; change nothing",
    "yes": "do not ask before a vLLM that serves is stopped",
    "json": "with --preview: print JSON for programs",
}


@command(help=HELP)
def bootstrap(
    _c: Context, stack: str | None = None, preview: bool = False, yes: bool = False, json: bool = False
) -> None:
    """Make the box ready, and show how far it is.

    Example: fab bootstrap --preview, after a git pull
    """
    if json and not preview:
        raise UsageError("fab bootstrap: --json is for --preview", hint="fab status --json tells how the box is")
    box = find_box(stack)
    if not preview:
        ready_or_cured(box, consent=yes or None)
    elif json:
        print_json(foreseen(box).row(box.stack))
    else:
        print("\n".join(foreseen(box).lines(box.stack)))


def ready_or_cured(box: Box, *, consent: bool | None) -> None:
    """Make it ready; if vLLM is what fails, offer whoever sits at the terminal what `fab doctor --fix` does."""
    try:
        make_ready(box, consent=consent)
    except CausedError as error:
        if not on_terminal():
            raise
        say(error.line())
        if not agrees("`fab doctor --fix` looks for a cure, and asks before each. Go on?"):
            raise
        from playbooks.doctor import examine_and_fix

        examine_and_fix(box.stack, fix=True, consent=False, json=False)


def foreseen(box: Box) -> Difference:
    """What `make_ready` would bring now, and what would begin again; nothing is changed. Raises BoxError."""
    bundle, target = this_checkouts_bundle(box, find_settings(box.stack)), box_target(box)
    report = read_report(target)
    return difference(target, bundle, serves=serves(target, report), diff=True)


@like_ctrl_c()
def make_ready(box: Box, *, consent: bool | None = False) -> None:
    """Make `box` ready: bundle brought, graph run, first completion made on the box. Says how far it is, on stderr.

    consent: to stop a vLLM that serves: given, or None to ask whoever sits at the terminal. Without it, what would stop
    it is left and named; a box that does not serve is made as this checkout says without asking.
    Raises BoxError if the box is not reached or a stage fails, CausedError if vLLM is why, NotReadyError after
    readyMinutes.
    """
    before, settings = own_file(box.stack), find_settings(box.stack)
    target = box_target(box)
    bundle = this_checkouts_bundle(box, settings)
    report = reached(box, settings, target)
    if report and not report.watchdog.armed:
        converge.wake_watchdog(target)
    compile_cache.start(box, settings, bundle.sha256)
    begun, left = None, False
    if report is None or report.bundle != bundle.sha256:
        found = difference(target, bundle, serves=serves(target, report), diff=consent is None)
        left = not agreed(found, box.stack, consent=consent)
        with holding(target, "fab bootstrap"):  # not beside a switch, whose files these would replace
            check_unchanged(box.stack, before)
            check_same(target, bundle, report, found)
            begun = bring(target, found.without_vllm() if left else found)
        if left:
            say(left_word(box.stack, found.touching))
    if report and report.ready and begun is None:
        finish(box, fold(report.events, report.boot), idle="what was left stands above" if left else "nothing to do")
        return
    try:
        with hub_token.lent(target, report):
            begun = converge.let_go_on(target) if begun is None else begun
            seen = watch(target, begun=begun, minutes=settings.ready_minutes, on_loss=lambda: must_exist(box, settings))
    except KeyboardInterrupt:
        say("the box goes on by itself; follow it again: fab bootstrap")
        raise
    finish(box, fold(seen.events, seen.boot))


def check_same(target: Target, bundle: "Bundle", report: Report | None, found: Difference) -> None:
    """Raises BoxError unless the box is as it was when `found` was agreed to; a switch may have come and gone since.

    report: what the box said then.
    """
    now = read_report(target)
    again = difference(target, bundle, serves=serves(target, now))
    same_bundle = (now and now.bundle) == (report and report.bundle)
    if same_bundle and again.files == found.files and (found.serves or not again.serves):
        return
    raise BoxError(f"box/{target.alias}: it changed meanwhile", hint="nothing was brought; run this again")


def bring(target: Target, found: Difference) -> int | None:
    """Bring those files. The number of events before stages began again; None if they concern no stage."""
    if not found.files:
        return None
    changes = converge.Changes(found.paths, found.stages)
    say(brought(changes))
    begun = converge.bring(target, found.files, changes)
    return begun if changes.stages else None


def this_checkouts_bundle(box: Box, settings: "Settings") -> "Bundle":
    """The bundle that the stack's settings ask for. Raises ConfigError if they are not the ones `up` was run with."""
    for key, said, known in (
        ("model", settings.model.name, box.model),
        ("servedName", settings.served_name, box.served_name),
        ("architect", settings.architect_name, box.architect_name),
    ):
        if said != known:
            fact = f"stacks/{box.stack}/{key}: says {said or 'none'}, but `up` was run with {known or 'none'}"
            raise ConfigError(fact, hint=f"pulumi up -s {box.stack}")
    from stacks.bundle import bundle_for  # jinja: only what renders pays for it

    return bundle_for(settings)


def reached(box: Box, settings: "Settings", target: Target) -> Report | None:
    """The box's report, waited for if the box is silent. Raises BoxError at once if the account has no such box."""
    told: list[str] = []

    def on_silence(reason: str) -> None:
        if not told:
            must_exist(box, settings)
            say(f"waiting for ssh: {reason}")
        told.append(reason)

    return patiently(lambda: read_report(target), on_silence=on_silence)


def brought(changes: converge.Changes) -> str:
    """What is brought, for people."""
    again = ", ".join(changes.stages)
    return f"bundle: {len(changes.paths)} files are brought; " + (
        f"beginning again: {again}" if again else "no stage begins again"
    )


def finish(box: Box, rows: Sequence[Row], *, idle: str = "") -> None:
    """Print the table and keep it; for a box whose table was kept before, only say why no stage ran: `idle`."""
    if idle and stage_table.record_file(box).is_file():
        print(f"{box.stack}: ready; {idle}")
        return
    out = console()
    if not out.is_terminal:
        out.width = PIPE_WIDTH
    out.print(stage_table.table(rows))
    print_line(out, stage_table.summary(rows))
    stage_table.keep(box, rows)
