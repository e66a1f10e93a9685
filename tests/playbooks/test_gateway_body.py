"""What travels to the box in the place of what a client sent."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbooks.gateway_body import Sent, UsageHider, as_sent, is_text, parsed, tells_only_usage

CHAT = "/v1/chat/completions"
ADDED = {"include_usage": True, "continuous_usage_stats": False}
TEXT = st.dictionaries(st.text(), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))


def sent(body: object, path: str = CHAT, architect: str = "") -> Sent:
    return as_sent(path, json.dumps(body).encode(), architect)


@pytest.mark.parametrize("path", [CHAT, "/v1/completions"])
@pytest.mark.parametrize("options", [{}, {"stream_options": None}, {"stream_options": {"include_usage": False}}])
def test_a_stream_is_made_to_tell_its_tokens(path: str, options: dict[str, Any]) -> None:
    found = sent({"model": "m", "stream": True, **options}, path)
    assert found.hides_usage
    assert json.loads(found.body) == {"model": "m", "stream": True, "stream_options": ADDED}


@pytest.mark.parametrize("stream", [True, 1, 1.0, "true", "True", "yes", "ON", "t", "Y", "1"])
def test_whatever_vllm_takes_for_true_is_a_stream(stream: object) -> None:
    found = sent({"stream": stream, "stream_options": {"include_usage": "false"}})
    assert json.loads(found.body) == {"stream": stream, "stream_options": ADDED}
    assert found.hides_usage


@pytest.mark.parametrize("text", [b'{"\\u0073tream": true}', b'{"str\\u0065am":true}', b'\xef\xbb\xbf{"stream": true}'])
def test_however_it_is_written_a_stream_is_known(text: bytes) -> None:
    found = as_sent(CHAT, text, "")
    assert json.loads(found.body) == {"stream": True, "stream_options": ADDED}
    assert found.body.startswith(text[:-1])


@pytest.mark.parametrize("before", ["", "\ufeff"])
def test_the_architect_is_found_behind_a_mark_of_order(before: str) -> None:
    assert as_sent("/v1/messages", f'{before}{{"model": "thinker"}}'.encode(), "thinker").architect


@pytest.mark.parametrize(
    ("text", "good"),
    [
        *((text.encode(), True) for text in ("", "{}", '{"a": "ä"}', "\ufeff{}", "no JSON")),
        *(('{"stream": true}'.encode(name), False) for name in ("utf-16", "utf-16-le", "utf-16-be", "utf-32")),
        *((text, False) for text in (b"\xff{}", b'{"a": "\xe4"}', b'{"a": "\xed\xa0\x80"}')),
    ],
)
def test_what_is_not_utf8_is_known(text: bytes, good: bool) -> None:
    assert is_text(text) == good


def test_what_else_a_client_wants_of_its_stream_stays() -> None:
    found = sent({"stream": True, "stream_options": {"continuous_usage_stats": True, "x": 1}})
    assert json.loads(found.body)["stream_options"] == {**ADDED, "x": 1}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (CHAT, {"stream": True, "stream_options": {"include_usage": True}}),
        (CHAT, {"stream": False}),
        (CHAT, {"stream": "perhaps"}),
        (CHAT, {"stream": 2}),
        (CHAT, {"stream": [1]}),
        (CHAT, {"stream": 1, "stream_options": {"include_usage": "yes"}}),
        (CHAT, {"stream": True, "stream_options": "x"}),
        (CHAT, {"messages": [{"content": '"stream": true'}]}),
        (CHAT, {"tools": [{"stream": True}]}),
        (CHAT, [{"stream": True}]),
        ("/v1/messages", {"stream": True}),
        ("/v1/responses", {"stream": True}),
    ],
)
def test_all_else_travels_byte_for_byte(path: str, body: object) -> None:
    text = json.dumps(body, indent=3).encode() + b"\n "
    assert as_sent(path, text, "") == Sent(text)


@pytest.mark.parametrize(
    "text", [b"", b"{", b'{"stream": true', b'\xff{"stream": true}', b'{"stream":true}'[:0] + b"[" * 99999]
)
def test_what_is_no_json_is_left_to_vllm(text: bytes) -> None:
    assert as_sent(CHAT, text, "architect") == Sent(text)


@given(TEXT)
def test_nothing_of_what_a_client_wrote_is_lost(body: dict[str, Any]) -> None:
    body = {**body, "stream": True, "stream_options": {}}
    found = sent(body)
    assert json.loads(found.body) == body | {"stream_options": ADDED}
    assert found.body.startswith(json.dumps(body).encode().removesuffix(b"}"))


@pytest.mark.parametrize(
    ("body", "architect"),
    [
        ({"model": "thinker"}, True),
        ({"model": "coder"}, False),
        ({"model": "thinker-2"}, False),
        ({"model": ["thinker"]}, False),
        ({"messages": [{"content": '"model": "thinker"'}]}, False),
        ({}, False),
    ],
)
def test_only_what_names_the_architect_goes_to_it(body: dict[str, Any], architect: bool) -> None:
    assert sent(body, "/v1/messages", "thinker").architect == architect
    assert not sent(body, "/v1/messages", "").architect


EVENTS = (
    b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"\\"choices\\":[],\\"usage\\":{}"}}]}',
    b'data: {"id":"1","choices":[],"usage":{"prompt_tokens":1}}',
    b'data: {"id":"1","choices":[]}',
    b": a comment",
    b"data: [DONE]",
)


def test_the_event_that_was_not_asked_for_is_known() -> None:
    assert [tells_only_usage(event) for event in EVENTS] == [False, True, False, False, False]


@given(st.lists(st.integers(0, 200)), st.sampled_from([b"", b"data: cut"]))
def test_however_a_stream_is_cut_only_that_event_is_missing(cuts: list[int], tail: bytes) -> None:
    whole = b"".join(event + b"\n\n" for event in EVENTS) + tail
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    hider = UsageHider()
    passed = b"".join(hider(whole[start:end]) for start, end in pairwise(places)) + hider.end()
    assert passed == whole.replace(EVENTS[1] + b"\n\n", b"")


@given(st.lists(st.integers(0, 200)), st.sampled_from([b"\r\n", b"\n"]), st.sampled_from([b"\r\n", b"\n"]))
def test_an_event_may_end_in_either_kind_of_lines(cuts: list[int], one: bytes, two: bytes) -> None:
    whole = b"".join(event + one + two for event in EVENTS)
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    hider = UsageHider()
    passed = b"".join(hider(whole[start:end]) for start, end in pairwise(places)) + hider.end()
    assert passed == whole.replace(EVENTS[1] + one + two, b"")


def test_a_stream_without_an_end_of_events_passes_and_fills_no_memory() -> None:
    hider, piece = UsageHider(), b"x" * 2**16
    passed = [hider(piece) for _ in range(200)]
    assert b"".join(passed) == piece * 200
    assert passed[-1] == piece and hider.end() == b""


def test_a_whole_event_waits_for_nothing() -> None:
    assert UsageHider()(EVENTS[0] + b"\n\n") == EVENTS[0] + b"\n\n"


def test_only_an_object_is_parsed() -> None:
    assert (parsed(b'{"a": 1}'), parsed(b"[1]"), parsed(b"1")) == ({"a": 1}, {}, {})
