"""`fab usage` for people: a line a client or day, bars, and whether vLLM's own counters say the same."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from playbooks.command import print_line
from playbooks.cost_view import bar
from playbooks.moments import iso
from playbooks.table import Column, show_table
from playbooks.usage import NOBODY, Used
from playbooks.usage_box import Balance
from playbooks.usage_command import Stack, tokens

if TYPE_CHECKING:
    from rich.console import Console

UNKNOWN = "?"
NO_KEY = "(no key)"
FIGURES = (
    *(Column("requests", right=True), Column("failed", right=True), Column("refused", right=True)),
    *(Column("tokens in", right=True), Column("out", right=True)),
    *(Column("tokens/s", right=True), Column("prefix hits", right=True)),
)
PLOTTED = (Column("requests", right=True), Column("tokens in", right=True), Column("out", right=True), Column(""))


def cells(used: Used) -> tuple[str, ...]:
    """In the order of FIGURES."""
    counts = (used.requests, used.failed, used.refused, used.prompt_tokens, used.completion_tokens)
    rate = UNKNOWN if used.tokens_per_second is None else f"{used.tokens_per_second:.1f}"
    hits = UNKNOWN if used.prefix_hits is None else f"{100 * used.prefix_hits:.0f} %"
    return *(f"{count:,}" for count in counts), rate, hits


def plotted(used: Used, most: int, *, ascii_only: bool) -> tuple[str, ...]:
    """In the order of PLOTTED. most: the tokens of the longest bar."""
    counts = (used.requests, used.prompt_tokens, used.completion_tokens)
    return *(f"{count:,}" for count in counts), bar(tokens(used), most, ascii_only=ascii_only)


def show(stacks: Sequence[Stack], by: str, *, plot: bool, out: "Console") -> None:
    """Print the table, what its figures do not say, and how they stand to vLLM's own."""
    named = [(stack.name, name, used) for stack in stacks for name, used in stack.sums.items()]
    if not named:
        print_line(out, "nothing was asked yet" if stacks else "no stack has had a tunnel on this laptop yet")
        return
    most = max(tokens(used) for _, _, used in named)
    ascii_only = out.options.ascii_only
    figures = [plotted(used, most, ascii_only=ascii_only) if plot else cells(used) for _, _, used in named]
    one_stack = len({stack for stack, _, _ in named}) == 1
    rows = [(stack, name or NO_KEY, *more) for (stack, name, _), more in zip(named, figures, strict=True)]
    columns = (Column("stack"), Column(by), *(PLOTTED if plot else FIGURES))
    show_table(out, columns[one_stack:], [row[one_stack:] for row in rows])
    for stack in stacks:
        for line in notes(stack):
            print_line(out, line if one_stack else f"{stack.name}: {line}")


def notes(stack: Stack) -> Iterator[str]:
    """What stands below the table, of one stack."""
    total = sum(stack.sums.values(), Used())
    if total.overflow:
        yield f"{total.overflow:,} prompts were longer than the window; vLLM computed nothing of them"
    if total.left:
        yield f"{total.left:,} requests were given up by their client before the end"
    if total.refused:
        nobody = stack.sums.get(NOBODY, Used()).refused
        keyless = f", {nobody:,} of them without a key" if nobody else ""
        yield f"{total.refused:,} requests were refused{keyless}, and reached no model"
    for one in stack.balances:
        yield from balance_lines(one)
    if stack.why:
        yield stack.why


def balance_lines(one: Balance) -> Iterator[str]:
    """One vLLM's own counters, who they are of, and what is left over."""
    who = "the architect's vLLM" if one.architect else "vLLM"
    yield f"{who} counted {one.box.vllm.words()}, since it began at {iso(one.box.began)}"
    yield f"  clients {one.clients.words()}"
    yield f"  the box's own {one.box.own.words()}"
    yield f"  difference {one.difference.words()}"
    if any(one.difference.numbers):
        yield f"  which may be {', or '.join(reasons(one))}"
    if one.box.looked_up:
        yield f"  prefix hits {100 * one.box.hits / one.box.looked_up:.0f} % of all tokens that it looked up"


def reasons(one: Balance) -> list[str]:
    """What the difference may be: what is known of it first, then what nobody here can see."""
    return [
        *([f"requests under way ({one.box.busy})"] if one.box.busy else []),
        *([f"requests given up ({one.left}), whose tokens no answer told"] if one.left else []),
        *([f"requests that failed ({one.failed}), whose tokens no answer told"] if one.failed else []),
        "an answer too large to be read here",
        "several answers to one request",
        "what was asked past this gateway: on the box, in Open WebUI, from another laptop",
    ]
