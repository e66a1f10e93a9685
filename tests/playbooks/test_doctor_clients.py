"""What would lead a client elsewhere is found, wherever it stands, and named without its value."""

from pathlib import Path

import pytest

from playbooks.doctor_clients import conflicts, keys_set, leading, unreadable

PORT = 18_001
OURS = f"http://127.0.0.1:{PORT}/v1"


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({}, []),
        ({"OPENAI_BASE_URL": OURS, "ANTHROPIC_BASE_URL": f"http://localhost:{PORT}"}, []),  # as `fab env` sets them
        ({"OPENAI_BASE_URL": "https://api.example.com/v1"}, ["OPENAI_BASE_URL"]),
        ({"OPENAI_API_BASE": "http://127.0.0.1:11434/v1"}, ["OPENAI_API_BASE"]),  # another server of this laptop
        ({"OPENAI_BASE_URL": "http://127.0.0.1:no"}, ["OPENAI_BASE_URL"]),
        ({"OPENAI_BASE_URL": ""}, []),
        ({"AIDER_WEAK_MODEL": "claude-x"}, ["AIDER_WEAK_MODEL"]),
        ({"CLAUDE_CODE_USE_BEDROCK": "1"}, ["CLAUDE_CODE_USE_BEDROCK"]),
        ({"GITHUB_COPILOT_TOKEN": "t"}, ["GITHUB_COPILOT_TOKEN"]),
        ({"LITELLM_LOCAL_MODEL_COST_MAP": ""}, ["LITELLM_LOCAL_MODEL_COST_MAP"]),
        ({"LITELLM_LOCAL_MODEL_COST_MAP": "True"}, []),
        ({"OPENAI_API_KEY": "sk-1"}, []),  # a key alone leads nowhere
    ],
)
def test_variables_that_lead_elsewhere(values: dict[str, str], names: list[str]) -> None:
    assert leading(values, PORT) == names


@pytest.mark.parametrize(
    ("values", "names"),
    [
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
def test_proxies_that_would_be_sent_every_prompt(values: dict[str, str], names: list[str]) -> None:
    assert leading(values, PORT) == names


def test_without_a_port_no_address_is_ours() -> None:
    assert leading({"OPENAI_BASE_URL": OURS}, None) == ["OPENAI_BASE_URL"]


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Home, a repository, and a folder in it."""
    home, root = tmp_path / "home", tmp_path / "repository"
    folder = root / "src"
    for path in (home, root / ".git", folder):
        path.mkdir(parents=True)
    return home, root, folder


def found(places: tuple[Path, Path, Path]) -> list[str]:
    home, _, folder = places
    return [one.words() for one in conflicts({}, folder, home, PORT)]


def test_every_file_that_aider_and_claude_read_is_named(places: tuple[Path, Path, Path]) -> None:
    home, root, folder = places
    (home / ".aider").mkdir()
    (home / ".aider/oauth-keys.env").write_text("OPENAI_API_BASE=https://x\n")
    (home / ".env").write_text("export http_proxy='http://p:1'\nno_proxy=\n")
    (root / ".env").write_text("# OPENAI_BASE_URL=https://x\nAIDER_MODEL=gpt\nSAFE=1\n")
    (folder / ".env").write_text("GITHUB_COPILOT_TOKEN=t\n")
    (home / ".aider.conf.yml").write_text("weak-model: anthropic/x\nauto-commits: false\n")
    (root / ".aider.conf.yml").write_text("sonnet: true\nset-env:\n  - A=b\n")
    (root / ".aider.model.settings.yml").write_text(
        "- name: aider/extra_params\n  extra_params:\n    api_base: http://x\n"
    )
    (root / ".claude").mkdir()
    (root / ".claude/settings.json").write_text('{"env": {"ANTHROPIC_BASE_URL": "https://x", "EDITOR": "vi"}}')
    assert found(places) == [
        f"{home}/.aider/oauth-keys.env: OPENAI_API_BASE",
        f"{home}/.env: http_proxy",
        f"{root}/.env: AIDER_MODEL",
        f"{folder}/.env: GITHUB_COPILOT_TOKEN",
        f"{root}/.claude/settings.json: ANTHROPIC_BASE_URL",
        f"{home}/.aider.conf.yml: weak-model",
        f"{root}/.aider.conf.yml: sonnet, set-env",
        f"{root}/.aider.model.settings.yml: api_base",
    ]


def test_only_one_line_breaks_the_pinned_aider_too(places: tuple[Path, Path, Path]) -> None:
    home, root, folder = places
    (root / ".env").write_text("OPENAI_BASE_URL=https://x\n")
    (folder / ".env").write_text("GITHUB_COPILOT_TOKEN=t\n")
    here = conflicts({"GITHUB_COPILOT_TOKEN": "t"}, folder, home, PORT)  # aider's own environment lacks it
    assert [one.breaks for one in here] == [False, False, True]


def test_files_that_are_broken_or_harmless_are_no_conflict(places: tuple[Path, Path, Path]) -> None:
    home, root, _ = places
    (home / ".claude").mkdir()
    (home / ".claude/settings.json").write_text("{not json")
    (root / ".env").write_bytes(b"\xff\xfe\x00OPENAI_API_KEY=k\n")
    (root / ".aider.conf.yml").write_text("dark-mode: true\n")
    assert found(places) == []


def test_a_value_is_never_shown(places: tuple[Path, Path, Path]) -> None:
    (places[1] / ".env").write_text("OPENAI_BASE_URL=https://user:hunter2@x\n")
    assert "hunter2" not in str(found(places))


def test_files_that_cannot_be_read_are_known_as_such(
    places: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = places[1] / ".env"
    file.write_text("OPENAI_BASE_URL=https://x\n")
    monkeypatch.setattr("os.access", lambda path, _mode: path != file)  # root reads everything
    assert unreadable(places[2], places[0]) == [file]


def test_keys_of_providers_are_named() -> None:
    assert keys_set(["OPENAI_API_KEY", "PATH", "ANTHROPIC_AUTH_TOKEN"]) == ["ANTHROPIC_AUTH_TOKEN", "OPENAI_API_KEY"]
