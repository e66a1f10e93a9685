"""Measuring a box: what is asked of it, what it runs while it answers, and the line of the ledger that both become."""

import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from playbooks.bench_facts import Facts, as_row, commit, read_facts
from playbooks.bench_figures import figures_of
from playbooks.bench_ledger import REPLAY, VLLM, Line
from playbooks.bench_run import LOST, Server, measure, warm_up
from playbooks.bench_session import EDITS, Session, read_session
from playbooks.bench_vllm import run_benchmark, words_of
from playbooks.command import busy
from playbooks.endpoint import trusted
from playbooks.metrics import STARTED, read_metrics
from playbooks.moments import iso
from playbooks.progress import say
from playbooks.tunnel import open_for
from stacks.box import Box, box_target
from stacks.errors import ModelError, UsageError
from stacks.models import MODELS
from stacks.ssh import Target

CLIENT = "bench"  # at the gateway
MOST_RUNS, MOST_CLIENTS = 100, 64


@dataclass(frozen=True)
class Wish:
    """What is to be measured. words: what came after --, for vLLM's own benchmark."""

    runs: int
    clients: int
    session: str
    exact: bool
    words: Sequence[str] = ()

    def __post_init__(self) -> None:
        for flag, value, most in (("runs", self.runs, MOST_RUNS), ("concurrency", self.clients, MOST_CLIENTS)):
            if not 1 <= value <= most:
                raise UsageError(f"--{flag}: {value} is out of range", hint=f"say 1 to {most}")


def open_tunnel(box: Box) -> None:
    """Make sure that the box's model answers through the tunnel; on the way there nothing goes to our stdout."""
    with redirect_stdout(sys.stderr):
        word = open_for(box)
    say(word)


def measure_replay(box: Box, wish: Wish) -> Iterator[Line]:
    """Replay the session by one client, then by as many as were asked for: each level once it is whole.

    Raises ConfigError for a session that is none, BoxError or ModelError as soon as an answer does not come.
    """
    session = read_session(Path(wish.session) if wish.session else EDITS)
    open_tunnel(box)
    target = box_target(box)
    server = Server(trusted(box, CLIENT), box.served_name, exact=wish.exact)
    line = line_of(box, wish, read_facts(target, box.model))
    say(plan_words(session, wish))
    with busy("warming up"):
        fitting, seconds = warm_up(server, session)
    say(after_warm_up(session, fitting, seconds, wish, box))
    for clients in sorted({1, wish.clients}):
        yield measured(server, fitting, clients, line, target)


def plan_words(session: Session, wish: Wish) -> str:
    """What will be done, before anything is known of how long it takes."""
    levels = f" by 1 and by {wish.clients} clients" if wish.clients > 1 else ""
    size = f"{session.turns} turns, {len(session.asks)} requests"
    return f"session {session.name}, {size}: once to warm up, then {wish.runs} times{levels}"


def after_warm_up(session: Session, fitting: Session, seconds: float, wish: Wish, box: Box) -> str:
    """What the first replay told: whether the window has room for it, and how long the others take."""
    cut = f"the window has room for its first {fitting.turns} turns only; " if fitting.turns < session.turns else ""
    minutes = seconds * wish.runs * (1 if wish.clients == 1 else 2) / 60  # clients at once share most of the steps
    price = f", on a box at ${box.usd_per_hour:.2f}/h" if box.usd_per_hour else ""
    return f"{cut}warmed up in {seconds:.0f} s; the rest takes about {max(0.1, minutes):.1f} minutes{price}"


def measured(server: Server, session: Session, clients: int, line: Line, target: Target) -> Line:
    """One level. Raises ModelError if what answers is another vLLM now than before: then it is no result."""
    with busy(f"{line.runs} runs, {clients} at once"):
        level = measure(server, session, clients, line.runs, lambda: read_metrics(target))
    if level.before.get(STARTED) != level.after.get(STARTED):
        raise ModelError("box/vllm: it was started anew in the middle of it", hint=LOST)
    return replace(
        line,
        at=now(),
        clients=clients,
        session=session.sha256,
        session_name=session.name,
        turns=session.turns,
        exact=server.exact,
        figures=figures_of(level, line.usd_per_hour),
    )


def measure_vllm(box: Box, wish: Wish) -> Iterator[Line]:
    """vLLM's own benchmark in its container, if every request succeeded. Raises BoxError, ModelError."""
    open_tunnel(box)
    target = box_target(box)
    facts = read_facts(target, box.model)
    line = line_of(box, wish, facts)
    words = words_of(facts, box.served_name, line.window_tokens, wish.clients, wish.words)
    given = run_benchmark(target, words)
    yield replace(line, kind=VLLM, at=now(), clients=wish.clients, runs=1, command=shlex.join(words), raw=given)


def line_of(box: Box, wish: Wish, facts: Facts) -> Line:
    """A line of the ledger, still without a result: what answers, as the box says it. Raises BoxError, ModelError."""
    kept = ("stack", "lease", "cloud", "plan", "region", "usd_per_hour", "price_source", "model", "served_name")
    return Line(
        kind=REPLAY,
        at=now(),
        **{name: getattr(box, name) for name in kept},
        **as_row(facts),
        hub_id=next((row.hub_id for row in MODELS if row.name == box.model), ""),
        window_tokens=trusted(box, CLIENT).window(box.served_name),
        daybox=commit(),
        clients=1,
        runs=wish.runs,
    )


def now() -> str:
    """This moment, ISO, UTC."""
    return str(iso(datetime.now(UTC)))
