"""From single answers to the figures of a benchmark: medians, and the slow end that is felt now and then."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from playbooks.metrics import Metrics

HIT, ASKED = "vllm:prefix_cache_hits_total", "vllm:prefix_cache_queries_total"
DRAFTED, ACCEPTED = "vllm:spec_decode_num_draft_tokens_total", "vllm:spec_decode_num_accepted_tokens_total"
SERVED = "vllm:request_success_total"
HOUR_SECONDS = 3600


@dataclass(frozen=True)
class Answer:
    """One answer. turn, beside, edits: as of what was asked.

    first_s: seconds from sending the request to its first text, through gateway and tunnel; None if no text came.
    writing_s: from the first text to the last. tokens: as the server counted them. finish: its reason, stop or length.
    """

    turn: int
    beside: bool
    edits: bool
    first_s: float | None
    writing_s: float
    tokens: int
    finish: str

    @property
    def tokens_per_s(self) -> float | None:
        """Decode speed: tokens after the first, by the seconds they took; None of an answer too short to tell."""
        return (self.tokens - 1) / self.writing_s if self.tokens > 1 and self.writing_s > 0 else None


@dataclass(frozen=True)
class Level:
    """All answers of some runs with so many clients at once, their seconds, and vLLM's own figures around them."""

    clients: int
    runs: int
    answers: tuple[Answer, ...]
    seconds: float
    before: Metrics
    after: Metrics


@dataclass(frozen=True)
class Spread:
    """p50: the median. p95: 95 of 100 are at least as good: of times the 95th percentile, of speeds the 5th.

    Percentiles are interpolated linearly between the two nearest values; of few values p95 is nearly the worst one.
    """

    p50: float
    p95: float

    @classmethod
    def of(cls, values: Sequence[float], *, more_is_better: bool = False) -> "Spread | None":
        """The spread of some values; None of none."""
        if not values:
            return None
        return cls(percentile(values, 0.5), percentile(values, 0.05 if more_is_better else 0.95))


@dataclass(frozen=True)
class Figures:
    """What a developer feels. Times: seconds; speeds: tokens per second; shares: 0 to 1, None if vLLM does not tell.

    first_turn, later_turns, beside: to the first text, of the chat's first turn, its later ones, and of what the client
    asks beside the chat. edits: decode speed of answers that change files. tokens_per_s: all answers' tokens by the
    whole time. prefix_hits: share of prompt tokens found in the cache. drafts_accepted: share of drafted tokens; None
    if none was drafted. tokens_per_usd: answers' tokens at this speed for a dollar. empty, cut_off: answers without
    text, and those that ended at their bound. foreign: requests that were not ours.
    """

    first_turn: Spread | None
    later_turns: Spread | None
    beside: Spread | None
    edits: Spread | None
    tokens_per_s: float
    prefix_hits: float | None
    drafts_accepted: float | None
    tokens_per_usd: float | None
    answers: int
    tokens: int
    seconds: float
    empty: int
    cut_off: int
    foreign: int


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the values lie, interpolated linearly between the two nearest. values: some."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
    return low + (high - low) * (place - math.floor(place))


def figures_of(level: Level, usd_per_hour: float | None) -> Figures:
    """The figures of one level."""
    answers = level.answers
    chat = [answer for answer in answers if not answer.beside]
    tokens = sum(answer.tokens for answer in answers)
    speed = tokens / level.seconds
    served = level.after.grown(SERVED, level.before)
    return Figures(
        first_turn=Spread.of(firsts([answer for answer in chat if answer.turn == 1])),
        later_turns=Spread.of(firsts([answer for answer in chat if answer.turn > 1])),
        beside=Spread.of(firsts([answer for answer in answers if answer.beside])),
        edits=Spread.of(speeds([answer for answer in chat if answer.edits]), more_is_better=True),
        tokens_per_s=speed,
        prefix_hits=share(level, HIT, ASKED),
        drafts_accepted=share(level, ACCEPTED, DRAFTED),
        tokens_per_usd=speed * HOUR_SECONDS / usd_per_hour if usd_per_hour else None,
        answers=len(answers),
        tokens=tokens,
        seconds=level.seconds,
        empty=sum(answer.first_s is None for answer in answers),
        cut_off=sum(answer.finish == "length" for answer in answers),
        foreign=max(0, round(served) - len(answers)) if served is not None else 0,
    )


def firsts(answers: Sequence[Answer]) -> list[float]:
    """Times to the first text, of those answers that had any."""
    return [answer.first_s for answer in answers if answer.first_s is not None]


def speeds(answers: Sequence[Answer]) -> list[float]:
    """Decode speeds, of those answers that were long enough."""
    return [answer.tokens_per_s for answer in answers if answer.tokens_per_s is not None]


def share(level: Level, part: str, whole: str) -> float | None:
    """By how much one counter grew, as a share of another; None if either is missing or nothing was counted."""
    grown, of = level.after.grown(part, level.before), level.after.grown(whole, level.before)
    return grown / of if grown is not None and of else None
