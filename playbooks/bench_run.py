"""Replaying a session and timing its answers: as a client sees them, streamed, through gateway and tunnel.

`python -m playbooks.bench_run PORT MODEL SESSION` replays one straight to a vLLM of this machine, for scripts.
"""

import argparse
import asyncio
import json
import secrets
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp

from playbooks.bench_connector import ProvedConnector
from playbooks.bench_figures import Answer, Level, figures_of
from playbooks.bench_session import Ask, Session, before_turn, read_session
from playbooks.endpoint import LOOPBACK, Endpoint, refused
from playbooks.metrics import Metrics
from stacks.errors import BoxError, DayboxError, ModelError

PATH = "/v1/chat/completions"
SILENCE_SECONDS = 600.0  # a long prompt is read for minutes before the first word
LONGEST_LINE = 2**20  # bytes of one event
TOO_LONG = "maximum context length"  # vLLM's words; Source: 0.32 and 0.33, entrypoints/openai
TEXT_FIELDS = ("content", "reasoning", "reasoning_content", "tool_calls")
MANY = 1_000_000  # more turns than any session has
ROOM = 2  # exact: the recorded answer may have more tokens in another model's alphabet
LOST = "what broke off was not kept; `fab doctor` says whether vLLM died"


@dataclass(frozen=True)
class Server:
    """Who is asked: an endpoint on this laptop, one model of it.

    exact: have the model write the recorded answers (structured outputs), so that the text is the same for all.
    """

    endpoint: Endpoint
    model: str
    exact: bool = False

    def bound(self, ask: Ask) -> int:
        """How many tokens an answer may have: as many as the recorded one had."""
        return ask.tokens * ROOM + 32 if self.exact else ask.tokens

    def body(self, ask: Ask, salt: str) -> dict[str, Any]:
        """One request. salt: keeps vLLM's prefix cache of other runs away, which asked the same."""
        form = {"structured_outputs": {"choice": [ask.answer]}} if self.exact and ask.answer else {}
        return {
            "model": self.model,
            "messages": ask.messages,
            "max_tokens": self.bound(ask),
            "temperature": 0,
            "stream": True,
            "stream_options": {"include_usage": True},
            "cache_salt": salt,
            **form,
        }


class TooLongError(Exception):
    """vLLM says that a prompt with its answer is longer than its window. Its argument: the turn."""


def warm_up(server: Server, session: Session) -> tuple[Session, float]:
    """Replay it once, unmeasured: what of it the window has room for, prompts and answers, and the seconds that took.

    Raises ModelError if not even its first turn fits, or the model does not answer; BoxError if the box is not reached.
    """
    began = time.monotonic()
    try:
        answers = asyncio.run(together(server, session, 1))
        for ask, answer in zip(session.asks, answers, strict=True):
            if answer.finish == "length" and answer.tokens < server.bound(ask):
                raise TooLongError(ask.turn)  # the prompt had room, and not all of the answer
    except TooLongError as error:
        turn = int(error.args[0])
        if turn == 1:
            fact = f"box/vllm: its window has no room for the first turn of session {session.name}"
            raise ModelError(fact, hint="raise daybox:context, or take another: --session FILE") from None
        session = before_turn(session, turn)
    return session, time.monotonic() - began


def measure(server: Server, session: Session, clients: int, runs: int, metrics: Callable[[], Metrics]) -> Level:
    """Replay it `runs` times with so many clients at once. Raises BoxError or ModelError; half a level is none."""
    before, answers, seconds = metrics(), list[Answer](), 0.0
    for _ in range(runs):
        began = time.monotonic()
        answers += asyncio.run(together(server, session, clients))
        seconds += time.monotonic() - began
    return Level(clients, runs, tuple(answers), seconds, before, metrics())


async def together(server: Server, session: Session, clients: int) -> list[Answer]:
    """The answers of clients that begin at once; the first failure ends all of them. Raises BoxError, ModelError."""
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=SILENCE_SECONDS)
    connector = ProvedConnector(server.endpoint, limit=clients)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, read_bufsize=LONGEST_LINE) as http:
        await connector.open_all()
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one_client(http, server, session)) for _ in range(clients)]
        except ExceptionGroup as failures:  # no `except*`: before Python 3.11.4 it wraps what is raised in it
            raise first_of(failures) from None
    return [answer for task in tasks for answer in task.result()]


def first_of(failures: BaseExceptionGroup[Any]) -> BaseException:
    """One failure out of several at once."""
    first = failures.exceptions[0]
    return first_of(first) if isinstance(first, BaseExceptionGroup) else first


async def one_client(http: aiohttp.ClientSession, server: Server, session: Session) -> list[Answer]:
    """One developer: asks, waits for the whole answer, asks on."""
    salt = secrets.token_hex(8)
    return [await answer_to(http, server, ask, salt) for ask in session.asks]


async def answer_to(http: aiohttp.ClientSession, server: Server, ask: Ask, salt: str) -> Answer:
    """One answer, timed. Raises TooLongError, BoxError, ModelError."""
    endpoint = server.endpoint
    url, headers = f"http://{LOOPBACK}:{endpoint.port}{PATH}", {"Authorization": f"Bearer {endpoint.key}"}
    sent = time.monotonic()
    try:
        async with http.post(url, json=server.body(ask, salt), headers=headers) as reply:
            if reply.status != 200:
                raise refusal(ask, reply.status, await reply.text())
            return await read_stream(reply.content, ask, sent)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        fact = f"box/vllm: its answer in turn {ask.turn} broke off: {str(error) or type(error).__name__}"
        raise BoxError(fact, hint=LOST) from None


def refusal(ask: Ask, status: int, text: str) -> Exception:
    """What an answer other than 200 means."""
    if status == 400 and TOO_LONG in text:
        return TooLongError(ask.turn)
    try:
        return refused(PATH, status, json.loads(text))
    except ValueError:
        return refused(PATH, status, text[:300])


async def read_stream(lines: aiohttp.StreamReader, ask: Ask, sent: float) -> Answer:
    """The answer in a stream of events. Raises ValueError if it ends too early, ModelError if vLLM says why."""
    first, last, tokens, finish = None, sent, 0, ""
    async for line in lines:
        if not line.startswith(b"data: {"):
            continue
        event = json.loads(line[6:])
        if "error" in event:
            raise ModelError(f"box/vllm: in turn {ask.turn}: {event['error']}", hint=LOST)
        tokens = (event.get("usage") or {}).get("completion_tokens", tokens)
        for choice in event.get("choices", ()):
            finish = choice.get("finish_reason") or finish
            if any(choice["delta"].get(field) for field in TEXT_FIELDS):
                last = time.monotonic()
                first = first or last
    if not finish:
        raise ValueError("the stream ended too early")
    begun = None if first is None else first - sent
    return Answer(ask.turn, ask.beside, ask.edits, begun, last - (first or last), tokens, finish)


def metrics_here(port: int) -> Metrics:
    """The figures of a vLLM on this machine. Raises BoxError if it does not answer."""
    from urllib.error import URLError
    from urllib.request import ProxyHandler, build_opener

    try:
        with build_opener(ProxyHandler({})).open(f"http://{LOOPBACK}:{port}/metrics", timeout=10) as reply:
            return Metrics.from_text(reply.read().decode())
    except (URLError, OSError, ValueError) as error:
        raise BoxError(f"box/vllm: port {port} gave no metrics: {error}", hint=LOST) from None


def main() -> None:
    """Print one replay's figures and answers as JSON."""
    parser = argparse.ArgumentParser(prog="python -m playbooks.bench_run")
    parser.add_argument("port", type=int)
    parser.add_argument("model")
    parser.add_argument("session", type=Path)
    parser.add_argument("--turns", type=int, default=MANY, help="only the first so many")
    parser.add_argument("--chat", action="store_true", help="leave out what is asked beside the chat")
    parser.add_argument("--exact", action="store_true", help="have the model write the recorded answers")
    given = parser.parse_args()
    server, session = Server(Endpoint(given.port), given.model, exact=given.exact), read_session(given.session)
    session = before_turn(session, given.turns + 1)
    if given.chat:
        session = replace(session, asks=tuple(ask for ask in session.asks if not ask.beside))
    level = measure(server, session, 1, 1, lambda: metrics_here(given.port))
    answers = [asdict(answer) | {"tokens_per_s": answer.tokens_per_s} for answer in level.answers]
    print(json.dumps({"turns": session.turns, "figures": asdict(figures_of(level, None)), "answers": answers}))


if __name__ == "__main__":
    try:
        main()
    except DayboxError as problem:
        sys.exit(problem.line())
