"""`fab bench --recommend`: what of all that was measured is the fastest, and what gives most for a dollar."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from playbooks.bench_ledger import REPLAY, Line
from stacks.errors import UsageError

PRETENDED = "local"  # the cloud whose prices mean nothing
HINT = "measure first: fab bench, on each plan and model you can choose between"
Session = tuple[str, int, bool]


@dataclass(frozen=True)
class Choice:
    """One plan with one model and its flags: medians over its lines. runs: how many replays it rests on.

    tokens_per_s: decode speed of edits. tokens_per_usd: None without a price.
    """

    plan: str
    model: str
    vllm: str
    flags: tuple[str, ...]
    cloud: str
    tokens_per_s: float
    tokens_per_usd: float | None
    runs: int


@dataclass(frozen=True)
class Advice:
    """The best of the choices, which all replayed the same. usd: None if no price is known. words: what limits it."""

    speed: Choice
    usd: Choice | None
    choices: tuple[Choice, ...]
    words: tuple[str, ...]


def advise(lines: Sequence[Line]) -> Advice:
    """The best among results of one developer at a time. Raises UsageError if nothing was measured that counts."""
    usable = [line for line in lines if counts(line)]
    if not usable:
        raise UsageError("fab bench: nothing is kept that a recommendation could rest on", hint=HINT)
    paid = [line for line in usable if line.cloud != PRETENDED] or usable
    same = most_measured(paid)
    choices = tuple(choices_in([line for line in paid if replayed(line) == same]))
    priced = [choice for choice in choices if choice.tokens_per_usd]
    return Advice(
        speed=max(choices, key=lambda choice: choice.tokens_per_s),
        usd=max(priced, key=lambda choice: choice.tokens_per_usd or 0) if priced else None,
        choices=choices,
        words=tuple(words_for(lines, usable, paid, same, choices)),
    )


def counts(line: Line) -> bool:
    """Whether it is a replay by one developer at a time whose edits were timed, and every answer had text."""
    figures = line.figures
    return line.kind == REPLAY and line.clients == 1 and bool(figures and figures.edits and not figures.empty)


def replayed(line: Line) -> Session:
    """What was replayed: only the same compares."""
    return line.session, line.turns, line.exact


def most_measured(lines: Sequence[Line]) -> Session:
    """What most different choices replayed; of several, what was replayed last. lines: some."""
    last = {replayed(line): number for number, line in enumerate(lines)}
    return max(last, key=lambda one: (len({key(line) for line in lines if replayed(line) == one}), last[one]))


def key(line: Line) -> tuple[str, ...]:
    """What tells one choice from another."""
    return line.plan, line.model, line.vllm, *line.flags


def choices_in(lines: Sequence[Line]) -> list[Choice]:
    """One for each plan, model, vLLM and flags; in the order in which they were first measured."""
    groups: dict[tuple[str, ...], list[Line]] = {}
    for line in lines:
        groups.setdefault(key(line), []).append(line)
    return [choice(group) for group in groups.values()]


def choice(lines: Sequence[Line]) -> Choice:
    """What some lines of the same choice say together."""
    first = lines[0]
    figures = [line.figures for line in lines if line.figures]
    speed = middle([one.edits.p50 for one in figures if one.edits])
    usd = middle([one.tokens_per_usd for one in figures if one.tokens_per_usd])
    runs = sum(line.runs for line in lines)
    return Choice(first.plan, first.model, first.vllm, first.flags, first.cloud, speed or 0.0, usd, runs)


def middle(values: Sequence[float]) -> float | None:
    """The median; None of no value."""
    return median(values) if values else None


def words_for(
    lines: Sequence[Line], usable: Sequence[Line], paid: Sequence[Line], same: Session, choices: Sequence[Choice]
) -> list[str]:
    """What somebody should know before they believe it."""
    words = []
    if len(choices) == 1:
        words.append("only this was measured: there is nothing to compare it with")
    if few := sorted({choice.runs for choice in choices if choice.runs < 3}):
        words.append(f"some rest on few runs ({few[0]}): measure again before you rely on it")
    if shared := sum(replayed(line) == same and bool(line.figures and line.figures.foreign) for line in paid):
        words.append(f"others used the box during {shared} of these results, so its choice can do better")
    if left := sum(replayed(line) != same for line in paid):
        words.append(f"left out: {left} results of another session, or of another part of it")
    if left := len(usable) - len(paid):
        words.append(f"left out: {left} results of the local cloud, whose prices are pretended")
    if broken := sum(line.kind == REPLAY and bool(line.figures and line.figures.empty) for line in lines):
        words.append(f"left out: {broken} results with answers that were empty")
    if all(choice.cloud == PRETENDED for choice in choices):
        words.append("all on the local cloud: its prices are pretended")
    return words


def differing(one: Choice, others: Sequence[Choice]) -> tuple[str, ...]:
    """What tells it from other choices of the same plan and model: its vLLM, and flags that not all of them have."""
    alike = [other for other in others if (other.plan, other.model) == (one.plan, one.model)]
    common = set.intersection(*(set(other.flags) for other in alike)) if alike else set[str]()
    version = [f"vLLM {one.vllm}"] if any(other.vllm != one.vllm for other in alike) else []
    return (*version, *(flag for flag in one.flags if flag not in common))
