"""A request's body as it travels to the box: which of two models it names, and that a stream tells its tokens.

vLLM tells the tokens of a stream only to who asks for them, and not every client does. The gateway asks in its place,
so that usage adds up, and takes that one event out of the answer again.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

MOST_BYTES = 64 * 2**20  # of a body: more than any window holds, with some pictures
LONGEST_EVENT = 4 * 2**20
EVENT_END = re.compile(rb"\r?\n\r?\n")
NO_CHOICES = re.compile(rb'"choices": ?\[\]')
TRUE_WORDS = frozenset({"1", "on", "t", "true", "y", "yes"})
STREAMS_SILENTLY = frozenset({"/v1/chat/completions", "/v1/completions"})  # the other paths tell tokens in any case


@dataclass(frozen=True)
class Sent:
    """What travels. architect: it goes to the second model. hides_usage: the client did not ask for what it cost."""

    body: bytes
    architect: bool = False
    hides_usage: bool = False


def as_sent(path: str, body: bytes, architect_name: str) -> Sent:
    """The body of a POST to `path` as the box gets it. architect_name: as the second model is served; empty: none."""
    # A name may be written in escapes; looking for it is faster than reading a body that holds neither.
    may_stream = path in STREAMS_SILENTLY and (b'"stream"' in body or b"\\u" in body)
    asked = parsed(body) if architect_name or may_stream else {}
    architect = bool(architect_name) and asked.get("model") == architect_name
    options = asked.get("stream_options") or {}
    silent = may_stream and is_true(asked.get("stream")) and isinstance(options, dict)
    if not silent or is_true(options.get("include_usage")):
        return Sent(body, architect)
    # The last of two equal names counts, for vLLM as for us: nothing of what the client wrote is written anew.
    more = {**options, "include_usage": True, "continuous_usage_stats": False}
    head = body.rstrip().removesuffix(b"}")
    return Sent(head + b',"stream_options":' + json.dumps(more).encode() + b"}", architect, hides_usage=True)


def parsed(body: bytes) -> dict[str, Any]:
    """The object in a body; an empty one if there is none: what that means, vLLM tells the client."""
    try:
        found = json.loads(body)  # as bytes, as vLLM does: a mark of their order may stand before them
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def is_text(body: bytes) -> bool:
    """Whether it is in UTF-8, as JSON must be that travels (RFC 8259, 8.1).

    vLLM reads UTF-16, too, in which we would neither find a model's name nor could add a word.
    """
    try:
        body.decode()
    except ValueError:
        return False
    return json.detect_encoding(body).startswith("utf-8")


def is_true(value: object) -> bool:
    """Whether vLLM takes it for true, whose pydantic is lax. Source: pydantic 2, docs/concepts/conversion_table."""
    if isinstance(value, str):
        return value.lower() in TRUE_WORDS
    return isinstance(value, int | float) and value == 1


class UsageHider:
    """Takes the event that only tells usage out of a stream. Whole events pass at once, a part waits for its rest.

    From one on that is longer than any event, everything passes as it comes.
    """

    def __init__(self) -> None:
        self._rest = bytearray()
        self._passes_all = False

    def __call__(self, piece: bytes) -> bytes:
        """What may pass now."""
        if self._passes_all:
            return piece
        looked_through = max(0, len(self._rest) - len(b"\r\n\r"))  # an end may be cut
        self._rest += piece
        passed, begin = list[bytes](), 0
        for end in EVENT_END.finditer(self._rest, looked_through):
            event, begin = bytes(self._rest[begin : end.end()]), end.end()
            if not tells_only_usage(event):
                passed.append(event)
        del self._rest[:begin]
        self._passes_all = len(self._rest) > LONGEST_EVENT
        return b"".join([*passed, self.end() if self._passes_all else b""])

    def end(self) -> bytes:
        """What is left when the stream has ended."""
        rest, self._rest = bytes(self._rest), bytearray()
        return rest


def tells_only_usage(event: bytes) -> bool:
    """Whether it is the one that vLLM sends for `include_usage`: no choices, but usage."""
    if not NO_CHOICES.search(event) or not event.startswith(b"data:"):
        return False
    found = parsed(event.removeprefix(b"data:"))
    return found.get("choices") == [] and isinstance(found.get("usage"), dict)
