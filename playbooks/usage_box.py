"""What vLLM counted by itself, beside what the gateway counted: the two must add up.

vLLM counts since its own start, everybody's work together. It is asked over the tunnel's own ssh connection, for
/metrics does not pass the gateway.
"""

import json
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from playbooks.metrics import STARTED, Metrics
from playbooks.tunnel_files import Orders, over_tunnel, tunnel_dir
from playbooks.usage import Row, Used, sums
from stacks.ssh import environment

REQUESTS = "vllm:request_success_total"
PROMPT, COMPLETION = "vllm:prompt_tokens_total", "vllm:generation_tokens_total"
QUERIES, HITS = "vllm:prefix_cache_queries_total", "vllm:prefix_cache_hits_total"
RUNNING, WAITING = "vllm:num_requests_running", "vllm:num_requests_waiting"
ANSWER_SECONDS = 15.0
OWN_WORK = ("own-work", "own-work-architect")  # files that the box's stage `ready` writes, of each vLLM
BOX_TIME = "date +%s"
CLOCK_SECONDS = 3.0  # whole seconds, and an answer that took some; more is another clock
MARK = "@daybox"  # between two texts; a line of neither
OWN_TOKENS = 1  # that each of the box's own completions asks for
COUNTED_TWICE = 2  # per own completion: its work counts the request twice, as templates/box/ready.py says


@dataclass(frozen=True)
class Count:
    """Requests that were answered to their end, and tokens. None: unknown."""

    requests: int | None
    prompt_tokens: int | None
    completion_tokens: int | None

    def less(self, *others: "Count") -> "Count":
        """What is left of it; unknown where one of them is."""
        return Count(
            *(difference(*numbers) for numbers in zip(self.numbers, *(one.numbers for one in others), strict=True))
        )

    @property
    def numbers(self) -> tuple[int | None, ...]:
        """In the order of its fields."""
        return self.requests, self.prompt_tokens, self.completion_tokens

    def words(self) -> str:
        """For people."""
        requests, prompt, completion = ("?" if one is None else f"{one:,}" for one in self.numbers)
        return f"{requests} requests, {prompt} tokens in, {completion} out"


UNKNOWN = Count(None, None, None)


@dataclass(frozen=True)
class Box:
    """What one vLLM of the box counted. began: of its process, UTC epoch; own: what was the box's own of it.

    busy: requests that run or wait now, of which vLLM counted a part. looked_up: tokens, of which `hits` were known.
    ahead: seconds by which this laptop's clock, which clients' moments are by, is ahead of the box's, which `began` is.
    """

    began: float
    vllm: Count
    own: Count
    busy: int = 0
    looked_up: int = 0
    hits: int = 0
    ahead: float = 0.0


@dataclass(frozen=True)
class Balance:
    """One vLLM's own counters and who they are of.

    left: requests since its start whose client did not wait. failed: those that ended in an error or broke off; vLLM
    may have counted them and their tokens, of which no answer told. Prompts that fit no window are not among them.
    """

    box: Box
    clients: Count
    left: int = 0
    architect: bool = False
    failed: int = 0

    @property
    def difference(self) -> Count:
        """What nobody on this laptop asked for, nor the box itself; unknown with the box's own."""
        return self.box.vllm.less(self.clients, self.box.own)


def difference(first: int | None, *others: int | None) -> int | None:
    """`first` less all others; None if one of them is unknown."""
    known = [one for one in others if one is not None]
    return None if first is None or len(known) < len(others) else first - sum(known)


def balance(box: Box, rows: Iterable[Row], *, architect: bool = False) -> Balance:
    """The counters of one vLLM beside what clients used since it began."""
    since = [row for row in rows if row.architect == architect and row.at >= box.began + box.ahead]
    used = sum(sums(since).values(), Used())
    told = Count(used.answered, used.prompt_tokens, used.completion_tokens)
    return Balance(box, told, used.left, architect, used.failed - used.overflow)


def command(ports: Sequence[int]) -> str:
    """Shell command that prints what each vLLM of the box counted, what was the box's own of it, and the box's time."""
    texts = [
        text
        for port, own in zip(ports, OWN_WORK, strict=False)
        for text in (f"curl -fsS --max-time 5 http://127.0.0.1:{port}/metrics", f"cat /var/lib/daybox/{own}.json")
    ]
    return "; ".join(f"{text}; echo {MARK}" for text in [*texts, BOX_TIME])


def read(orders: Orders) -> list[Box | None]:
    """What each vLLM of the box counted, the main one first; None of one that does not answer.

    Raises OSError if the tunnel is not up.
    """
    ports = [port for port in (orders.box_port, orders.architect_box_port) if port]
    try:
        done = subprocess.run(
            over_tunnel(orders.ssh_config, orders.alias, command(ports)),
            cwd=tunnel_dir(orders.stack),
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=ANSWER_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise OSError("the box does not answer") from None
    texts = done.stdout.decode(errors="replace").split(f"{MARK}\n")
    if len(texts) <= 2 * len(ports):
        raise OSError("the tunnel is not up")
    ahead = clock_ahead(time.time(), texts[2 * len(ports)])
    boxes = [box_in(metrics, own) for metrics, own in zip(texts[: 2 * len(ports) : 2], texts[1::2], strict=False)]
    return [box and replace(box, ahead=ahead) for box in boxes]


def clock_ahead(now: float, box_time: str) -> float:
    """Seconds by which `now` is ahead of what the box says; 0 where that is no more than the answer's own way."""
    try:
        ahead = now - int(box_time)
    except ValueError:
        return 0.0
    return ahead if abs(ahead) > CLOCK_SECONDS else 0.0


def box_in(metrics: str, own: str) -> Box | None:
    """What one vLLM says, and the box's own file; None if it does not answer."""
    try:
        found = Metrics.from_text(metrics)
    except ValueError:
        return None
    began = found.get(STARTED)
    if began is None or found.get(PROMPT) is None:
        return None
    count = Count(*(int(found.get(name) or 0) for name in (REQUESTS, PROMPT, COMPLETION)))
    busy, looked_up, hits = (
        sum(int(found.get(name) or 0) for name in names) for names in ((RUNNING, WAITING), (QUERIES,), (HITS,))
    )
    return Box(began, count, own_in(own, began), busy, looked_up, hits)


def own_in(text: str, began: float) -> Count:
    """What the box asked its vLLM itself since `began`; nothing if the file is of an earlier start.

    Unknown if the box's program is older than its count of requests.
    """
    try:
        found: Mapping[str, Any] = json.loads(text)
        if float(found["began"]) != began:
            return Count(0, 0, 0)
        requests = int(found["requests"])
        return Count(requests, int(found["work"]) - (COUNTED_TWICE + OWN_TOKENS) * requests, OWN_TOKENS * requests)
    except (ValueError, TypeError, KeyError):
        return UNKNOWN
