"""`fab bench` for people: one result, all that are kept, bars, a recommendation."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from playbooks.bench_advice import PRETENDED, Advice, Choice, differing
from playbooks.bench_figures import Figures, Spread
from playbooks.bench_ledger import REPLAY, SHOWN, VLLM, Line
from playbooks.command import print_line
from playbooks.cost_view import bar
from playbooks.table import Column, show_table

if TYPE_CHECKING:
    from rich.console import Console

NONE = "–"
DAY = len("2026-11-26")
KEPT = (
    *(Column("when"), Column("model"), Column("plan"), Column("vLLM", spare=True), Column("at once", right=True)),
    *(Column("turn 1", right=True), Column("later", right=True), Column("edits", right=True)),
    *(Column("hits", right=True, spare=True), Column("drafts", right=True, spare=True)),
    Column("tokens/$", right=True, spare=True),
    *(Column("turns", right=True, spare=True), Column("runs", right=True, spare=True), Column("session", spare=True)),
)
OTHERS = (
    *(Column("when"), Column("model"), Column("plan"), Column("vLLM", spare=True), Column("at once", right=True)),
    *(Column("tok/s", right=True), Column("TTFT", right=True), Column("TPOT", right=True)),
)


def seconds(value: float | None) -> str:
    """Seconds with the digits that matter."""
    return NONE if value is None else f"{value:.2f} s"


def rate(value: float | None) -> str:
    """Tokens per second."""
    return NONE if value is None else f"{value:.1f}/s"


def percent(value: float | None) -> str:
    """A share of 1."""
    return NONE if value is None else f"{100 * value:.0f} %"


def rounded(value: float | None) -> str:
    """Tokens for a dollar, to two digits: no more than that is known."""
    return NONE if value is None else f"{float(f'{value:.2g}'):,.0f}"


def show_results(lines: Sequence[Line], out: "Console") -> None:
    """Print what was just measured: a column for p50 and p95 of each level, and what the figures cannot say."""
    columns = [Column("")]
    for line in lines:
        at_once = "" if line.clients == 1 else f", {line.clients} at once"
        columns += [Column(f"p50{at_once}", right=True), Column(f"p95{at_once}", right=True)]
    levels = [cells(line.figures) for line in lines if line.figures]
    names = [name for name, _, _ in levels[0]]
    rows = [[name, *(text for level in levels for text in level[number][1:])] for number, name in enumerate(names)]
    show_table(out, columns, rows)
    for line in lines:
        for word in words(line):
            print_line(out, word)


def cells(figures: Figures) -> list[tuple[str, str, str]]:
    """Name, p50 and p95 of each figure; of one that is a single number only the first."""
    return [
        ("turn 1, to the first word", *both(figures.first_turn, seconds)),
        ("later turns, to the first word", *both(figures.later_turns, seconds)),
        ("beside the chat, to the first word", *both(figures.beside, seconds)),
        ("edits, tokens per second", *both(figures.edits, rate)),
        ("all answers, tokens per second", rate(figures.tokens_per_s), ""),
        ("prompt found in the cache", percent(figures.prefix_hits), ""),
        ("drafts accepted", percent(figures.drafts_accepted), ""),
        ("tokens for a dollar", rounded(figures.tokens_per_usd), ""),
    ]


def both(spread: Spread | None, shown: Callable[[float | None], str]) -> tuple[str, str]:
    """p50 and p95 as texts."""
    return (shown(spread.p50), shown(spread.p95)) if spread else (NONE, NONE)


def words(line: Line) -> list[str]:
    """What the figures of one level cannot say: how many answers, how good they were, what answered."""
    figures = line.figures
    if figures is None:
        return []
    said = [
        f"{line.clients} at once, {line.runs} runs: {figures.answers} answers with {figures.tokens:,} tokens in"
        f" {figures.seconds:.0f} s; {figures.cut_off} ended at their bound, {figures.empty} were empty"
    ]
    if figures.foreign:
        said.append(f"others used the box meanwhile: {figures.foreign} requests were not ours, so it can do better")
    return said


def source(line: Line) -> str:
    """What answered, in one line for people; all of it is in the ledger."""
    price = "no price is known" if line.usd_per_hour is None else f"${line.usd_per_hour:.2f}/h ({line.price_source})"
    pretended = ", pretended: nobody bills it" if line.cloud == PRETENDED else ""
    where = f"{line.plan} in {line.region}, {line.gpu}, {price}{pretended}"
    return f"{line.model}, window {line.window_tokens:,}, vLLM {line.vllm}, daybox {line.daybox or '?'}, on {where}"


def show_kept(lines: Sequence[Line], faults: Sequence[str], out: "Console", *, plot: bool) -> None:
    """Print all that are kept: replays, what vLLM's own benchmark gave, and what could not be read."""
    replays = [line for line in lines if line.kind == REPLAY and line.figures]
    others = [line for line in lines if line.kind == VLLM and line.raw]
    if not replays and not others:
        print_line(out, "nothing is kept yet; fab bench measures")
    elif plot:
        show_bars(replays, out)
    else:
        if replays:
            show_table(out, KEPT, map(kept_cells, replays))
        if others:
            print_line(out, f"\nby {VLLM}:")
            show_table(out, OTHERS, map(other_cells, others))
    sessions = {(line.session, line.turns, line.exact) for line in replays}
    if len(sessions) > 1:
        print_line(out, "compare only lines with the same session and turns: others were asked something else")
    for fault in faults:
        print_line(out, fault)


def kept_cells(line: Line) -> tuple[str, ...]:
    """One replay, in the order of KEPT."""
    figures = line.figures
    assert figures is not None  # show_kept has taken those that have some
    return (
        *(line.at[:DAY], line.model, line.plan, line.vllm, str(line.clients)),
        *(both(figures.first_turn, seconds)[0], both(figures.later_turns, seconds)[0], both(figures.edits, rate)[0]),
        *(percent(figures.prefix_hits), percent(figures.drafts_accepted), rounded(figures.tokens_per_usd)),
        *(str(line.turns), str(line.runs), f"{line.session[:8]}{', exact' if line.exact else ''}"),
    )


def other_cells(line: Line) -> tuple[str, ...]:
    """One result of vLLM's own benchmark, in the order of OTHERS; its times are milliseconds."""
    raw = line.raw or {}
    speed, *times = [raw.get(name) for name in SHOWN]
    return (
        line.at[:DAY],
        line.model,
        line.plan,
        line.vllm,
        str(line.clients),
        rate(speed),
        *(NONE if time is None else f"{time:.0f} ms" for time in times),
    )


def show_bars(lines: Sequence[Line], out: "Console") -> None:
    """Print a bar for each replay: how fast its edits were written."""
    speeds = [line.figures.edits.p50 if line.figures and line.figures.edits else 0.0 for line in lines]
    most, ascii_only = max(speeds, default=0.0), out.options.ascii_only
    columns = (*KEPT[:3], Column("at once", right=True), Column("edits", right=True), Column(""))
    rows = [
        (*kept_cells(line)[:3], str(line.clients), rate(speed or None), bar(speed, most, ascii_only=ascii_only))
        for line, speed in zip(lines, speeds, strict=True)
    ]
    show_table(out, columns, rows)


def show_advice(advice: Advice, out: "Console") -> None:
    """Print which is the fastest, which gives most for a dollar, on how many runs that rests, and what limits it."""
    print_line(out, f"fastest: {named(advice.speed, advice.choices)}: edits at {rate(advice.speed.tokens_per_s)}")
    if advice.usd:
        most = rounded(advice.usd.tokens_per_usd)
        print_line(out, f"most for a dollar: {named(advice.usd, advice.choices)}: {most} tokens")
    else:
        print_line(out, "most for a dollar: no price is known")
    for word in advice.words:
        print_line(out, word)


def named(choice: Choice, others: Sequence[Choice]) -> str:
    """A choice as it is told from the others, and how many runs speak for it."""
    difference = " ".join(differing(choice, others))
    return f"{choice.model} on {choice.plan}{f' with {difference}' if difference else ''} ({choice.runs} runs)"
