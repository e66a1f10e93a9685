"""Sessions: what is read back, what belongs to the chat, where it is cut."""

from pathlib import Path

import pytest

from playbooks.bench_session import EDITS, Writer, before_turn, estimate, first_line, read_session
from stacks.errors import ConfigError

SYSTEM = {"role": "system", "content": "You edit code."}
COMMITS = {"role": "system", "content": "You write commit messages."}
EDIT = "a.py\n```\n<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n```\n"


def user(text: str) -> dict[str, str]:
    """A message of the user's."""
    return {"role": "user", "content": text}


REQUESTS = (
    ([SYSTEM, user("one")], EDIT, 12),
    ([COMMITS, user("a diff")], "fix: b", 3),
    ([SYSTEM, user("one"), {"role": "assistant", "content": EDIT}, user("why?")], "Because.", None),
    ([COMMITS, user("another diff")], "fix: c", 3),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A session with two turns, each followed by a commit message."""
    writer = Writer()
    lines = [writer.line(messages, answer, tokens) for messages, answer, tokens in REQUESTS]
    path = tmp_path / "mine.jsonl"
    path.write_text(first_line("aider 0.86.2", "2026-11-26") + "".join(lines))
    return path


def test_what_was_recorded_is_read_back(file: Path) -> None:
    session = read_session(file)
    assert [(list(ask.messages), ask.answer) for ask in session.asks] == [row[:2] for row in REQUESTS]
    assert (session.name, session.client, session.turns) == ("mine", "aider 0.86.2", 2)


def test_a_message_that_was_sent_before_is_not_kept_twice(file: Path) -> None:
    assert file.read_text().count("You edit code.") == 1


def test_what_begins_otherwise_is_beside_the_chat(file: Path) -> None:
    assert [(ask.turn, ask.beside) for ask in read_session(file).asks] == [
        (1, False),
        (1, True),
        (2, False),
        (2, True),
    ]


def test_only_answers_of_the_chat_that_change_files_are_edits(file: Path) -> None:
    assert [ask.edits for ask in read_session(file).asks] == [True, False, False, False]


def test_an_answer_whose_tokens_nobody_told_is_estimated(file: Path) -> None:
    assert [ask.tokens for ask in read_session(file).asks] == [12, 3, estimate("Because."), 3]


def test_a_chat_is_cut_at_whole_turns(file: Path) -> None:
    session = read_session(file)
    cut = before_turn(session, 2)
    assert [ask.answer for ask in cut.asks] == [EDIT, "fix: b"]
    assert cut.sha256 == session.sha256


HEAD = first_line("aider", "2026-11-26")


@pytest.mark.parametrize(
    "text",
    [
        *("", "no json", '{"format": "daybox session 2"}\n', "\x00\xff"),
        *(HEAD, HEAD + '{"messages": []}\n', HEAD + '{"messages": [7], "answer": ""}\n'),
    ],
)
def test_what_is_no_session_is_named_with_its_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"bad\.jsonl"):
        read_session(path)


def test_a_session_that_is_not_there_is_no_traceback(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_session(tmp_path / "none.jsonl")


def test_ours_has_eight_turns_of_edits_and_is_small() -> None:
    session = read_session(EDITS)
    assert session.turns == 8
    assert [ask.turn for ask in session.asks if ask.edits] == [1, 2, 3, 5, 6, 7, 8]
    assert EDITS.stat().st_size < 200_000


def test_in_ours_a_turn_holds_the_answer_before_it() -> None:
    first, second, *_ = [ask for ask in read_session(EDITS).asks if not ask.beside]
    assert first.answer.strip() in [message["content"].strip() for message in second.messages]
