"""Replaying a session against a small server that speaks as vLLM does: what is asked, timed, cut, and given up."""

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from playbooks.bench_figures import figures_of
from playbooks.bench_run import Server, measure, warm_up
from playbooks.bench_session import Ask, Session
from playbooks.boxes import ROOT
from playbooks.endpoint import Endpoint
from playbooks.metrics import Metrics
from playbooks.tunnel_files import tunnel_dir
from playbooks.witness import witness_of
from stacks.box import Box
from stacks.errors import BoxError, DayboxError, ModelError
from tests.loopback import answering
from tests.playbooks.fake_box import CLIENT_KEY, SERVED, gateway_world
from tests.playbooks.pretend_box import BOX
from tests.playbooks.small_vllm import WORD_SECONDS, Vllm
from tests.playbooks.stranger import says, stranger

CHAT = {"role": "system", "content": "You edit code."}
ASKS = tuple(
    Ask([CHAT, {"role": "user", "content": f"turn {turn}" + " word" * turn}], "```\nx\n```", 5, turn, beside=False)
    for turn in (1, 2, 3)
)
SESSION = Session("mine", "5" * 64, "aider", ASKS)


@contextmanager
def vllm(**known: Any) -> Iterator[tuple[Server, list[dict[str, Any]]]]:
    """A server, and what it was asked."""
    seen = list[dict[str, Any]]()
    with answering(Vllm, **{"seen": seen, "refuses": {}} | known) as url:
        yield Server(Endpoint(int(url.rpartition(":")[2]), "the-key"), "coder"), seen


def no_metrics() -> Metrics:
    """Of a vLLM that tells nothing."""
    return Metrics({})


def too_long(turn: int) -> dict[int, tuple[int, dict[str, Any]]]:
    """How vLLM 0.32 refuses what is longer than its window."""
    message = "This model's maximum context length is 4096 tokens. However, your request has 5174 input tokens."
    return {turn: (400, {"error": {"message": message, "type": "BadRequestError", "code": 400}})}


def test_each_request_is_the_recorded_one_greedy_and_no_longer_than_then() -> None:
    with vllm() as (server, seen):
        measure(server, SESSION, 1, 1, no_metrics)
    assert [body["messages"] for body in seen] == [list(ask.messages) for ask in ASKS]
    assert {(body["max_tokens"], body["temperature"], body["stream"]) for body in seen} == {(5, 0, True)}
    assert {body["authorization"] for body in seen} == {"Bearer the-key"}


def test_no_run_and_no_client_meets_what_another_left_in_the_cache() -> None:
    with vllm() as (server, seen):
        measure(server, SESSION, 2, 2, no_metrics)
    salts = [body["cache_salt"] for body in seen]
    assert len(set(salts)) == 4
    assert all(salts.count(salt) == len(ASKS) for salt in salts)


def test_exact_has_the_recorded_answer_written() -> None:
    with vllm() as (server, seen):
        measure(replace(server, exact=True), SESSION, 1, 1, no_metrics)
    assert seen[0]["structured_outputs"] == {"choice": [ASKS[0].answer]}
    assert seen[0]["max_tokens"] > ASKS[0].tokens


def test_the_first_word_and_those_after_it_are_timed() -> None:
    with vllm() as (server, _):
        level = measure(server, SESSION, 1, 2, no_metrics)
    assert [answer.turn for answer in level.answers] == [1, 2, 3] * 2
    for answer in level.answers:
        assert (answer.tokens, answer.finish) == (5, "stop")
        assert answer.first_s is not None
        assert answer.first_s >= WORD_SECONDS
        assert answer.writing_s >= 4 * WORD_SECONDS
    assert level.seconds >= 6 * 5 * WORD_SECONDS


def test_clients_at_once_wait_for_no_other() -> None:
    with vllm() as (server, _):
        level = measure(server, SESSION, 4, 1, no_metrics)
    assert len(level.answers) == 4 * len(ASKS)
    assert level.seconds < 0.7 * 4 * len(ASKS) * 5 * WORD_SECONDS


def test_an_answer_without_text_is_noticed() -> None:
    with vllm(words=()) as (server, _):
        level = measure(server, SESSION, 1, 1, no_metrics)
    assert figures_of(level, None).empty == 3


def test_a_session_longer_than_the_window_is_cut_before_the_turn_that_has_no_room() -> None:
    with vllm(refuses=too_long(3)) as (server, _):
        session, _ = warm_up(server, SESSION)
    assert [ask.turn for ask in session.asks] == [1, 2]


def test_a_turn_whose_answer_has_no_room_is_cut_off_the_session_too() -> None:
    """vLLM takes a prompt that fits, and ends the answer where the window ends."""
    longer = replace(ASKS[2], tokens=50)
    with vllm(reason="length") as (server, _):
        session, _ = warm_up(server, replace(SESSION, asks=(*ASKS[:2], longer)))
    assert [ask.turn for ask in session.asks] == [1, 2]


def test_a_window_without_room_for_one_turn_is_an_error() -> None:
    with (
        vllm(refuses=too_long(1)) as (server, _),
        pytest.raises(ModelError, match="no room for the first turn") as said,
    ):
        warm_up(server, SESSION)
    assert "daybox:context" in said.value.hint


def test_a_box_that_vanishes_in_the_middle_is_an_error_that_names_the_turn() -> None:
    gone = {2: (503, {"error": {"message": "daybox/tunnel: down since 15:00; it comes back by itself"}})}
    with vllm(refuses=gone) as (server, _), pytest.raises(BoxError, match="daybox/tunnel: down"):
        measure(server, SESSION, 1, 1, no_metrics)
    with vllm(breaks_off=True) as (server, _), pytest.raises(BoxError, match="turn 1 broke off"):
        measure(server, SESSION, 3, 1, no_metrics)


def test_an_engine_that_dies_while_it_writes_is_an_error() -> None:
    with vllm(error="EngineCore died") as (server, _), pytest.raises(ModelError, match="EngineCore died"):
        measure(server, SESSION, 1, 1, no_metrics)


def test_nobody_there_is_an_error() -> None:
    with vllm() as (server, _):
        pass
    with pytest.raises(DayboxError, match="does not answer"):
        measure(server, SESSION, 1, 1, no_metrics)


def test_another_program_in_the_gateways_place_gets_neither_key_nor_prompt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes the port after the warm-up, as any program can that waited for it."""
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))

    def a_box(port: int) -> Box:
        return replace(BOX, stack="s", port=port)

    with gateway_world(tunnel_dir("s"), witness=lambda port: witness_of(a_box(port))) as world:
        server = Server(Endpoint(world.port, CLIENT_KEY, witness_of(a_box(world.port))), SERVED)
        session, _ = warm_up(server, SESSION)
        assert len(world.box.asked) == len(session.asks)
    with stranger(world.port, lambda _: says({})) as other, pytest.raises(BoxError, match="another program answers"):
        measure(server, session, 2, 1, no_metrics)
    assert other.sent
    assert b"uthorization" not in other.all_sent and b"POST" not in other.all_sent


def test_each_connection_is_proved_and_no_proof_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new one in the middle, too: this server closes each after its answer."""
    connect, proved = Endpoint.proved, list[Endpoint]()

    def slowly(self: Endpoint) -> http.client.HTTPConnection:
        proved.append(self)
        time.sleep(1.0 if len(proved) == 1 else 0.0)
        return connect(self)

    monkeypatch.setattr(Endpoint, "proved", slowly)
    with vllm() as (server, _):
        level = measure(server, SESSION, 1, 1, no_metrics)
    assert len(proved) == len(SESSION.asks)
    assert (level.answers[0].first_s or 9.0) < 0.9


def test_scripts_may_replay_it_straight_to_a_vllm(tmp_path: Path) -> None:
    from playbooks.bench_session import Writer, first_line

    writer, file = Writer(), tmp_path / "mine.jsonl"
    rows = [writer.line(ask.messages, ask.answer, ask.tokens) for ask in ASKS]
    file.write_text(first_line("aider", "2026-11-26") + "".join(rows))
    with vllm() as (server, seen):
        words = [
            sys.executable,
            "-m",
            "playbooks.bench_run",
            str(server.endpoint.port),
            "coder",
            str(file),
            "--exact",
            "--turns=2",
        ]
        said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    given = json.loads(said.stdout)
    assert (given["turns"], given["figures"]["answers"], len(seen)) == (2, 2, 2)
