"""Tokens as they are read from answers while they pass."""

import json

import pytest

from playbooks.usage import Used
from playbooks.usage_meter import LONGEST_BYTES, Meter, used_of

DETAILS = {"prompt_tokens_details": {"cached_tokens": 4, "created_cache_tokens": 7}}
OPENAI = {"usage": {"prompt_tokens": 11, "completion_tokens": 7}}
CACHED = {"usage": {"prompt_tokens": 11, "completion_tokens": 7, **DETAILS}}
# Anthropic's input_tokens leave out what was cached. Source: vLLM 0.32, entrypoints/anthropic/serving.py.
PARTS = {"input_tokens": 0, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 7, "output_tokens": 7}
START = {"type": "message_start", "message": {"usage": {"input_tokens": 11, "output_tokens": 0}}}
DELTA = {"type": "message_delta", "usage": PARTS}
RESPONSE = {"usage": {"input_tokens": 11, "output_tokens": 7, "input_tokens_details": {"cached_tokens": 4}}}
COMPLETED = {"type": "response.completed", "response": RESPONSE}
PLAIN = Used(requests=1, prompt_tokens=11, completion_tokens=7, milliseconds=250)
TOLD = Used(requests=1, prompt_tokens=11, completion_tokens=7, cached_tokens=4, cache_known_tokens=11, milliseconds=250)
OVERFLOW = (
    b'{"error":{"message":"This model\'s maximum context length is 4096 tokens. However, your prompt contains at least'
    b' 4097 input tokens","type":"BadRequestError","param":"input_tokens","code":400}}'
)


def stream(*events: object, last: bytes = b"") -> bytes:
    return b"".join(f"event: x\ndata: {json.dumps(event)}\n\n".encode() for event in events) + last


ANSWERS = {
    "openai": (False, json.dumps(OPENAI).encode(), PLAIN),
    "openai-cached": (False, json.dumps(CACHED).encode(), TOLD),
    "anthropic": (False, json.dumps({"usage": PARTS}).encode(), TOLD),
    "responses": (False, json.dumps(RESPONSE).encode(), TOLD),
    "openai-stream": (True, stream({"choices": []}, OPENAI, last=b"data: [DONE]\n\n"), PLAIN),
    "openai-stream-cached": (True, stream({"choices": []}, CACHED, last=b"data: [DONE]\n\n"), TOLD),
    "anthropic-stream": (True, stream(START, DELTA), TOLD),
    "responses-stream": (True, stream(COMPLETED), TOLD),
}


@pytest.mark.parametrize(("events", "body", "used"), ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_tokens_are_read_however_the_answer_is_cut(events: bool, body: bytes, used: Used, size: int) -> None:
    meter = Meter(events=events)
    for start in range(0, len(body), size):
        meter.feed(body[start : start + size])
    assert meter.used(200, 250) == used


@pytest.mark.parametrize(
    "body", [b"", b'no JSON but "usage"', b"[]", b'{"usage": null}', b'{"usage": {"prompt_tokens": "9"}}']
)
def test_an_answer_that_tells_nothing_is_one_request(body: bytes) -> None:
    meter = Meter()
    meter.feed(body)
    assert meter.used(200, 250) == Used(requests=1)


@pytest.mark.parametrize(("status", "failed", "left"), [(200, 0, 0), (400, 1, 0), (503, 1, 0), (0, 0, 1)])
def test_an_error_counts_as_failed_and_a_client_that_left_does_not(status: int, failed: int, left: int) -> None:
    used = Meter().used(status)
    assert (used.failed, used.left) == (failed, left)


def test_an_answer_that_broke_off_counts_as_failed() -> None:
    meter = Meter()
    meter.broken = True
    assert meter.used(200).failed == 1


@pytest.mark.parametrize(
    "last",
    [b"data: [DONE]\n\n", b'event: message_stop\ndata: {"type":"message_stop"}\n\n', b"event: response.completed\n\n"],
)
def test_a_client_that_hangs_up_on_the_last_word_has_not_left(last: bytes) -> None:
    """As OpenAI's own client does."""
    meter = Meter(events=True)
    meter.feed(stream(OPENAI, last=last))
    assert meter.used(0).answered == 1


def test_of_an_answer_that_was_given_up_what_it_told_is_counted() -> None:
    meter = Meter(events=True)
    meter.feed(stream(START))
    assert meter.used(0) == Used(requests=1, left=1, prompt_tokens=11)


@pytest.mark.parametrize(("status", "overflow"), [(400, 1), (500, 0)])
def test_a_prompt_that_fits_no_window_is_counted_apart(status: int, overflow: int) -> None:
    meter = Meter()
    meter.feed(OVERFLOW)
    assert meter.used(status) == Used(requests=1, failed=1, overflow=overflow)


def test_an_endless_line_does_not_fill_the_memory() -> None:
    meter = Meter(events=True)
    for _ in range(9):
        meter.feed(b"x" * (LONGEST_BYTES // 4))
    assert len(meter._rest) <= LONGEST_BYTES


def test_an_answer_that_is_read_already_is_one_request_too() -> None:
    assert used_of(OPENAI) == Used(requests=1, prompt_tokens=11, completion_tokens=7)


@pytest.mark.parametrize(
    "end",
    [
        b'data: {"error":{"message":"EngineCore died","code":500}}\n\ndata: [DONE]\n\n',
        b'event: error\ndata: {"type":"error","error":{"type":"internal_error","message":"boom"}}\n\n',
        b"event:error\r\n\r\n",
        b'data: {"type":"error","message":"boom"}\n\n',
        b'event: response.failed\ndata: {"type":"response.failed","response":{"status":"failed","usage":null}}\n\n',
        b'data: {"type":"response.failed","response":{}}\n\n',
    ],
)
@pytest.mark.parametrize("size", [1, 10_000])
@pytest.mark.parametrize("status", [200, 0])
def test_a_stream_that_ends_in_an_error_has_failed_and_is_at_its_end(end: bytes, size: int, status: int) -> None:
    """Whoever hangs up on it has not left: there is nothing more to come."""
    meter, body = Meter(events=True), stream({"choices": [{"delta": {"content": "x"}}]}, last=end)
    for start in range(0, len(body), size):
        meter.feed(body[start : start + size])
    used = meter.used(status)
    assert (used.failed, used.left, used.answered) == (1, 0, 0)


@pytest.mark.parametrize(
    "event",
    [
        {"choices": [{"delta": {"content": 'data: {"error": "x"} event: error'}}]},
        {"choices": [], "error": None},
        {"type": "response.created", "response": {"error": None}},
        {"type": "response.output_text.delta", "delta": "response.failed"},
        ["error"],
    ],
)
def test_an_answer_that_speaks_of_errors_has_not_failed(event: object) -> None:
    meter = Meter(events=True)
    meter.feed(stream(event, last=b'data: [["error"\n\ndata: [DONE]\n\n'))
    assert meter.used(200).answered == 1
