"""What a box says of itself every other second, and what follows from it: rates, shares, cards. Pure.

What is not known is None, never 0; of a vLLM that was started anew nothing is compared with the one before.
"""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from playbooks.cards import NOT_FOUND, QUERY, Card, parse_cards
from playbooks.metrics import STARTED, Metrics
from playbooks.words import number
from stacks.printable import clean

EVERY_SECONDS = 2.0
KEPT = 35  # looks: a minute and some
MINUTE = 60.0
TOKENS_IN, TOKENS_OUT = "vllm:prompt_tokens_total", "vllm:generation_tokens_total"
RUNNING, WAITING, KV = "vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:kv_cache_usage_perc"
PREFIX = "vllm:prefix_cache_hits_total", "vllm:prefix_cache_queries_total"
DRAFTS = "vllm:spec_decode_num_accepted_tokens_total", "vllm:spec_decode_num_draft_tokens_total"
SERIES = (STARTED, TOKENS_IN, TOKENS_OUT, RUNNING, WAITING, KV, *PREFIX, *DRAFTS)
NO_PROGRAM = "no nvidia-smi"


@dataclass(frozen=True)
class Look:
    """One moment. at: seconds by the box's clock that nobody sets; figures: None if vLLM did not answer.

    no_cards: why there are none, empty if there are. architect: figures of the second vLLM, where `two` says that there
    is one.
    """

    at: float
    figures: Metrics | None
    cards: tuple[Card, ...] = ()
    no_cards: str = ""
    two: bool = False
    architect: Metrics | None = None


@dataclass(frozen=True)
class Pulse:
    """What was heard of one box, oldest first. age: seconds since the last of it; trouble: why none comes now."""

    looks: tuple[Look, ...] = ()
    age: float = 0.0
    trouble: str = ""

    @property
    def last(self) -> Look | None:
        """The newest look."""
        return self.looks[-1] if self.looks else None

    @property
    def of_architect(self) -> "Pulse":
        """The same of the second vLLM."""
        return replace(self, looks=tuple(replace(look, figures=look.architect) for look in self.looks))

    def now(self, series: str) -> float | None:
        """A figure of the newest look."""
        return self.last.figures.get(series) if self.last and self.last.figures else None

    def rate(self, series: str) -> float | None:
        """By how much a counter grew in a second, between the last two looks."""
        if len(self.looks) < 2:
            return None
        before, now = self.looks[-2:]
        by = grown(series, before, now)
        return by / (now.at - before.at) if by is not None and now.at > before.at else None

    def share(self, series: tuple[str, str], seconds: float | None = None) -> float | None:
        """How many of the second counter the first one is: since vLLM started, or in the last `seconds`."""
        if seconds is None:
            part, whole = (self.now(name) for name in series)
        else:
            part, whole = (self._grown_within(name, seconds) for name in series)
        return part / whole if part is not None and whole else None

    def _grown_within(self, series: str, seconds: float) -> float | None:
        """By how much a counter grew in the last `seconds`, as far back as the same vLLM was seen."""
        if not (now := self.last):
            return None
        seen = (grown(series, then, now) for then in self.looks[:-1] if now.at - then.at <= seconds)
        return next((by for by in seen if by is not None), None)


def grown(series: str, before: Look, now: Look) -> float | None:
    """By how much a counter grew; None if that is unknown, or if it shrank, which no counter does."""
    if not before.figures or not now.figures:
        return None
    by = now.figures.grown(series, before.figures)
    return by if by is None or by >= 0 else None


def command(seconds: float, report_seconds: float) -> str:
    """Shell command that runs the program of the pulse, which comes on its standard input."""
    return shlex.join(["python3", "-u", "-", f"{seconds:g}", f"{report_seconds:g}", QUERY, *SERIES])


def parse(line: str) -> tuple[Look, tuple[int, str] | None] | None:
    """The look in a line, and what the box's report said: exit status and words. None for what is no look."""
    try:
        row: dict[str, Any] = json.loads(line)
        at, cards, report = number(row["at"]), row["cards"], row.get("report")
        if at is None:
            return None
        architect = "architect" in row, figures(row.get("architect"))
        look = Look(at, figures(row["figures"]), *cards_in(int(cards[0]), str(cards[1])), *architect)
        return look, (int(report[0]), str(report[1])) if report else None
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        return None


def figures(row: Mapping[str, Any] | None) -> Metrics | None:
    """vLLM's figures; what is no number is left out."""
    if row is None:
        return None
    known = {name: number(value) for name, value in row.items()}
    return Metrics({name: value for name, value in known.items() if value is not None})


def cards_in(status: int, text: str) -> tuple[tuple[Card, ...], str]:
    """The cards, or why there are none."""
    if status == NOT_FOUND:
        return (), NO_PROGRAM
    if status:
        return (), f"nvidia-smi: {clean(text) or f'ended with {status}'}"
    found = parse_cards(text)
    return found, "" if found else "nvidia-smi names no card"
