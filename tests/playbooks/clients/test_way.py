"""The way to a box: what it lists itself, and what the catalog knows; and the client's files at its end."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from playbooks.clients.aider import AIDER
from playbooks.clients.way import answer_tokens, check_window, model_of, way_to, write_files
from playbooks.endpoint import Endpoint, Served
from stacks.errors import ConfigError, ModelError
from tests.playbooks.pretend_box import BOX

ENDPOINT = Endpoint(18_001, "dbx-1")


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    return tmp_path


def lists(monkeypatch: pytest.MonkeyPatch, windows: Mapping[str, int]) -> None:
    """Have a box that lists these models."""
    monkeypatch.setattr(Endpoint, "served", lambda _: [Served(name, tokens) for name, tokens in windows.items()])


def test_the_way_is_what_the_box_lists_and_the_catalog_knows(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lists(monkeypatch, {"daybox-qwen3-coder-30b": 32_768})
    box = replace(BOX, model="qwen3-coder-30b", served_name="daybox-qwen3-coder-30b")
    way = way_to(box, ENDPOINT, "codex")
    assert (way.base, way.origin, way.key) == ("http://127.0.0.1:18001/v1", "http://127.0.0.1:18001", "dbx-1")
    assert (way.model, way.window_tokens, way.answer_tokens, way.tools) == (box.served_name, 32_768, 4096, True)
    assert (way.catalog_name, way.folder, way.architect) == (box.model, state / "stacks/local/clients/codex", "")
    assert "dbx-1" not in repr(way)


def test_a_second_model_comes_with_its_own_window_and_row(monkeypatch: pytest.MonkeyPatch) -> None:
    lists(monkeypatch, {"mine": 32_768, "daybox-gpt-oss-20b": 16_384})
    box = replace(BOX, model="qwen3-coder-30b", served_name="mine", architect_name="daybox-gpt-oss-20b")
    way = way_to(box, ENDPOINT, "aider")
    assert (way.architect, way.architect_window_tokens, way.architect_catalog_name) == (
        *("daybox-gpt-oss-20b", 16_384, "gpt-oss-20b"),
    )


def test_a_model_without_a_parser_calls_no_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    lists(monkeypatch, {BOX.served_name: 4096})
    assert not way_to(BOX, ENDPOINT, "llm").tools


def test_a_model_that_the_box_does_not_serve_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    lists(monkeypatch, {"another": 4096})
    with pytest.raises(ModelError, match="serves another, not daybox-smollm2-135m"):
        way_to(BOX, ENDPOINT, "aider")


def test_a_model_that_this_checkout_does_not_know_is_an_error() -> None:
    with pytest.raises(ConfigError, match="stacks/s/model: 'odd' is not in the catalog"):
        model_of("s", "odd")


@pytest.mark.parametrize(
    ("model", "window_tokens", "tokens"),
    [("qwen3-coder-30b", 32_768, 4096), ("qwen3-coder-30b", 8192, 2048), ("gpt-oss-20b", 131_072, 8192)],
)
def test_an_answer_takes_at_most_a_quarter_of_a_window_and_thinking_takes_more(
    model: str, window_tokens: int, tokens: int
) -> None:
    assert answer_tokens(model_of("s", model), window_tokens) == tokens


def test_a_window_below_the_least_is_an_error_with_both_numbers_and_the_cure() -> None:
    check_window(AIDER, AIDER.least_window)
    with pytest.raises(ModelError) as caught:
        check_window(AIDER, AIDER.least_window - 1)
    assert caught.value.fact == "box/vllm: its window of 2047 tokens is too small for aider, which needs 2048"
    assert caught.value.hint.startswith("fab switch --context 2048")


def test_files_are_the_users_alone_and_written_anew(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lists(monkeypatch, {BOX.served_name: 4096})
    way = way_to(BOX, ENDPOINT, "aider")
    write_files(AIDER, way)
    write_files(replace(AIDER, files=lambda _: {"model.settings.yml": "new", "deep/more": "x"}), way)
    assert (way.folder / "model.settings.yml").read_text() == "new"
    assert (way.folder / "deep/more").stat().st_mode & 0o777 == 0o600
    assert {folder.stat().st_mode & 0o777 for folder in (way.folder, way.folder / "deep")} == {0o700}
