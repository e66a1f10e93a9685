"""What leads elsewhere is found wherever it stands, and however it is written."""

from pathlib import Path

import pytest

from playbooks.clients.reading import (
    dotenv_files,
    dotenv_values,
    folders_between,
    inside,
    json_of,
    leading,
    leading_lines,
    noting_closed,
    places_of,
    strings_of,
    text_of,
)

PORT = 18_001
OURS = f"http://127.0.0.1:{PORT}/v1"
BASES, CHOOSERS = ("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL"), ("AIDER_WEAK_MODEL",)


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({}, []),
        ({"OPENAI_BASE_URL": OURS, "ANTHROPIC_BASE_URL": f"http://localhost:{PORT}"}, []),  # as `fab env` sets them
        ({"OPENAI_BASE_URL": "https://api.example.com/v1"}, ["OPENAI_BASE_URL"]),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:11434/v1"}, ["OPENAI_BASE_URL"]),  # another server of this laptop
        ({"OPENAI_BASE_URL": f"http://127.0.0.1:{PORT}@example.com"}, ["OPENAI_BASE_URL"]),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:no"}, ["OPENAI_BASE_URL"]),
        ({"OPENAI_BASE_URL": ""}, []),
        ({"AIDER_WEAK_MODEL": "claude-x"}, ["AIDER_WEAK_MODEL"]),
        ({"OPENAI_API_KEY": "sk-1"}, []),  # a key alone leads nowhere
        ({"http_proxy": "http://p:1"}, ["http_proxy"]),
        ({"HTTP_PROXY": "http://p:1", "ALL_PROXY": "http://p:1"}, ["HTTP_PROXY", "ALL_PROXY"]),
        ({"https_proxy": "http://p:1"}, []),  # the gateway speaks no TLS
        ({"http_proxy": "http://p:1", "no_proxy": "localhost, 127.0.0.1"}, []),
        ({"http_proxy": "http://p:1", "NO_PROXY": "*"}, []),
        ({"http_proxy": "http://p:1", "NO_PROXY": "localhost"}, ["http_proxy"]),  # clients are given the address
        ({"http_proxy": "http://p:1", "no_proxy": "", "NO_PROXY": "127.0.0.1"}, ["http_proxy"]),  # lower case wins
        ({"NO_PROXY": ""}, ["NO_PROXY"]),
    ],
)
def test_values_that_lead_elsewhere(values: dict[str, str], names: list[str]) -> None:
    assert leading(values, PORT, BASES, CHOOSERS) == names


def test_without_a_port_no_address_is_ours() -> None:
    assert leading({"OPENAI_BASE_URL": OURS}, None, BASES) == ["OPENAI_BASE_URL"]


@pytest.mark.parametrize(
    "line",
    [
        "OPENAI_BASE_URL=https://x",
        "export OPENAI_BASE_URL='https://x'",
        '  export\tOPENAI_BASE_URL = "https://x"  # a note',
        "'OPENAI_BASE_URL'=https://x",
        "\ufeffOPENAI_BASE_URL=https://x",
        "OPENAI_BASE_URL: https://x",
        "SAFE=1\rOPENAI_BASE_URL=https://x",
        "OPENAI_BASE_URL=${ELSEWHERE}",
        f"OPENAI_BASE_URL={OURS}\nOPENAI_BASE_URL=https://x",
        f"OPENAI_BASE_URL=https://x\nTEXT='\nOPENAI_BASE_URL={OURS}\n'",  # of a text of three lines the middle one
    ],
)
def test_a_line_of_a_dotenv_is_seen_however_it_is_written(line: str) -> None:
    assert leading_lines(dotenv_values(line), PORT, BASES) == ["OPENAI_BASE_URL"]


@pytest.mark.parametrize("line", ["# OPENAI_BASE_URL=https://x", f"OPENAI_BASE_URL={OURS} # ours", "OPENAI_BASE_URL"])
def test_a_line_that_sets_nothing_else_is_none(line: str) -> None:
    assert leading_lines(dotenv_values(line), PORT, BASES) == []


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for path in (tmp_path / "home", tmp_path / "repo/.git", tmp_path / "repo/src/deep"):
        path.mkdir(parents=True)
    return tmp_path / "repo"


def test_clients_look_in_home_at_the_root_and_where_one_stands(repository: Path) -> None:
    home, deep = repository.parent / "home", repository / "src/deep"
    assert places_of(deep, home) == [home, repository, deep]
    assert places_of(repository, home) == [home, repository]
    assert folders_between(deep) == [repository, repository / "src", deep]
    (deep / ".env").write_text("A=1\n")
    (repository / ".env").mkdir()  # a folder is no file
    assert dotenv_files(deep, home) == [deep / ".env"]


def test_json_with_comments_is_read_and_other_text_is_nothing() -> None:
    text = '\ufeff{"url": "http://x//y", /* , } */ "env": {"A": 1, "B": null,}, // z\n}'
    assert json_of(text) == {"url": "http://x//y", "env": {"A": 1, "B": None}}
    assert [json_of(broken) for broken in ("", "{", "[]", "{" * 100_000)] == [{}, {}, {}, {}]


def test_what_lies_deeper_is_found_or_nothing() -> None:
    value = {"a": {"b": {"c": 1}, "d": [1]}}
    assert (inside(value, "a", "b"), inside(value, "a", "d", "e"), inside([], "a")) == ({"c": 1}, None, None)
    assert strings_of({"A": 1, "B": True, "C": None, "D": "x"}) == {"A": "1", "B": "true", "C": "", "D": "x"}
    assert strings_of("no mapping") == {}


def test_a_file_that_nobody_can_look_into_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise PermissionError

    monkeypatch.setattr(Path, "read_text", refuse)  # root reads everything
    assert text_of(tmp_path / "first") == ""
    with noting_closed() as closed:
        assert text_of(tmp_path / ".env") == text_of(tmp_path / ".env") == ""
    assert closed == [tmp_path / ".env"]


def test_a_file_that_is_not_there_is_not_one_that_nobody_can_look_into(tmp_path: Path) -> None:
    with noting_closed() as closed:
        assert text_of(tmp_path / ".gitmodules") == ""
        assert text_of(tmp_path / "no-folder/file") == ""
    assert closed == []


def test_what_is_there_and_is_no_file_is_named(tmp_path: Path) -> None:
    with noting_closed() as closed:
        assert text_of(tmp_path) == ""
    assert closed == [tmp_path]
