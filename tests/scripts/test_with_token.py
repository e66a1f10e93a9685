"""The pulumi that scripts/env puts first on PATH: the real one, with the token in clear for it alone."""

import os
import subprocess
from pathlib import Path

import pytest

from scripts.installer.paths import pulumi_on_path, without_ours
from scripts.with_token import ROOT, is_local, stack_in

SHIM = ROOT / "scripts/bin"
TOKEN = "0123456789abcdef" * 4
REAL = """#!/bin/sh
[ "$1" = version ] && echo v3.300.0 && exit
[ "$3 $4" = "stack --show-name" ] && { cat "$2/selected" 2>/dev/null; exit; }
printf '%s\\n' "$LINODE_TOKEN" "$PATH" "$@"
"""


@pytest.fixture
def real(tmp_path: Path) -> Path:
    """A folder with a pulumi that tells its token, its PATH and its words."""
    for name in ("pulumi", "pulumi-language-python"):
        (tmp_path / name).write_text(REAL)
        (tmp_path / name).chmod(0o755)
    return tmp_path


def run(real: Path, *words: str, token: str = "", **more: str) -> "subprocess.CompletedProcess[str]":
    """That pulumi, found on a PATH with ours before it."""
    path = f"{SHIM}:{real}:/usr/bin:/bin"
    environment = {"PATH": path, "HOME": str(real), "LINODE_TOKEN": token, **more}
    return subprocess.run([SHIM / "pulumi", *words], env=environment, capture_output=True, text=True, check=False)


def told(real: Path, *words: str, **options: str) -> list[str]:
    """Token, PATH and words that it was started with."""
    done = run(real, *words, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_token_in_clear_is_passed_on_and_the_words_are_as_they_were(real: Path) -> None:
    assert told(real, "up", "-s", "a b", "", token=TOKEN) == [TOKEN, f"{real}:/usr/bin:/bin", "up", "-s", "a b", ""]


@pytest.mark.parametrize("word", ["up", "destroy"])
def test_pulumi_acts_for_the_account_that_the_program_acts_for(real: Path, word: str) -> None:
    """Else one `up` asked one account, and created in another."""
    (real / "token").write_text(f"{TOKEN}\n")
    assert told(real, word, token=TOKEN[::-1], DAYBOX_TOKEN_FILE=str(real / "token"))[0] == TOKEN
    assert told(real, word, token=f" {TOKEN}\n")[0] == TOKEN


def test_a_file_of_a_token_that_is_not_there_stops_it(real: Path) -> None:
    done = run(real, "up", "-s", "coder-30b", token=TOKEN, DAYBOX_TOKEN_FILE=f"{real}/none")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(f"DAYBOX_TOKEN_FILE: {real}/none cannot be read: FileNotFoundError")


@pytest.mark.parametrize("word", ["up", "preview", "destroy", "refresh"])
def test_a_command_is_run_for_what_speaks_to_the_account(real: Path, word: str) -> None:
    assert told(real, "-C", "/", word, token=f"command: echo {TOKEN}")[0] == TOKEN


@pytest.mark.parametrize("words", [("stack", "ls"), ("config", "set", "a", "b"), ()])
def test_nothing_is_run_for_what_speaks_to_nobody(real: Path, words: tuple[str, ...]) -> None:
    command = f"command: touch {real}/ran"
    assert told(real, *words, token=command)[0] == command
    assert not (real / "ran").exists()


@pytest.mark.parametrize(
    "words", [("-s", "local"), ("-slocal",), ("-s=local",), ("--stack", "local"), ("--stack=local",)]
)
def test_nothing_is_run_for_a_stack_of_the_local_cloud(real: Path, words: tuple[str, ...]) -> None:
    command = f"command: touch {real}/ran"
    assert told(real, "up", *words, token=command)[0] == command
    assert told(real, "up", token=command, PULUMI_STACK="local")[0] == command
    assert not (real / "ran").exists()


@pytest.mark.parametrize("words", [("-C", "{0}"), ("-C{0}",), ("--cwd={0}",)])
def test_nothing_is_run_where_that_stack_is_the_selected_one(real: Path, words: tuple[str, ...]) -> None:
    (real / "selected").write_text("local\n")
    command = f"command: touch {real}/ran"
    assert told(real, *(word.format(real) for word in words), "up", token=command)[0] == command
    assert not (real / "ran").exists()


def test_linode_clis_file_will_do(real: Path) -> None:
    file = real / ".config/linode-cli"
    file.parent.mkdir()
    file.write_text(f"[DEFAULT]\ndefault-user = me\n[me]\ntoken = {TOKEN}\n")
    file.chmod(0o600)
    assert told(real, "destroy", "-s", "coder-30b")[0] == TOKEN


def test_without_any_token_pulumi_says_itself_what_it_lacks(real: Path) -> None:
    assert told(real, "up")[0] == ""


def test_a_command_that_fails_is_an_error_and_pulumi_is_not_started(real: Path) -> None:
    done = run(real, "up", "-s", "coder-30b", token="command: sh -c 'echo sign in first >&2; exit 4'")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        "sign in first\nLINODE_TOKEN: sh ended with status 4; its own words stand above; are you signed in there?\n"
    )


def test_its_exit_status_is_pulumis(real: Path) -> None:
    (real / "pulumi").write_text("#!/bin/sh\nexit 255\n")
    assert run(real, "up", token=f"command: echo {TOKEN}").returncode == 255
    assert run(real, "up", token=TOKEN).returncode == 255


def test_two_checkouts_on_one_path_do_not_start_each_other_for_ever(real: Path) -> None:
    other = real / "scripts/bin"
    other.mkdir(parents=True)
    (other / "pulumi").write_text((SHIM / "pulumi").read_text())
    (other / "pulumi").chmod(0o755)
    (real / ".venv").symlink_to(ROOT / ".venv")
    (real / "scripts/with_token.py").symlink_to(ROOT / "scripts/with_token.py")
    environment = {"PATH": f"{SHIM}:{other}:{real}:/usr/bin:/bin", "HOME": str(real), "LINODE_TOKEN": TOKEN}
    done = subprocess.run(["pulumi", "up"], env=environment, capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout.splitlines() == [TOKEN, f"{real}:/usr/bin:/bin", "up"]


def test_set_up_never_takes_it_for_the_real_one(real: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{SHIM}:{real}:/usr/bin:/bin")
    assert without_ours(os.environ["PATH"]) == f"{real}:/usr/bin:/bin"
    assert pulumi_on_path() == real


@pytest.mark.parametrize(
    ("words", "stack"),
    [
        (["up", "-s", "a"], "a"),
        (["up", "-sa"], "a"),
        (["up", "-ys", "a"], "a"),
        (["up", "-s=a"], "a"),
        (["--stack", "b", "up"], "b"),
        (["up", "--stack=c"], "c"),
        (["up", "-s"], ""),
        (["up", "--skip-preview"], ""),
        ([], ""),
    ],
)
def test_the_stack_is_read_from_the_line(words: list[str], stack: str) -> None:
    assert stack_in(words, {}) == stack
    assert stack_in(["up"], {"PULUMI_STACK": "d"}) == "d"


@pytest.mark.parametrize(("stack", "local"), [("local", True), ("coder-30b", False), ("", False), ("none", False)])
def test_whether_a_stack_is_of_the_local_cloud(stack: str, local: bool) -> None:
    assert is_local(stack) is local


def test_without_a_real_pulumi_that_is_what_it_says(tmp_path: Path) -> None:
    done = run(tmp_path, "up", token="command: echo " + TOKEN)
    assert (done.returncode, done.stderr) == (127, "pulumi: is not on PATH; source scripts/env\n")
