"""Usage as it is read from answers, and kept."""

import json
from pathlib import Path

import pytest

from playbooks.usage import LONGEST_BYTES, Meter, UsageFile, Used, read_usage

OPENAI = {"usage": {"prompt_tokens": 11, "completion_tokens": 7}}
ANTHROPIC_START = {"type": "message_start", "message": {"usage": {"input_tokens": 11, "output_tokens": 1}}}
ANTHROPIC_DELTA = {"type": "message_delta", "usage": {"output_tokens": 7}}
RESPONSES = {"type": "response.completed", "response": {"usage": {"input_tokens": 11, "output_tokens": 7}}}


def stream(*events: object) -> bytes:
    return b"".join(f"event: x\ndata: {json.dumps(event)}\n\n".encode() for event in events)


@pytest.mark.parametrize(
    ("events", "body"),
    [
        (False, json.dumps(OPENAI).encode()),
        (False, json.dumps({"usage": {"input_tokens": 11, "output_tokens": 7}}).encode()),
        (True, stream({"choices": []}, OPENAI) + b"data: [DONE]\n\n"),
        (True, stream(ANTHROPIC_START, ANTHROPIC_DELTA)),
        (True, stream(RESPONSES)),
    ],
    ids=["openai", "anthropic", "openai-stream", "anthropic-stream", "responses-stream"],
)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_tokens_are_read_however_the_answer_is_cut(events: bool, body: bytes, size: int) -> None:
    meter = Meter(events=events)
    for start in range(0, len(body), size):
        meter.feed(body[start : start + size])
    assert meter.used(200) == Used(requests=1, prompt_tokens=11, completion_tokens=7)


@pytest.mark.parametrize(
    "body", [b"", b'no JSON but "usage"', b"[]", b'{"usage": null}', b'{"usage": {"prompt_tokens": "9"}}']
)
def test_an_answer_that_tells_nothing_is_one_request(body: bytes) -> None:
    meter = Meter()
    meter.feed(body)
    assert meter.used(200) == Used(requests=1)


@pytest.mark.parametrize(("status", "failed"), [(200, 0), (400, 1), (503, 1), (0, 0)])
def test_an_error_counts_as_failed_and_a_client_that_left_does_not(status: int, failed: int) -> None:
    assert Meter().used(status).failed == failed


def test_an_answer_that_broke_off_counts_as_failed() -> None:
    meter = Meter()
    meter.broken = True
    assert meter.used(200).failed == 1


def test_an_endless_line_does_not_fill_the_memory() -> None:
    meter = Meter(events=True)
    for _ in range(9):
        meter.feed(b"x" * (LONGEST_BYTES // 4))
    assert len(meter._rest) <= LONGEST_BYTES


def test_usage_adds_up_and_survives_a_restart(tmp_path: Path) -> None:
    first = UsageFile(tmp_path / "usage.json")
    first.add("aider", Used(1, 0, 11, 7))
    first.save()
    second = UsageFile(tmp_path / "usage.json")
    second.add("aider", Used(1, 1, 0, 0))
    second.save()
    assert read_usage(tmp_path / "usage.json") == {"aider": Used(2, 1, 11, 7)}


def test_nothing_is_written_where_nothing_was_used(tmp_path: Path) -> None:
    UsageFile(tmp_path / "usage.json").save()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "[]", "{", '{"aider": 3}', '{"aider": {"x": 1}}'])
def test_a_damaged_file_starts_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / "usage.json").write_text(text)
    assert read_usage(tmp_path / "usage.json") == {}
