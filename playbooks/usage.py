"""What each client used: requests, and tokens as far as answers tell. Counted by the gateway, kept in usage.json."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stacks.places import write_private

USAGE_FILE = "usage.json"
LONGEST_BYTES = 4 * 2**20  # an answer beyond this is passed on, but its tokens are not read

# OpenAI's completions say prompt/completion; its responses and Anthropic's messages say input/output.
PROMPT_NAMES = ("prompt_tokens", "input_tokens")
COMPLETION_NAMES = ("completion_tokens", "output_tokens")


@dataclass(frozen=True)
class Used:
    """Requests and tokens of one client. failed: how many of the requests got an error, ours or the box's."""

    requests: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: "Used") -> "Used":
        return Used(
            self.requests + other.requests,
            self.failed + other.failed,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
        )


class Meter:
    """Reads the tokens of one answer while it passes; it never holds a byte back.

    events: whether the answer is a stream of server-sent events; to be set before the first byte. broken: to be set if
    the answer ended before it was whole.
    """

    def __init__(self, *, events: bool = False) -> None:
        self.events = events
        self.broken = False
        self._rest = b""
        self._prompt = 0
        self._completion = 0

    def feed(self, chunk: bytes) -> None:
        """Look at the next bytes of the answer."""
        if len(self._rest) + len(chunk) > LONGEST_BYTES:
            self._rest = b""
            return
        self._rest += chunk
        if self.events and b"\n" in chunk:
            *lines, self._rest = self._rest.split(b"\n")
            for line in lines:
                if line.startswith(b"data:") and b'"usage"' in line:
                    self._note(line.removeprefix(b"data:"))

    def used(self, status: int) -> Used:
        """What the answer used: one request, and its tokens if it told them. status: HTTP, 0 if the client left."""
        if not self.events and b'"usage"' in self._rest:
            self._note(self._rest)
        self._rest = b""
        return Used(1, int(self.broken or status >= 400), self._prompt, self._completion)

    def _note(self, text: bytes) -> None:
        try:
            usage = find_usage(json.loads(text))
        except ValueError:
            return
        # A stream may tell its usage more than once, each time the sum so far.
        self._prompt = max(self._prompt, first_number(usage, PROMPT_NAMES))
        self._completion = max(self._completion, first_number(usage, COMPLETION_NAMES))


def find_usage(answer: object) -> Mapping[str, Any]:
    """The usage block of an answer or event: at its top, or in its `message` (Anthropic) or `response` (OpenAI)."""
    if not isinstance(answer, dict):
        return {}
    for place in (answer, answer.get("message"), answer.get("response")):
        if isinstance(place, dict) and isinstance(place.get("usage"), dict):
            return dict(place["usage"])
    return {}


def first_number(usage: Mapping[str, Any], names: tuple[str, ...]) -> int:
    """The value of the first of `names` that is a number; 0 if none is."""
    return next((usage[name] for name in names if isinstance(usage.get(name), int)), 0)


class UsageFile:
    """Usage by client, kept in a file over restarts of the gateway."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.by_client = read_usage(path)
        self._dirty = False

    def add(self, client: str, used: Used) -> None:
        """Count `used` for `client`."""
        self.by_client[client] = self.by_client.get(client, Used()) + used
        self._dirty = True

    def save(self) -> None:
        """Write the file if something was counted since."""
        if self._dirty:
            self._dirty = False
            rows = {client: asdict(used) for client, used in self.by_client.items()}
            write_private(self.path, json.dumps(rows, indent=2) + "\n")


def read_usage(path: Path) -> dict[str, Used]:
    """client -> what it used; empty if nothing was counted or the file is damaged."""
    try:
        return {client: Used(**row) for client, row in json.loads(path.read_text()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
