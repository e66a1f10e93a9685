"""What `fab status --watch` shows below its table of each box that is up: a panel of lines that fit 80 columns. Pure.

Unknown is `–`, never 0. The pulse tells what changes by the second, the row of `fab status` what costs and ends.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from playbooks.cards import Card
from playbooks.pulse import (
    DRAFTS,
    EVERY_SECONDS,
    KV,
    MINUTE,
    NO_PROGRAM,
    PREFIX,
    RUNNING,
    TOKENS_IN,
    TOKENS_OUT,
    WAITING,
    Look,
    Pulse,
)
from playbooks.status_table import LOUD, clock, end_of, minutes
from stacks.price import dollars

LABEL = 13
LATE_SECONDS = 3 * EVERY_SECONDS
UNKNOWN = "–"


@dataclass(frozen=True)
class Line:
    """One line of a panel. style: rich's, empty for plain."""

    text: str
    style: str = ""


def panel(row: Mapping[str, Any], pulse: Pulse, now: datetime, cards: int) -> list[Line]:
    """The lines of one box. row: as `fab status --json` prints it; cards: how many its plan has."""
    shown = [*card_lines(pulse.last, cards), *vllm_lines(pulse), *architect_lines(pulse)]
    money = [labelled("idle", idle(row, now)), labelled("cost", cost(row))]
    return [head(row, pulse), *(Line(text) for text in (*shown, *money))]


def head(row: Mapping[str, Any], pulse: Pulse) -> Line:
    """Which box it is; and loudly, if nothing is heard of it just now."""
    name = f"{row['stack']}: box {row['box']['id']}, {row['box']['plan']}"
    ago = f"last heard {pulse.age:.0f} s ago" if pulse.looks else "nothing heard yet"
    if pulse.trouble:
        return Line(f"{name}; {ago}: {pulse.trouble}", LOUD)
    return Line(f"{name}; {ago}" if not pulse.looks or pulse.age > LATE_SECONDS else name, "bold")


def labelled(label: str, text: str) -> str:
    """A line whose texts stand below each other."""
    return f"  {label:<{LABEL}}{text}"


def card_lines(look: Look | None, cards: int) -> Iterator[str]:
    """One line a card; why there is none, if there is none. cards: how many the plan has."""
    if look is None:
        yield labelled("GPU", UNKNOWN)
    elif look.no_cards == NO_PROGRAM:
        yield labelled("GPU", "no nvidia-smi: its driver is not there yet" if cards else "no GPU (CPU)")
    elif look.no_cards:
        yield labelled("GPU", look.no_cards)
    else:
        yield from (labelled(f"GPU {one.index}", card_text(one)) for one in look.cards)


def card_text(card: Card) -> str:
    """One card. Its name comes last: a narrow screen cuts it off, and nothing else."""
    memory = f"{gib(card.memory)} of {gib(card.memory_total)} GiB"
    figures = f"{amount(card.used):>3} %   {memory:<16} {amount(card.celsius):>3} °C {amount(card.watts):>4} W"
    return f"{figures}   {card.name.removeprefix('NVIDIA ')}"


def vllm_lines(pulse: Pulse) -> Iterator[str]:
    """What vLLM does; drafts only where it makes some."""
    if pulse.last and pulse.last.figures is None:
        yield labelled("vLLM", "does not answer")
        return
    flow = f"{per_second(pulse.rate(TOKENS_IN))} in, {per_second(pulse.rate(TOKENS_OUT))} out"
    yield labelled("tokens/s", flow)
    yield labelled("requests", f"{amount(pulse.now(RUNNING))} running, {amount(pulse.now(WAITING))} waiting")
    yield labelled("KV cache", f"{percent(pulse.now(KV))} in use")
    yield labelled("prefix hits", shares(pulse, PREFIX))
    if pulse.now(DRAFTS[1]):
        yield labelled("drafts taken", shares(pulse, DRAFTS))


def architect_lines(pulse: Pulse) -> Iterator[str]:
    """What the second vLLM does, where there is one."""
    if not (pulse.last and pulse.last.two):
        return
    other = pulse.of_architect
    if pulse.last.architect is None:
        yield labelled("architect", "does not answer")
    else:
        flow = f"{per_second(other.rate(TOKENS_IN))} in, {per_second(other.rate(TOKENS_OUT))} out"
        yield labelled("architect", f"{flow} tokens/s, {amount(other.now(RUNNING))} running")


def shares(pulse: Pulse, series: tuple[str, str]) -> str:
    """A share of the last minute, and of all since vLLM started."""
    return f"{percent(pulse.share(series, MINUTE))} in the last minute, {percent(pulse.share(series))} overall"


def idle(row: Mapping[str, Any], now: datetime) -> str:
    """Since when nobody works with it, and what that leads to."""
    if row["action"] == "delete":
        return "IT IS BEING DELETED"
    quiet = row["idle_minutes"]
    since = (
        UNKNOWN
        if quiet is None
        else "busy"
        if quiet < 1
        else f"{minutes(quiet)}, since {clock(row['idle_since'], now)}"
    )
    ends, why = end_of(row), (row["next_end"] or {}).get("why") or "the hard end of its lease"
    verb = "WOULD END" if row["armed"] is False else "ends"
    end = f"; {verb} at {clock(ends, now)}: {why}" if ends else ""
    kept = f"; kept until {clock(row['kept_until'], now)}" if row["kept_until"] else ""
    return f"{since}{end}{kept}"


def cost(row: Mapping[str, Any]) -> str:
    """The meter: so far, for what, and when the next hour begins."""
    tokens = UNKNOWN if row["tokens"] is None else f"{row['tokens']:,}"
    left = row["next_hour_minutes"]
    hour = UNKNOWN if left is None else f"in {minutes(left)}"
    tunnel = f"; tunnel on port {row['tunnel']['port']}" if row["tunnel"]["alive"] else ""
    return f"{dollars(row['usd'])} so far, next hour {hour}; served {tokens} tokens{tunnel}"


def amount(value: float | None) -> str:
    """A figure without a fraction."""
    return UNKNOWN if value is None else f"{value:,.0f}"


def per_second(value: float | None) -> str:
    """A rate; a slow one to a tenth."""
    return UNKNOWN if value is None else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def percent(value: float | None) -> str:
    """A share of 1."""
    return UNKNOWN if value is None else f"{100 * value:.0f} %"


def gib(mib: float | None) -> str:
    """MiB as GiB."""
    return UNKNOWN if mib is None else f"{mib / 1024:.1f}"


def cards_of(plan: str) -> int:
    """How many cards a plan has; 0 for none, and for a plan that this checkout does not know."""
    from stacks.catalog import PLANS

    return next((one.gpus for one in PLANS if one.name == plan), 0)
