"""What the watchdog decides, without asking anybody: observe, then decide. A box has it at the same import path.

Busy, idle and unknown are three things. Unknown neither kills nor extends: what was seen before it goes on to hold.
"""

import math
import re
from dataclasses import dataclass, replace
from typing import Any, Literal

STALE_S = 900  # longer than the longest prefill: a queue that moves no counter for so long is a known bug of vLLM
WARN_S = 300  # long enough to save a file and type `fab extend`
TWO_LOOKS_S = 45  # no end comes without a warning because it fell between two looks
MARGIN = 1 / 12  # of an hour: an idle box dies so much before the next one is billed, for DELETEs that fail at first


@dataclass(frozen=True)
class Limits:
    """What arming writes, and the watchdog holds to. Times: seconds since 1970, UTC; api_url: as the box reaches it.

    ends: the hard ones, each a moment and why. hour_seconds: of the hour that is billed as a whole.
    What is added here gets a default: a box may have this program, and still the limits of before.
    """

    instance_id: int
    api_url: str
    lease: str
    created_at: float
    ends: list[list[Any]]
    idle_minutes: float
    ready_minutes: float
    self_destruct: bool
    stack: str = ""
    hour_seconds: float = 3600.0


@dataclass(frozen=True)
class Sample:
    """vLLM's own numbers. began: start of its process; work: only ever grows; queue: requests running or waiting.

    generated, prompted: tokens.
    """

    began: float
    work: float
    queue: float
    generated: float
    prompted: float = 0.0


@dataclass(frozen=True)
class Look:
    """What is seen now. uptime: seconds, by a clock that nobody sets; api_time: None if the API did not tell.

    kept: until when `fab extend` keeps an idle box, 0 for not at all.
    """

    boot: str
    uptime: float
    api_time: float | None = None
    sample: Sample | None = None
    ready: bool = False
    kept: float = 0.0


@dataclass(frozen=True)
class History:
    """What earlier looks saw. lived: seconds watched, over all boots; seen, moved, queued, active: moments on it."""

    boot: str = ""
    uptime: float = 0.0
    lived: float = 0.0
    api_ahead: float | None = None  # the API's time minus this boot's uptime
    ready: bool = False
    kept: float = 0.0
    began: float = 0.0
    work: float = 0.0
    generated: float = 0.0
    prompted: float = 0.0
    tokens: float = 0.0  # prompt and generated, of all processes of vLLM
    moved: float | None = None  # when work last grew
    queued: float | None = None  # since when the queue is not empty
    active: float | None = None  # when it was last busy, or first seen at all
    seen: float | None = None  # when vLLM last answered


@dataclass(frozen=True)
class Decision:
    """What to do now; by which limit the box ends or would, and when."""

    action: Literal["keep", "warn", "delete"]
    reason: str
    at: float


def observe(history: History, look: Look) -> History:
    """`history`, and what is seen now."""
    same = look.boot == history.boot
    # NOTE: at a new boot uptime itself says nothing: that of a container is its host's.
    lived = history.lived + (max(0.0, look.uptime - history.uptime) if same else 0.0)
    ahead = history.api_ahead if same else None
    if look.api_time is not None:
        ahead = look.api_time - look.uptime
    ready = history.ready or look.ready
    now = replace(history, boot=look.boot, uptime=look.uptime, lived=lived, ready=ready, kept=look.kept)
    now = replace(now, api_ahead=ahead)
    return counted(busyness(now, look.sample), look.sample) if look.sample else now


def beginning(main: History) -> History:
    """The history of a second vLLM of which nothing was seen yet, by the clock of the first one's."""
    return History(boot=main.boot, uptime=main.uptime, lived=main.lived)


def of_both(main: History, other: History) -> History:
    """Of two vLLMs: the box is busy if one of them is, and idle only as far as both were seen to be.

    One that hangs, is dead or was never seen makes it unknown: that neither kills nor extends. It is ready if one of
    them ever was: who works with that one is not cut off because the other never came.
    """
    seen = None if main.seen is None or other.seen is None else min(main.seen, other.seen)
    active = None if main.active is None or other.active is None else max(main.active, other.active)
    tokens, ready = main.tokens + other.tokens, main.ready or other.ready
    return replace(main, seen=seen, active=active, tokens=tokens, ready=ready)


def busyness(now: History, sample: Sample) -> History:
    """When the box was last busy. What a new process has done, it did since the last look."""
    anew = sample.began != now.began
    grew = sample.work != (0.0 if anew else now.work)  # backwards, too: that is never taken for idle
    moved = now.lived if grew or now.moved is None else now.moved
    queued = None if sample.queue <= 0 else now.lived if anew or now.queued is None else now.queued
    busy = grew or (queued is not None and now.lived - max(moved, queued) < STALE_S)
    active = now.lived if busy or now.active is None else now.active
    return replace(now, work=sample.work, moved=moved, queued=queued, active=active, seen=now.lived)


def counted(now: History, sample: Sample) -> History:
    """What was served, over all processes of vLLM."""
    anew = sample.began != now.began or sample.generated < now.generated
    before = 0.0 if anew else now.generated + now.prompted
    tokens = now.tokens + max(0.0, sample.generated + sample.prompted - before)
    return replace(
        now,
        began=sample.began,
        generated=sample.generated,
        prompted=sample.prompted,
        tokens=tokens,
        ready=now.ready or sample.generated > 0,
    )


def clock(limits: Limits, history: History) -> float:
    """The time, seconds since 1970; never less than what was lived, which is all there is until the API has told."""
    lived = limits.created_at + history.lived
    return lived if history.api_ahead is None else max(lived, history.uptime + history.api_ahead)


def decide(limits: Limits, history: History, now: float) -> Decision:
    """The limit that ends the box first, and whether it is reached at `now`, or near."""
    ends = [(float(at), str(why)) for at, why in limits.ends]
    if not history.ready:
        ends.append((limits.created_at + limits.ready_minutes * 60, f"not ready within {limits.ready_minutes:.3g} min"))
    if (idle := idle_end(limits, history, now)) is not None:
        ends.append((idle, f"idle for {limits.idle_minutes:.3g} min"))
    at, why = min(ends)
    if at <= now and limits.self_destruct:
        return Decision("delete", why, at)
    # With a short limit the last quarter of it is near enough: else every pause would be a warning.
    near = at - now <= min(WARN_S, max(TWO_LOOKS_S, limits.idle_minutes * 60 / 4))
    return Decision("warn" if near and limits.self_destruct else "keep", why, at)


def idle_end(limits: Limits, history: History, now: float) -> float | None:
    """When an idle box dies, None before vLLM was ever seen: with the hour that is paid for, less a margin.

    The hour is the one in which it has been idle long enough, so this never costs more than to die there and then.
    """
    if history.active is None or history.seen is None:
        return None
    limit = limits.idle_minutes * 60
    rest = limit - (history.lived - history.active)
    if history.seen - history.active < limit and history.seen < history.lived:
        rest = max(rest, 1.0)  # it was not seen to be idle for so long: what is not seen does not count
    enough = max(now + rest, history.kept)
    return max(enough, paid_until(limits, enough) - limits.hour_seconds * MARGIN)


def paid_until(limits: Limits, moment: float) -> float:
    """The end of the hour that is paid for at `moment`: whole hours are billed, from the box's creation on."""
    hours = math.ceil((moment - limits.created_at) / limits.hour_seconds)
    return limits.created_at + max(1, hours) * limits.hour_seconds


LINE = re.compile(r"^([a-zA-Z_:][\w:]*)(\{.*\})? (\S+)", re.MULTILINE)
PROMPTED, GENERATED = "vllm:prompt_tokens_total", "vllm:generation_tokens_total"
WORK = (PROMPTED, GENERATED, "vllm:request_success_total")
QUEUE = ("vllm:num_requests_running", "vllm:num_requests_waiting")


def parse_metrics(text: str) -> Sample | None:
    """Sums over all series, by full names: a counter's twin `…_created` holds a date. None if they are not vLLM's."""
    sums = dict.fromkeys(("work", PROMPTED, GENERATED, "process_start_time_seconds"), 0.0)
    queue: float | None = None
    for name, labels, number in LINE.findall(text):
        value = float(number) if re.fullmatch(r"[\d.]+(e[+-]?\d+)?", number) else 0.0  # NaN and Inf are no news
        if name in WORK or (name == "http_requests_total" and is_work(labels)):
            sums["work"] += value
        if name in QUEUE:
            queue = (queue or 0.0) + value
        if name in sums:
            sums[name] += value
    if queue is None or not math.isfinite(sums["work"]):
        return None
    return Sample(sums["process_start_time_seconds"], sums["work"], queue, sums[GENERATED], sums[PROMPTED])


def is_work(labels: str) -> bool:
    """Requests that end without a token count, too. Not the refused, nor asking for the list of models, which programs
    do by themselves."""
    return 'handler="/v1' in labels and 'handler="/v1/models"' not in labels and 'status="2' in labels
