"""`fab usage`: what each client of this laptop asked of its models, beside what vLLM counted itself."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import date

from invoke.context import Context

from playbooks.added_up import asked, day_in
from playbooks.command import busy, command, console, print_json
from playbooks.endpoint import Endpoint
from playbooks.keys import client_key
from playbooks.tunnel_files import known_tunnels, living_pid, read_orders, tunnel_dir
from playbooks.usage import Row, Used, read_rows
from playbooks.usage_box import Balance, Box, balance, read
from playbooks.witness import witness_in
from stacks.errors import DayboxError, UsageError

BY: dict[str, Callable[[Row], str]] = {"client": lambda row: row.client, "day": lambda row: row.day}
PROBE_CLIENT = "daybox"
HELP = {
    "stack": "only this stack; else all",
    "by": f"add up by {' or '.join(BY)}; client if not said, day with --plot",
    "since": "only what was used on this UTC day or later: YYYY-MM-DD",
    "plot": "draw bars: tokens in and out",
    "json": "print JSON for programs",
}


@dataclass(frozen=True)
class Stack:
    """What the clients of one stack used. balances: one a vLLM; why: there is none, empty if there is."""

    name: str
    sums: dict[str, Used]
    balances: Sequence[Balance] = ()
    why: str = ""


@command(help=HELP)
def usage(
    _c: Context, stack: str | None = None, by: str = "", since: str = "", plot: bool = False, json: bool = False
) -> None:
    """Show what each client asked of your models: requests and tokens.

    Example: fab usage --by day, or fab usage --since 2026-11-01 --plot
    """
    by, first = asked("usage", BY, "client", by, plot=plot, json=json), day_in("usage", since)
    with busy("asking vLLM"):
        stacks = [found(name, by, first) for name in stacks_meant(stack)]
    if json:
        print_json({"by": by, "since": first and first.isoformat(), "stacks": list(map(as_json, stacks))})
        return
    from playbooks.usage_view import show

    show(stacks, by, plot=plot, out=console())


def stacks_meant(named: str | None) -> list[str]:
    """The stack named, else every one that had a tunnel on this laptop. Raises UsageError for one that had none."""
    known = known_tunnels()
    if named and named not in known:
        raise UsageError(
            f"stacks/{named}: never had a tunnel on this laptop", hint=f"those that had: {', '.join(known) or 'none'}"
        )
    return [named] if named else known


def found(stack: str, by: str, first: date | None) -> Stack:
    """What its clients used; vLLM is asked before the file is read, so that it holds no more than the file."""
    boxes, why = list[Box | None](), ""
    try:
        boxes = read_counters(stack)
    except OSError as error:
        why = f"vLLM's own counters are not known: {error}"
    rows = read_rows(tunnel_dir(stack))
    balances = [balance(box, rows, architect=bool(index)) for index, box in enumerate(boxes) if box]
    return Stack(stack, summed(rows, by, first), balances, why)


def read_counters(stack: str) -> list[Box | None]:
    """What each vLLM of the stack's box counted. Raises OSError if the tunnel is not up, or none of them answers."""
    orders = read_orders(stack)
    if orders is None or living_pid(tunnel_dir(stack)) is None:
        raise OSError("no tunnel is open")
    boxes = read(orders)
    if not any(boxes):
        raise OSError("it does not answer")
    with suppress(DayboxError):  # whoever asks for usage has the gateway write down what it has counted
        Endpoint(orders.port, client_key(stack, PROBE_CLIENT), witness_in(orders)).usage()
    return boxes


def summed(rows: Iterable[Row], by: str, first: date | None) -> dict[str, Used]:
    """The sums since that day, by client or by day; what nobody knows the day of is part of no such day."""
    sums = dict[str, Used]()
    for row in rows:
        if first is None or (row.at and row.day >= first.isoformat()):
            name = BY[by](row)
            sums[name] = sums.get(name, Used()) + row.used
    return dict(sorted(sums.items()) if by == "day" else sorted(sums.items(), key=lambda one: -tokens(one[1])))


def tokens(used: Used) -> int:
    """In and out."""
    return used.prompt_tokens + used.completion_tokens


def as_json(stack: Stack) -> dict[str, object]:
    """One stack for programs: README, `fab usage`, has its shape."""
    return {
        "stack": stack.name,
        "groups": [{"name": name, **row(used)} for name, used in stack.sums.items()],
        "total": row(sum(stack.sums.values(), Used())),
        "vllm": [balance_row(one) for one in stack.balances],
        "why": stack.why,
    }


def row(used: Used) -> dict[str, object]:
    """Its numbers, and the two that follow from them; null for unknown."""
    return {**asdict(used), "tokens_per_second": used.tokens_per_second, "prefix_hits": used.prefix_hits}


def balance_row(one: Balance) -> dict[str, object]:
    """One vLLM's counters, and who they are of."""
    counts = {"counted": one.box.vllm, "clients": one.clients, "own": one.box.own, "difference": one.difference}
    hits = {"prefix_queries": one.box.looked_up, "prefix_hits": one.box.hits}
    return {
        "architect": one.architect,
        "began": one.box.began,
        "busy": one.box.busy,
        "left": one.left,
        "failed": one.failed,
        **{name: asdict(count) for name, count in counts.items()},
        **hits,
    }
