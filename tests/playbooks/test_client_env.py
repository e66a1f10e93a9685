"""`fab env`: the text a shell evaluates, evaluated by a shell."""

import subprocess
from pathlib import Path

import pytest

from playbooks.client_env import direct_names, shell_text, variables

BASE = "http://127.0.0.1:18001/v1"


def test_the_variables_are_these() -> None:
    assert variables(BASE, "coder", 32_768, {}) == {
        "OPENAI_BASE_URL": BASE,
        "OPENAI_API_BASE": BASE,
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:18001",
        "ANTHROPIC_MODEL": "coder",
        "ANTHROPIC_DEFAULT_OPUS_MODEL": "coder",
        "ANTHROPIC_DEFAULT_SONNET_MODEL": "coder",
        "ANTHROPIC_DEFAULT_HAIKU_MODEL": "coder",
        "CLAUDE_CODE_SUBAGENT_MODEL": "coder",
        "CLAUDE_CODE_MAX_CONTEXT_TOKENS": "32768",
        "CLAUDE_CODE_MAX_OUTPUT_TOKENS": "4096",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


def test_an_answer_takes_at_most_a_quarter_of_a_small_window() -> None:
    assert variables(BASE, "coder", 4_096, {})["CLAUDE_CODE_MAX_OUTPUT_TOKENS"] == "1024"


@pytest.mark.parametrize(
    ("own", "direct"),
    [
        ("", "127.0.0.1,localhost"),
        ("intra.example,.corp", "127.0.0.1,localhost,intra.example,.corp"),
        ("localhost,intra.example", "127.0.0.1,localhost,intra.example"),
    ],
)
def test_the_users_own_exceptions_from_a_proxy_are_kept(own: str, direct: str) -> None:
    assert direct_names(own) == direct
    assert direct_names(direct) == direct


def test_a_shell_reads_the_key_from_its_file_and_the_text_does_not_hold_it(tmp_path: Path) -> None:
    key = tmp_path / "a folder's" / "key-env"
    key.parent.mkdir()
    key.write_text("dbx-secret")
    text = shell_text(variables(BASE, "coder", 32_768, {}), key, tmp_path / "shims")
    assert "dbx-secret" not in text
    names = ("OPENAI_API_KEY", "ANTHROPIC_AUTH_TOKEN", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY-unset", "PATH")
    show = 'printf "%s|" ' + " ".join(f'"${{{name}}}"' for name in names)
    shell, environment = ["sh", "-euc", f"{text}\n{show}"], {"ANTHROPIC_API_KEY": "k", "PATH": "/bin:/usr/bin"}
    done = subprocess.run(shell, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == f"dbx-secret|dbx-secret|{BASE}|unset|{tmp_path}/shims:/bin:/usr/bin|"
