"""Reading the tokens of one answer while it passes."""

import json
from collections.abc import Mapping
from typing import Any

from playbooks.usage import Used

LONGEST_BYTES = 4 * 2**20  # an answer beyond this is passed on, but its tokens are not read
# OpenAI's completions say prompt/completion; its responses and Anthropic's messages say input/output.
PROMPT_NAMES = ("prompt_tokens", "input_tokens")
COMPLETION_NAMES = ("completion_tokens", "output_tokens")
DETAILS_NAMES = ("prompt_tokens_details", "input_tokens_details")
# Anthropic's: what was cached is no part of input_tokens. Source: vLLM 0.32, entrypoints/anthropic/serving.py.
READ, CREATED = "cache_read_input_tokens", "cache_creation_input_tokens"
# A stream has no other way to say so: its head said 200. Source: vLLM 0.32, each entrypoint's streaming generator.
FAILED_NAMES = ("error", "response.failed")
LAST_WORDS = (b"data: [DONE]", b"event: message_stop", b"event: response.completed", b"event: response.incomplete")
OVERFLOW = b"maximum context length"  # Source: vLLM 0.32, renderers/params.py, entrypoints/serve/utils/api_utils.py


class Meter:
    """Reads the tokens of one answer while it passes; it never holds a byte back.

    events: whether the answer is a stream of server-sent events; to be set before the first byte. broken: to be set if
    the answer ended before it was whole. ended: whether the answer itself said that it was at its end. failed: whether
    a stream said that it ended in an error.
    """

    def __init__(self, *, events: bool = False) -> None:
        self.events = events
        self.broken = False
        self.ended = False
        self.failed = False
        self._rest = b""
        self._prompt = 0
        self._completion = 0
        self._cached: int | None = None
        self._overflow = False

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
                self.failed = self.failed or tells_error(line)
                self.ended = self.ended or self.failed or line.startswith(LAST_WORDS)

    def used(self, status: int, milliseconds: int = 0) -> Used:
        """What the answer used: one request, and its tokens if it told them. status: HTTP, 0 if the client left."""
        if not self.events:
            self._whole(status)
        self._rest = b""
        left = not status and not self.ended  # a client may hang up on having read the last word
        failed = not left and (self.failed or (self.broken and not self.ended) or status >= 400)
        return Used(
            requests=1,
            failed=int(failed),
            left=int(left),
            overflow=int(failed and self._overflow),
            prompt_tokens=self._prompt,
            cached_tokens=self._cached or 0,
            cache_known_tokens=0 if self._cached is None else self._prompt,
            completion_tokens=self._completion,
            milliseconds=milliseconds if self._completion and not left else 0,
        )

    def _whole(self, status: int) -> None:
        """Look at an answer that is no stream."""
        self._overflow = status == 400 and OVERFLOW in self._rest
        if b'"usage"' in self._rest:
            self.ended = self._note(self._rest)

    def _note(self, text: bytes) -> bool:
        """Note the usage in `text`; whether it was JSON."""
        try:
            usage = find_usage(json.loads(text))
        except (ValueError, RecursionError):
            return False
        # A stream may tell its usage more than once, each time the sum so far.
        self._prompt = max(self._prompt, prompt_tokens(usage))
        self._completion = max(self._completion, first_number(usage, COMPLETION_NAMES))
        cached = cached_tokens(usage)
        self._cached = self._cached if cached is None else cached
        return True


def tells_error(line: bytes) -> bool:
    """Whether a line of a stream says that the answer ended in an error; an answer that speaks of errors does not."""
    name, _, text = line.partition(b":")
    if name == b"event":
        return text.strip().decode(errors="replace") in FAILED_NAMES
    if name != b"data" or not (b'"error"' in text or b'"response.failed"' in text):
        return False
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and (bool(found.get("error")) or found.get("type") in FAILED_NAMES)


def used_of(answer: object) -> Used:
    """What one whole answer, already read, used."""
    meter = Meter()
    meter.feed(json.dumps(answer).encode())
    return meter.used(200)


def find_usage(answer: object) -> Mapping[str, Any]:
    """The usage block of an answer or event: at its top, or in its `message` (Anthropic) or `response` (OpenAI)."""
    if not isinstance(answer, dict):
        return {}
    for place in (answer, answer.get("message"), answer.get("response")):
        if isinstance(place, dict) and isinstance(place.get("usage"), dict):
            return dict(place["usage"])
    return {}


def prompt_tokens(usage: Mapping[str, Any]) -> int:
    """All tokens of the prompt, those that were cached included."""
    return sum(first_number(usage, names) for names in (PROMPT_NAMES, (READ,), (CREATED,)))


def cached_tokens(usage: Mapping[str, Any]) -> int | None:
    """How much of the prompt vLLM had in its prefix cache; None if the answer does not tell."""
    told = [
        usage.get(READ),
        *(usage[name].get("cached_tokens") for name in DETAILS_NAMES if is_object(usage.get(name))),
    ]
    return next((number for number in told if type(number) is int), None)


def is_object(value: object) -> bool:
    """Whether it is one in JSON."""
    return isinstance(value, dict)


def first_number(usage: Mapping[str, Any], names: tuple[str, ...]) -> int:
    """The value of the first of `names` that is a whole number; 0 if none is."""
    return next((usage[name] for name in names if type(usage.get(name)) is int), 0)
