"""Three requests that aider makes in a row, and what of each the next one shares as tokens. Pure but for its file.

aider_requests.json holds them as aider 0.86.2 forms them (tests/playbooks/record_aider_requests.py): a turn whose first
edit does not apply, the request about that, and the next turn. The files of the chat and aider's rules stand behind all
that was said, so that aider repeats a part of its prompt only; what a template may do is lose some of that part.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

from stacks.aider_facts import AiderFacts

FILE = Path(__file__).with_name("aider_requests.json")
Message = dict[str, str]


@dataclass(frozen=True)
class Shared:
    """Two requests in a row. Tokens: at their beginning in common, in what aider repeats, in the whole second one."""

    common: int
    repeated: int
    prompt: int

    @property
    def kept(self) -> float:
        """The share of what aider repeats that is the same to vLLM. The template's own tokens may make it more."""
        return min(1.0, self.common / self.repeated) if self.repeated else 1.0

    @property
    def of_prompt(self) -> float:
        """The share of the second prompt that need not be computed again."""
        return self.common / self.prompt if self.prompt else 0.0


@cache
def recorded() -> dict[str, Any]:
    """The file."""
    found: dict[str, Any] = json.loads(FILE.read_text())
    return found


def requests_like(facts: AiderFacts) -> list[list[Message]]:
    """The requests of an aider that is told these facts."""
    held = recorded()
    form = facts.edit_format if facts.edit_format in ("diff", "whole") else "diff"
    kind = f"{form}/{facts.reminder or 'user'}"
    numbers = held["requests"].get(kind) or held["requests"][f"{form}/user"]
    return [[held["messages"][number] for number in request] for request in numbers]


def repeated_text(first: Sequence[Message], second: Sequence[Message]) -> str:
    """What both requests say at their beginning, message by message, without roles."""
    pairs = zip(first, second, strict=False)
    return "\n".join(one["content"] for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def common_length(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False)))
