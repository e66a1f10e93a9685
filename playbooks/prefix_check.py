"""Whether a chat's second turn finds its first in vLLM's prefix cache, as vLLM counts: for all its clients together."""

import secrets
import time

from playbooks.ask_vllm import chat
from playbooks.metrics import Metrics, read_metrics
from playbooks.served import FailedError, Served, SkippedError, user

QUERIES, HITS = "vllm:prefix_cache_queries_total", "vllm:prefix_cache_hits_total"
DONE, RUNNING = "vllm:request_success_total", "vllm:num_requests_running"
LEAST_HITS = 0.5
PREFIX_TOKENS = 6000  # several blocks even of a hybrid model, which has up to 2,096 tokens in one
LINE_TOKENS = 14
COUNTED_SECONDS = 3.0  # vLLM counts a moment after it has answered
TRIES = 3  # an aider may ask in the middle of one; so do the checks beside this, once


class OthersError(Exception):
    """Somebody else's tokens are among those counted."""


def hits_its_prefix_cache(served: Served, seconds: float) -> str:
    """On its second turn a chat computes little of what it has said before."""
    deadline = time.monotonic() + seconds
    for _ in range(TRIES):
        left = deadline - time.monotonic()
        try:
            if left > 1:
                return second_turn(served, left)
        except OthersError:
            pass
    raise SkippedError("others used the box meanwhile, and vLLM counts everybody's tokens together")


def second_turn(served: Served, seconds: float) -> str:
    """What it found in the cache. Raises FailedError if that is too little, OthersError if nobody can say."""
    tokens = min(PREFIX_TOKENS, served.window // 4)
    asked = [user(long_text(tokens))]
    said, _, _ = turn(served, asked, seconds / 3)
    asked += [{"role": "assistant", "content": said}, user("Say yes again.")]
    _, hits, queries = turn(served, asked, seconds / 3)
    if hits >= LEAST_HITS * queries:
        return f"{hits:.0f} of {queries:.0f} tokens of the second turn were known"
    _, later, all_later = turn(served, asked, seconds / 3)
    blocks = "; a hybrid model: its blocks are long, and it may need a third turn" if served.hybrid else ""
    raise FailedError(
        f"{hits:.0f} of {queries:.0f} tokens of the second turn were known, "
        f"{later:.0f} of {all_later:.0f} when it was asked once more{blocks}"
    )


def turn(served: Served, messages: list[dict[str, str]], seconds: float) -> tuple[str, float, float]:
    """What one turn of a chat says; how many tokens of its prompt were known to vLLM, and how many were looked up.

    Raises FailedError if nothing was looked up, OthersError unless the request is the only one that was counted.
    """
    before = read_metrics(served.target)
    message, _ = chat(served.target, served.name, messages, seconds=seconds, max_tokens=4, **served.quiet)
    deadline = time.monotonic() + COUNTED_SECONDS
    while not is_counted(before, now := read_metrics(served.target)) and time.monotonic() < deadline:
        pass  # reading takes long enough
    if not (queries := grown(QUERIES, before, now)):
        raise FailedError(f"vLLM looked nothing up ({QUERIES} did not grow): its prefix cache is off")
    if grown(DONE, before, now) != 1 or now.get(RUNNING):
        raise OthersError
    return str(message.get("content") or "yes"), grown(HITS, before, now), queries


def is_counted(before: Metrics, now: Metrics) -> bool:
    """Whether vLLM has counted our request, its end, too."""
    return bool(grown(QUERIES, before, now) and grown(DONE, before, now) and not now.get(RUNNING))


def grown(series: str, before: Metrics, now: Metrics) -> float:
    """By how much it grew. Raises FailedError if nobody knows."""
    by = now.grown(series, before)
    if by is None:
        gone = "another vLLM counted before" if now.get(series) is not None else "vLLM does not have it"
        raise FailedError(f"unknown: {series}: {gone}")
    return by


def long_text(tokens: int) -> str:
    """A text of about so many tokens that nobody has ever asked about."""
    lines = (f"Line {number} of the list: keep all of it in mind.\n" for number in range(tokens // LINE_TOKENS))
    return f"List {secrets.token_hex(8)}.\n{''.join(lines)}Say yes."
