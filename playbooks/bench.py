"""`fab bench`: how fast the box is at a developer's own work, and what of all that was measured is the best."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context
from invoke.exceptions import Exit

from playbooks.boxes import STACK_HELP, find_box
from playbooks.command import command, console, print_json, print_line
from playbooks.executor import words_after_dashes
from playbooks.offers import number
from playbooks.progress import say
from stacks.box import Box
from stacks.errors import UsageError
from stacks.values import positive_whole

if TYPE_CHECKING:
    from playbooks.bench_ledger import Line

RUNS, CLIENTS = 3, 1
CHOICE, WORDS = ("--model", "--plan"), "words after --"
# What each thing that can be asked for listens to; empty: a replay. All else would be passed over.
GOES_WITH: Mapping[str, Sequence[str]] = {
    "": ("--stack", "--runs", "--concurrency", "--session", "--exact", "--json"),
    "--record": ("--stack", WORDS),
    "--vllm": ("--stack", "--concurrency", "--json", WORDS),
    "--compare": (*CHOICE, "--json"),
    "--recommend": (*CHOICE, "--json"),
    "--plot": CHOICE,
}
HELP = STACK_HELP | {
    "runs": f"how often the session is replayed, after one that is not measured; else {RUNS}",
    "concurrency": f"measure it a second time with so many clients at once; else {CLIENTS}",
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
    runs: str = "",
    concurrency: str = "",
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
    mode, words = only_one([name for name, asked in modes.items() if asked]), words_after_dashes(sys.argv)
    given = {"--stack": stack, "--runs": runs, "--concurrency": concurrency, "--session": session, "--exact": exact}
    given |= {"--model": model, "--plan": plan, "--json": json}
    check_goes_with(mode, [flag for flag, value in given.items() if value], words)
    if mode in ("--compare", "--recommend", "--plot"):
        show_kept(mode, model, plan, json=json)
        return
    if record:
        record_aider(find_box(stack), Path(record), words)
        return
    from playbooks.bench_measure import Wish, measure_replay, measure_vllm  # aiohttp: 0.2 s that --compare needs not

    wish = Wish(whole("runs", runs, RUNS), whole("concurrency", concurrency, CLIENTS), session, exact, words)
    box = find_box(stack)
    show_and_keep(measure_vllm(box, wish) if vllm else measure_replay(box, wish), json=json)


def only_one(asked: Sequence[str]) -> str:
    """The one thing that is asked for; empty for a replay. Raises UsageError."""
    if len(asked) > 1:
        raise UsageError(f"fab bench: {' and '.join(asked)} are two things", hint="say one of them")
    return asked[0] if asked else ""


def check_goes_with(mode: str, flags: Sequence[str], words: Sequence[str]) -> None:
    """Raises UsageError for what would be passed over: minutes of a box for something else than asked.

    flags: those that were given. words: what came after --.
    """
    for flag in [*flags, *([WORDS] if words else [])]:
        if flag not in GOES_WITH[mode]:
            others = " or ".join(name for name, known in GOES_WITH.items() if flag in known)
            way_out = f"leave {flag} out" if mode else f"add {others}"
            raise UsageError(f"fab bench: {mode or 'a replay'} has no use for {flag}", hint=way_out)
    if mode == "--vllm" and any(word.replace("_", "-").startswith("--max-c") for word in words):  # or shortened
        raise UsageError("fab bench: how many ask at once is kept with the result", hint="say --concurrency instead")


def whole(flag: str, text: str, usual: int) -> int:
    """The whole number in a flag's text, the usual one where it was not given. Raises UsageError."""
    return int(number(flag, text, positive_whole)) or usual


def record_aider(box: Box, file: Path, words: Sequence[str]) -> None:
    """Run aider and write down what it asks. Ends with aider's exit status."""
    from playbooks.bench_measure import open_tunnel
    from playbooks.bench_record import record

    open_tunnel(box)
    status = record(box, file, words)
    if status:
        raise Exit(f"aider: ended with status {status}", code=status)


def show_and_keep(measuring: Iterable["Line"], *, json: bool) -> None:
    """Keep each result as it comes; print them all, even if the next one broke off, or could not be kept."""
    from playbooks.bench_ledger import keep, ledger_file

    lines = list["Line"]()
    try:
        for line in measuring:
            lines.append(line)
            keep(line)
    finally:
        if lines:
            show_measured(lines, json=json)
    say(f"kept in {ledger_file()}; fab bench --compare shows all")


def show_measured(lines: Sequence["Line"], *, json: bool) -> None:
    """Print the results of now."""
    from playbooks.bench_ledger import REPLAY
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


def show_kept(mode: str, model: str, plan: str, *, json: bool) -> None:
    """Print what was measured so far. mode: --compare, --plot or --recommend."""
    from playbooks.bench_advice import advise
    from playbooks.bench_ledger import chosen, kept
    from playbooks.bench_view import show_advice
    from playbooks.bench_view import show_kept as show

    faults = list[str]()
    lines = chosen(kept(faults), model=model, plan=plan)
    if mode == "--recommend":
        for fault in faults:  # first: perhaps that is why nothing can be recommended
            say(fault)
        advice = advise(lines)
        if json:
            print_json(asdict(advice))
        else:
            show_advice(advice, console())
    elif json:
        print_json({"results": [line.row() for line in lines], "faults": faults})
    else:
        show(lines, faults, console(), plot=mode == "--plot")
