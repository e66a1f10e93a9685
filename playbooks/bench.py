"""`fab bench`: how fast the box is at a developer's own work, and what of all that was measured is the best."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context
from invoke.exceptions import Exit

from playbooks.boxes import STACK_HELP, find_box
from playbooks.command import command, console, print_json, print_line
from playbooks.executor import words_after_dashes
from playbooks.progress import say
from stacks.box import Box
from stacks.errors import UsageError

if TYPE_CHECKING:
    from playbooks.bench_ledger import Line

HELP = STACK_HELP | {
    "runs": "how often the session is replayed, after one that is not measured",
    "concurrency": "measure it a second time with so many clients at once",
    "session": "a recorded session; else daybox's own, of aider editing a small repository",
    "exact": "have the model write the recorded answers, so that the text is the same for every model",
    "record": "record a session of your own into this new file: words after -- are aider's; it will hold your code",
    "vllm": "vLLM's own benchmark instead, for a number others can compare; words after -- are its own",
    "compare": "show what was measured so far",
    "recommend": "say which plan and model is fastest, and which gives most for a dollar",
    "plot": "as --compare, with bars",
    "model": "with --compare, --recommend, --plot: only this model",
    "plan": "likewise: only this plan",
    "json": "print JSON for programs",
}


@command(help=HELP)
def bench(
    _c: Context,
    stack: str | None = None,
    runs: int = 3,
    concurrency: int = 1,
    session: str = "",
    exact: bool = False,
    record: str = "",
    vllm: bool = False,
    compare: bool = False,
    recommend: bool = False,
    plot: bool = False,
    model: str = "",
    plan: str = "",
    json: bool = False,
) -> None:
    """Measure the box at a developer's work; compare, recommend.

    Example: fab bench --concurrency 4, or fab bench --recommend
    """
    compare = compare and not plot  # bars are one way to compare
    modes = {"--record": bool(record), "--vllm": vllm, "--compare": compare, "--recommend": recommend, "--plot": plot}
    mode = only_one([name for name, asked in modes.items() if asked], json=json)
    if mode in ("--compare", "--recommend", "--plot"):
        show_kept(mode, model, plan, json=json)
        return
    if model or plan:
        raise UsageError("fab bench: --model and --plan choose among what is kept", hint="add --compare or --recommend")
    if record:
        record_aider(find_box(stack), Path(record))
        return
    words = words_after_dashes(sys.argv)
    check_goes_with(words, session, vllm=vllm, exact=exact)
    from playbooks.bench_measure import Wish, measure_replay, measure_vllm  # aiohttp: 0.2 s that --compare needs not

    wish = Wish(runs, concurrency, session, exact, words)
    box = find_box(stack)
    show_measured(measure_vllm(box, wish) if vllm else measure_replay(box, wish), json=json)


def only_one(asked: Sequence[str], *, json: bool) -> str:
    """The one thing that is asked for; empty to measure. Raises UsageError."""
    if len(asked) > 1:
        raise UsageError(f"fab bench: {' and '.join(asked)} are two things", hint="say one of them")
    if json and asked in (["--plot"], ["--record"]):
        raise UsageError(f"fab bench: {asked[0]} has no JSON", hint="leave --json out")
    return asked[0] if asked else ""


def check_goes_with(words: Sequence[str], session: str, *, vllm: bool, exact: bool) -> None:
    """Raises UsageError for what this measurement would pass over: minutes of a box for something else than asked."""
    if words and not vllm:
        raise UsageError(f"fab bench: nobody reads {words[0]!r} after --", hint="add --vllm or --record")
    if vllm and (session or exact):
        raise UsageError("fab bench: --vllm replays no session", hint="leave --session and --exact out, or --vllm")


def record_aider(box: Box, file: Path) -> None:
    """Run aider and write down what it asks. Ends with aider's exit status."""
    from playbooks.bench_measure import open_tunnel
    from playbooks.bench_record import record

    open_tunnel(box)
    status = record(box, file, words_after_dashes(sys.argv))
    if status:
        raise Exit(f"aider: ended with status {status}", code=status)


def show_measured(lines: Sequence["Line"], *, json: bool) -> None:
    """Print the results of now."""
    from playbooks.bench_ledger import REPLAY, ledger_file
    from playbooks.bench_view import show_kept as show
    from playbooks.bench_view import show_results, source

    if json:
        print_json([line.row() for line in lines])
        return
    out = console()
    if lines[0].kind == REPLAY:
        show_results(lines, out)
    else:
        show(lines, [], out, plot=False)
    print_line(out, source(lines[0]))
    say(f"kept in {ledger_file()}; fab bench --compare shows all")


def show_kept(mode: str, model: str, plan: str, *, json: bool) -> None:
    """Print what was measured so far. mode: --compare, --plot or --recommend."""
    from playbooks.bench_advice import advise
    from playbooks.bench_ledger import chosen, kept
    from playbooks.bench_view import show_advice
    from playbooks.bench_view import show_kept as show

    faults = list[str]()
    lines = chosen(kept(faults), model=model, plan=plan)
    if mode == "--recommend":
        advice = advise(lines)
        for fault in faults:
            say(fault)
        if json:
            print_json(asdict(advice))
        else:
            show_advice(advice, console())
    elif json:
        print_json({"results": [line.row() for line in lines], "faults": faults})
    else:
        show(lines, faults, console(), plot=mode == "--plot")
