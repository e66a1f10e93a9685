"""A recorded session: what a client asked its model, in order, with the answers of then; kept as lines of JSON.

Each request carries the whole chat with its recorded answers, so that every model is asked the same. In the file a
message that was sent before stands as its number: a chat repeats itself, and would be four times as long.
"""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from playbooks.boxes import ROOT
from stacks.errors import ConfigError

FORMAT = "daybox session 1"
EDITS = ROOT / "playbooks/sessions/edits.jsonl"  # ours: aider 0.86.2 on a small repository
CHARACTERS_PER_TOKEN = 3.5  # of code, roughly; only where the server did not say how many tokens its answer had
SIGNS_OF_AN_EDIT = ("<<<<<<< SEARCH", "```")  # aider's formats `diff` and `whole`
HINT = "record one: fab bench --record FILE"


@dataclass(frozen=True)
class Ask:
    """One request. messages: the whole chat so far; answer: what came back when it was recorded, of `tokens` tokens.

    turn: which of the user's turns it belongs to, from 1. beside: not of the chat itself, as a commit message.
    """

    messages: Sequence[Mapping[str, Any]]
    answer: str
    tokens: int
    turn: int
    beside: bool

    @property
    def edits(self) -> bool:
        """Whether its answer changed files."""
        return not self.beside and any(sign in self.answer for sign in SIGNS_OF_AN_EDIT)


@dataclass(frozen=True)
class Session:
    """What was asked, in order. sha256: of the whole file, whatever is replayed. client: as `aider 0.86.2`."""

    name: str
    sha256: str
    client: str
    asks: tuple[Ask, ...]

    @property
    def turns(self) -> int:
        """How many turns the user took."""
        return self.asks[-1].turn if self.asks else 0


def read_session(path: Path) -> Session:
    """The session in a file. Raises ConfigError if it holds none."""
    try:
        data = path.read_bytes()
        head, *rows = [json.loads(line) for line in data.decode().splitlines()]
        if head["format"] != FORMAT:
            raise ValueError(f"its format is {head['format']!r}")
        asks = tuple(asks_in(rows))
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path}: is no session: {type(error).__name__}: {error}", hint=HINT) from None
    if not asks:
        raise ConfigError(f"{path}: nothing was asked in it", hint=HINT)
    return Session(path.stem, hashlib.sha256(data).hexdigest(), str(head.get("client", "")), asks)


def asks_in(rows: Sequence[Mapping[str, Any]]) -> Iterator[Ask]:
    """The requests of a session's lines. Those that begin as the first one does are the chat; others are beside it."""
    seen, turn = list[Mapping[str, Any]](), 0
    for row in rows:
        messages = [remembered(seen, one) for one in row["messages"]]
        beside = messages[0] != seen[0]
        turn += not beside
        answer = str(row["answer"])
        yield Ask(messages, answer, int(row.get("tokens") or estimate(answer)), turn, beside)


def remembered(seen: list[Mapping[str, Any]], one: Mapping[str, Any] | int) -> Mapping[str, Any]:
    """A message: a new one, which is seen from now on, or the number of one that was seen."""
    if isinstance(one, int):
        return seen[one]
    seen.append(one)
    return one


def estimate(text: str) -> int:
    """About how many tokens a text has."""
    return max(1, math.ceil(len(text) / CHARACTERS_PER_TOKEN))


def first_line(client: str, recorded: str) -> str:
    """The line that a session's file begins with. recorded: the day."""
    return json.dumps({"format": FORMAT, "client": client, "recorded": recorded}) + "\n"


class Writer:
    """Turns requests into lines, in the order in which they are given."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}  # a message as text -> its place among all that were new

    def line(self, messages: Sequence[Mapping[str, Any]], answer: str, tokens: int | None) -> str:
        """The line of one request. tokens: of its answer, if the server told."""
        told = {"tokens": tokens} if tokens else {}
        return json.dumps({"messages": [*map(self._short, messages)], "answer": answer, **told}) + "\n"

    def _short(self, message: Mapping[str, Any]) -> Mapping[str, Any] | int:
        text, place = json.dumps(message), len(self._numbers)
        known = self._numbers.setdefault(text, place)
        return message if known == place else known


def before_turn(session: Session, turn: int) -> Session:
    """Only what was asked before that turn: a chat is cut at whole turns."""
    return replace(session, asks=tuple(ask for ask in session.asks if ask.turn < turn))
