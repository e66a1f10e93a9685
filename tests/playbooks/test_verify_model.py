"""The model's checks, over a real ssh, against a vLLM whose answers are set: what passes, what fails, and its word."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from playbooks import ask_vllm, edit, metrics, model_checks, prefix_check, verify_model
from playbooks.served import Served
from playbooks.verify_model import model_rows
from stacks.aider_facts import QWEN3_CODER_AIDER, QWEN25_CODER_AIDER, SMOLLM2_AIDER, AiderFacts
from tests.playbooks.fake_vllm import DONE, HITS, KEY, QUERIES, RUNNING, FakeVllm, fake_vllm
from tests.playbooks.own_sshd import OwnSshd, own_sshd
from tests.playbooks.pretend_box import PretendBox
from tests.shipped import settings_of

BLOCK = "<<<<<<< SEARCH\ndef f42():\n    return 42\n=======\ndef f42():\n    return 4200\n>>>>>>> REPLACE\n"
CALL = {"tool_calls": [{"function": {"name": "read_line", "arguments": '{"path": "a.py", "line": 7}'}}]}


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnSshd]:
    with own_sshd(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture
def vllm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeVllm]:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    (tmp_path / "vllm-key").write_text(f"{KEY}\n")
    with fake_vllm() as running:
        monkeypatch.setattr(ask_vllm, "VLLM", f"http://127.0.0.1:{running.port}")
        monkeypatch.setattr(ask_vllm, "KEY_FILE", str(tmp_path / "vllm-key"))
        monkeypatch.setattr(metrics, "METRICS_URL", f"http://127.0.0.1:{running.port}/metrics")
        monkeypatch.setattr(prefix_check, "COUNTED_SECONDS", 0.3)
        yield running


def served(sshd: OwnSshd, facts: AiderFacts = QWEN3_CODER_AIDER, **other: Any) -> Served:
    target = PretendBox(Path("/nowhere"), sshd).target()
    return Served(target, "daybox-coder", 8_192, facts, **{"tools": False} | other)


def result(sshd: OwnSshd, name: str, facts: AiderFacts = QWEN3_CODER_AIDER, **other: Any) -> tuple[str, str]:
    """Outcome and word of one check."""
    check = dict(model_checks.CHECKS)[name]
    row = verify_model.checked(name, check, served(sshd, facts, **other), 20)
    return row["outcome"], row["word"]


def test_a_model_that_works_passes_every_check(vllm: FakeVllm, sshd: OwnSshd) -> None:
    vllm.says = [{"content": "yes"}, {"content": "yes"}, {"content": "yes"}, CALL, {"content": BLOCK}]
    vllm.cached = [0.0, 0.0, 0.9]
    rows = model_rows(served(sshd, tools=True), Event(), time.monotonic() + 60)
    assert [(row["check"], row["outcome"]) for row in rows] == [(name, "passed") for name, _ in model_checks.CHECKS]
    assert set(rows[0]) == {"check", "outcome", "seconds", "word"}
    assert rows[3]["word"] == 'read_line({"path": "a.py", "line": 7})'


def test_the_boxs_own_key_is_shown_and_is_in_no_argument(vllm: FakeVllm, sshd: OwnSshd) -> None:
    result(sshd, "model_answers")
    assert vllm.asked[0]["key"] == f"Bearer {KEY}"
    assert all(KEY not in str(program.args) for program in sshd.sessions.programs)


def test_no_prompt_is_in_an_argument(vllm: FakeVllm, sshd: OwnSshd) -> None:
    result(sshd, "edit_of_300_lines_applies")
    assert all("f42" not in str(program.args) for program in sshd.sessions.programs)


def test_the_second_turn_holds_all_of_the_first(vllm: FakeVllm, sshd: OwnSshd) -> None:
    outcome, word = result(sshd, "prefix_cache_is_hit_on_the_second_turn")
    first, second = vllm.asked
    assert second["messages"][0] == first["messages"][0] and len(second["messages"]) == 3
    assert len(first["messages"][0]["content"].split()) > 1_500
    assert outcome == "passed" and word.endswith("tokens of the second turn were known")


def test_a_cache_that_is_missed_fails_and_a_third_turn_is_told(vllm: FakeVllm, sshd: OwnSshd) -> None:
    vllm.cached = [0.0, 0.0, 0.8]
    outcome, word = result(sshd, "prefix_cache_is_hit_on_the_second_turn", hybrid=True)
    assert outcome == "failed"
    assert word.startswith("0 of ") and "when it was asked once more; a hybrid model" in word


OTHERS = ("skipped", "others used the box meanwhile, and vLLM counts everybody's tokens together")


@pytest.mark.parametrize("cached", [[0.0, 0.0], [0.0, 0.9]], ids=["missed", "hit"])
def test_tokens_of_somebody_else_neither_pass_nor_fail(vllm: FakeVllm, sshd: OwnSshd, cached: list[float]) -> None:
    vllm.others, vllm.cached = [1, 1, 1], [*cached, *cached]
    assert result(sshd, "prefix_cache_is_hit_on_the_second_turn") == OTHERS


def test_somebody_who_still_works_is_somebody_else_too(vllm: FakeVllm, sshd: OwnSshd) -> None:
    vllm.counters[RUNNING] = 1.0
    assert result(sshd, "prefix_cache_is_hit_on_the_second_turn") == OTHERS


def test_once_the_box_is_ours_alone_the_cache_is_judged(vllm: FakeVllm, sshd: OwnSshd) -> None:
    vllm.others, vllm.cached = [0, 3], [0.0, 0.0, 0.0, 0.9]
    outcome, word = result(sshd, "prefix_cache_is_hit_on_the_second_turn")
    assert outcome == "passed" and len(vllm.asked) == 4 and not word.startswith("0 of")


@pytest.mark.parametrize(
    ("gone", "word"),
    [
        (QUERIES, f"unknown: {QUERIES}: vLLM does not have it"),
        (HITS, f"unknown: {HITS}: vLLM does not have it"),
        (DONE, f"unknown: {DONE}: vLLM does not have it"),
    ],
)
def test_a_series_that_is_missing_is_no_hit_and_no_traceback(
    vllm: FakeVllm, sshd: OwnSshd, gone: str, word: str
) -> None:
    vllm.counters = {name: value for name, value in vllm.counters.items() if name != gone}
    assert result(sshd, "prefix_cache_is_hit_on_the_second_turn") == ("failed", word)


def test_a_cache_that_is_off_is_named(vllm: FakeVllm, sshd: OwnSshd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playbooks.prefix_check.QUERIES", "vllm:still_total")
    vllm.counters["vllm:still_total"] = 0.0
    outcome, word = result(sshd, "prefix_cache_is_hit_on_the_second_turn")
    assert (outcome, word) == (
        "failed",
        "vLLM looked nothing up (vllm:still_total did not grow): its prefix cache is off",
    )


@pytest.mark.parametrize("facts", [QWEN3_CODER_AIDER, QWEN25_CODER_AIDER, SMOLLM2_AIDER], ids=["diff", "whole", "sys"])
def test_a_template_that_keeps_beginnings_passes(vllm: FakeVllm, sshd: OwnSshd, facts: AiderFacts) -> None:
    outcome, word = result(sshd, "aider_requests_share_their_prompt", facts)
    assert outcome == "passed" and word.startswith("100 % of what aider repeats; that is ")


def test_a_template_that_puts_something_else_first_fails_where_it_differs(vllm: FakeVllm, sshd: OwnSshd) -> None:
    vllm.template = "bad"
    outcome, word = result(sshd, "aider_requests_share_their_prompt")
    assert outcome == "failed"
    assert "1 of them (0 %) are a common beginning: the chat template differs from there on, at " in word


def test_without_a_parser_tools_are_skipped(vllm: FakeVllm, sshd: OwnSshd) -> None:
    assert result(sshd, "tool_call_is_parsed") == ("skipped", "no parser of tool calls is served for this model")
    assert vllm.asked == []


def test_a_call_that_comes_as_text_was_not_parsed(vllm: FakeVllm, sshd: OwnSshd) -> None:
    vllm.says = [{"content": '<tool_call>{"name": "read_line"}</tool_call>'}]
    outcome, word = result(sshd, "tool_call_is_parsed", tools=True)
    assert outcome == "failed" and word.startswith("the call came as text, not parsed")


def test_a_model_that_would_rather_talk_is_made_to_call(vllm: FakeVllm, sshd: OwnSshd) -> None:
    vllm.says = [{"content": "Why?"}, CALL]
    outcome, word = result(sshd, "tool_call_is_parsed", tools=True)
    assert [one["tool_choice"] for one in vllm.asked] == ["auto", "required"]
    assert outcome == "passed" and word.endswith("it called only because it had to")


@pytest.mark.parametrize(
    "arguments",
    [
        *("no JSON", '{"path": "a.py"}', "[]", "7", '["path", "line"]', '"path line"'),
        *('{"path": "a.py", "line": "7"}', '{"path": null, "line": null}', '{"path": "a.py", "line": true}'),
        *('{"path": "/etc/shadow", "line": 7}', '{"path": "a.py", "line": [7]}', '{"path": "a.py", "line": 8}'),
        '{"path": "a.py", "line": 7, "more": 2}',
    ],
)
def test_a_call_against_its_schema_fails(vllm: FakeVllm, sshd: OwnSshd, arguments: str) -> None:
    vllm.says = [{"tool_calls": [{"function": {"name": "read_line", "arguments": arguments}}]}]
    outcome, word = result(sshd, "tool_call_is_parsed", tools=True)
    assert outcome == "failed" and word.startswith("the tool call is not as its schema says")


def test_a_whole_file_is_asked_of_who_writes_whole_files(vllm: FakeVllm, sshd: OwnSshd) -> None:
    after = edit.the_file().replace("return 42\n", "return 4200\n")
    vllm.says = [{"content": f"functions.py\n```\n{after}```\n"}]
    outcome, word = result(sshd, "edit_of_300_lines_applies", QWEN25_CODER_AIDER)
    assert outcome == "passed" and word.endswith(", as whole")
    assert "structured_outputs" not in vllm.asked[0]


def test_who_cannot_keep_to_a_form_is_given_one_and_it_is_said(vllm: FakeVllm, sshd: OwnSshd) -> None:
    vllm.says = [{"content": BLOCK.replace("4200", "1")}]
    outcome, word = result(sshd, "edit_of_300_lines_applies", SMOLLM2_AIDER)
    assert outcome == "passed" and word.endswith("its form was given, so it proves the plumbing, not skill")
    assert vllm.asked[0]["structured_outputs"] == {"regex": edit.GIVEN_FORM}


def test_a_given_form_that_changes_nothing_is_no_edit(vllm: FakeVllm, sshd: OwnSshd) -> None:
    vllm.says = [{"content": BLOCK.replace("4200", "42")}]
    outcome = result(sshd, "edit_of_300_lines_applies", SMOLLM2_AIDER)
    assert outcome == ("failed", "applied, but it changes nothing")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("I will not.", "the answer holds no SEARCH/REPLACE block"),
        (BLOCK.replace("4200", "43"), "applied, but f42 returns 43, not 4200"),
        (None, "the answer holds no SEARCH/REPLACE block"),
    ],
)
def test_an_edit_that_does_not_apply_fails(vllm: FakeVllm, sshd: OwnSshd, content: str | None, word: str) -> None:
    vllm.says = [{"content": content}]
    assert result(sshd, "edit_of_300_lines_applies") == ("failed", word)


def test_an_answer_that_was_cut_off_is_no_edit(vllm: FakeVllm, sshd: OwnSshd) -> None:
    vllm.finish = "length"
    assert result(sshd, "edit_of_300_lines_applies") == ("failed", "the answer was not at its end after 500 tokens")


@pytest.mark.parametrize(
    ("refusal", "word"),
    [
        (
            (404, json.dumps({"error": {"message": "The model `x` does not exist."}})),
            "404: The model `x` does not exist.",
        ),
        ((401, '{"error": "Unauthorized"}'), "401: Unauthorized"),
        ((500, "<html>Internal"), "500: <html>Internal"),
        ((200, "no JSON"), "200: no JSON"),
        ((200, "[]"), "200: []"),
    ],
)
def test_a_refusal_is_a_failed_row_in_vllms_own_words(
    vllm: FakeVllm, sshd: OwnSshd, refusal: tuple[int, str], word: str
) -> None:
    vllm.refuses = refusal
    assert result(sshd, "model_answers") == ("failed", f"vLLM answered /v1/chat/completions with {word}")


def test_an_answer_without_a_message_is_none(vllm: FakeVllm, sshd: OwnSshd) -> None:
    vllm.refuses = (200, "{}")
    assert result(sshd, "model_answers") == ("failed", "vLLM's answer holds no message")


def test_a_vllm_that_does_not_run_fails_every_row_with_a_word(
    vllm: FakeVllm, sshd: OwnSshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ask_vllm, "VLLM", "http://127.0.0.1:9")
    monkeypatch.setattr(metrics, "METRICS_URL", "http://127.0.0.1:9/metrics")
    rows = model_rows(served(sshd), Event(), time.monotonic() + 60)
    assert [row["outcome"] for row in rows] == ["failed", "failed", "failed", "skipped", "failed"]
    assert "Connection refused" in rows[0]["word"] and "vLLM gave no metrics" in rows[1]["word"]


def test_a_box_that_vanishes_in_the_middle_is_asked_no_more(
    vllm: FakeVllm, sshd: OwnSshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def vanish(one: Served, seconds: float) -> str:
        asked.append(1)
        sshd.stop()
        return model_checks.answers(one, seconds)

    monkeypatch.setattr(verify_model, "CHECKS", [("one", vanish), ("two", vanish)])
    try:
        rows = model_rows(served(sshd), Event(), time.monotonic() + 60)
    finally:
        sshd.start()
    assert [row["outcome"] for row in rows] == ["failed", "failed"] and len(asked) == 1
    assert "not reached at 127.0.0.1" in rows[0]["word"] and rows[1]["word"] == "not begun: ended"


def test_no_check_begins_after_the_end_of_the_time(vllm: FakeVllm, sshd: OwnSshd) -> None:
    rows = model_rows(served(sshd), Event(), time.monotonic() + 0.5)
    assert {row["word"] for row in rows} == {"not begun: no time was left"} and vllm.asked == []


def test_what_is_asked_of_a_model_follows_from_its_stack(tmp_path: Path) -> None:
    target: Any = None
    coder, hybrid, thinker, small = (
        Served.of(target, settings_of(stack, tmp_path)) for stack in ("coder-30b", "coder-27b", "gpt-oss-20b", "local")
    )
    assert [one.tools for one in (coder, hybrid, thinker, small)] == [True, True, True, False]
    assert [one.hybrid for one in (coder, hybrid, thinker, small)] == [False, True, False, False]
    assert [one.quiet for one in (hybrid, thinker)] == [{}, {"reasoning_effort": "low"}]
    assert small.window == 4_096


def test_the_program_on_the_box_is_python_that_any_distribution_has() -> None:
    subprocess.run(["python3", "-c", f"compile({ask_vllm.PROGRAM!r}, 'ask', 'exec')"], check=True)


def test_the_second_model_is_asked_at_its_own_port(
    vllm: FakeVllm, sshd: OwnSshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ask_vllm, "VLLM", "http://127.0.0.1:9")
    monkeypatch.setattr(ask_vllm, "ARCHITECT", f"http://127.0.0.1:{vllm.port}")
    checks = [("architect_answers", model_checks.answers)]
    [row] = model_rows(served(sshd, beside=True), Event(), time.monotonic() + 60, checks)
    assert (row["check"], row["outcome"]) == ("architect_answers", "passed")
