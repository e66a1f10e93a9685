"""Secrets from where people keep them: which comes first, what a command may do, and that none is shown or kept."""

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stacks import secrets
from stacks.account import deploy_token
from stacks.errors import ConfigError
from stacks.secrets import Found, Once, for_child, from_linode_cli, has_linode_token, hub_token, linode_token, masked

TOKEN = "0123456789abcdef" * 4
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _nothing_was_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(secrets, "_once", Once())
    monkeypatch.setattr(secrets, "_seen", set())
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("LINODE_TOKEN", "HF_TOKEN", "LINODE_CLI_CONFIG", "XDG_CONFIG_HOME", "DAYBOX_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)


def a_command(text: str) -> str:
    """What a variable holds to run this shell text."""
    return f"command: {shlex.join(['sh', '-c', text])}"


def keeps(
    tmp_path: Path, text: str = f"[DEFAULT]\ndefault-user = me\n[me]\ntoken = {TOKEN}\n", mode: int = 0o600
) -> Path:
    """linode-cli's file at its usual place."""
    file = tmp_path / ".config/linode-cli"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    file.chmod(mode)
    return file


def test_a_token_in_the_environment_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINODE_TOKEN", f" {TOKEN}\n")
    assert linode_token() == Found(TOKEN, "LINODE_TOKEN", may_be_kept=True)


def test_the_first_line_that_a_command_prints_is_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `pass show` prints it: the secret, then notes."""
    monkeypatch.setenv("LINODE_TOKEN", a_command(f"echo {TOKEN}; echo user: me"))
    assert linode_token() == Found(TOKEN, "LINODE_TOKEN's command")
    assert deploy_token("") == TOKEN


@pytest.mark.parametrize("line", ["op read op://dev/linode/token", "pass show 'a b'", "keyring get linode me"])
def test_a_command_is_given_its_words_and_no_shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: str) -> None:
    words = shlex.split(line)
    program = tmp_path / words[0]
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >{tmp_path}/words\necho {TOKEN}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("LINODE_TOKEN", f"command: {line}")
    assert linode_token().value == TOKEN
    assert (tmp_path / "words").read_text().splitlines() == words[1:]


def test_a_command_is_run_once_however_many_ask_at_the_same_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LINODE_TOKEN", a_command(f"echo run >>{tmp_path}/runs; sleep 0.1; echo {TOKEN}"))
    with ThreadPoolExecutor(8) as pool:
        assert {found.value for found in pool.map(lambda _: linode_token(), range(8))} == {TOKEN}
    assert (tmp_path / "runs").read_text() == "run\n"


def test_a_command_that_failed_is_not_tried_again_and_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LINODE_TOKEN", a_command(f"echo run >>{tmp_path}/runs; exit 1"))
    for _ in range(2):
        with pytest.raises(ConfigError, match="ended with status 1"):
            linode_token()
    assert (tmp_path / "runs").read_text() == "run\n"


def test_no_command_is_run_to_know_whether_there_is_a_token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LINODE_TOKEN", a_command(f"touch {tmp_path}/ran; echo {TOKEN}"))
    assert has_linode_token()
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("command:", "LINODE_TOKEN: its command is empty; write it as 'command: op read op://dev/linode/token'"),
        ("command: 'a", "LINODE_TOKEN: its command cannot be read: No closing quotation; quote it as for a shell"),
        ("command: /no/op read", "LINODE_TOKEN: /no/op: No such file or directory; is that program on PATH?"),
        (
            a_command(f"echo {TOKEN}; exit 3"),
            "LINODE_TOKEN: sh ended with status 3; its own words stand above; are you signed in there?",
        ),
        (a_command("true"), "LINODE_TOKEN: sh: gave nothing; run it by hand, or copy the token anew"),
        (
            a_command(f"echo not a {TOKEN}"),
            "LINODE_TOKEN: sh: gave what no token is: a space or a sign that none has; run it by hand, or copy the"
            " token anew",
        ),
        (
            f"{TOKEN} {TOKEN}",
            "LINODE_TOKEN: gave what no token is: a space or a sign that none has; run it by hand, or copy the token"
            " anew",
        ),
        ("command: yes", "LINODE_TOKEN: yes printed more than a token; run it by hand"),
    ],
    ids=["empty", "open quote", "no such program", "fails", "silent", "words", "two tokens", "for ever"],
)
def test_what_gives_no_token_says_why_and_never_what_it_gave(
    monkeypatch: pytest.MonkeyPatch, text: str, line: str
) -> None:
    monkeypatch.setenv("LINODE_TOKEN", text)
    with pytest.raises(ConfigError) as caught:
        linode_token()
    assert caught.value.line() == line
    assert TOKEN not in line


def test_a_command_that_waits_for_ever_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "COMMAND_SECONDS", 0.2)
    monkeypatch.setenv("LINODE_TOKEN", "command: sleep 60")
    began = time.monotonic()
    with pytest.raises(ConfigError, match="sleep has not ended within 0 s; run it by hand: does it wait for you"):
        raise_line()
    assert time.monotonic() - began < 10


def raise_line() -> None:
    """The error with its hint in its text."""
    try:
        linode_token()
    except ConfigError as error:
        raise ConfigError(error.line(), hint="") from None


def test_what_a_command_complains_of_is_seen_and_what_it_prints_is_not() -> None:
    """In a process of its own: it writes to the terminal itself."""
    text = a_command(f"echo sign in first >&2; echo {TOKEN}")
    script = "from stacks.secrets import linode_token; print(len(linode_token().value), repr(linode_token()))"
    done = python(script, {"LINODE_TOKEN": text})
    assert done.stderr == "sign in first\n"
    assert done.stdout.startswith("64 Found(source=") and TOKEN not in done.stdout


def test_ctrl_c_while_a_command_waits_ends_both() -> None:
    script = "from stacks.secrets import linode_token; linode_token()"
    environment = {**os.environ, "LINODE_TOKEN": "command: sleep 61.25", "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", script], env=environment, stderr=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + 20
    while not sleeping() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert sleeping()
    os.killpg(process.pid, signal.SIGINT)
    process.wait(20)
    assert not sleeping()


def sleeping() -> bool:
    """Whether that command runs."""
    return subprocess.run(["pgrep", "-f", "^sleep 61.25$"], capture_output=True, check=False).returncode == 0


def python(script: str, more: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """A script in a Python of its own, from this checkout."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **more}
    return subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)


def test_linode_clis_own_file_will_do(tmp_path: Path) -> None:
    file = keeps(tmp_path)
    assert linode_token() == Found(TOKEN, str(file))
    assert has_linode_token()


def test_the_environment_comes_before_linode_clis_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    keeps(tmp_path, mode=0o644)
    monkeypatch.setenv("LINODE_TOKEN", TOKEN[::-1])
    assert linode_token().value == TOKEN[::-1]


def test_the_file_of_what_runs_unattended_comes_first_of_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    monkeypatch.setenv("DAYBOX_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("LINODE_TOKEN", a_command(f"touch {tmp_path}/ran"))
    assert linode_token() == Found(TOKEN, "DAYBOX_TOKEN_FILE")
    assert not (tmp_path / "ran").exists()


def test_a_file_that_was_named_and_is_not_there_is_no_reason_to_take_another_accounts_token(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DAYBOX_TOKEN_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("LINODE_TOKEN", TOKEN)
    with pytest.raises(ConfigError) as caught:
        linode_token()
    assert caught.value.line() == (
        f"DAYBOX_TOKEN_FILE: {tmp_path}/none cannot be read: FileNotFoundError; put the token there, and nothing else,"
        " or unset it"
    )
    monkeypatch.delenv("LINODE_TOKEN")
    assert has_linode_token()  # there should be one: whoever needs it is told


def test_a_file_that_holds_no_text_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"\xff\xfe")
    monkeypatch.setenv("DAYBOX_TOKEN_FILE", str(tmp_path / "token"))
    with pytest.raises(ConfigError, match="cannot be read: UnicodeDecodeError"):
        linode_token()


def test_a_file_with_a_token_that_others_may_read_is_refused(tmp_path: Path) -> None:
    file = keeps(tmp_path, mode=0o644)
    with pytest.raises(ConfigError) as caught:
        linode_token()
    assert caught.value.line() == f"{file}: holds a token, and others may read it; chmod 600 {file}"
    assert has_linode_token()  # there is one: whoever needs it is told


@pytest.mark.parametrize(
    "text",
    ["", "[DEFAULT]\n", "[DEFAULT]\ndefault-user = me\n", "[DEFAULT]\ndefault-user = me\n[me]\nregion = us-ord\n"],
    ids=["empty", "no user", "no section", "no token"],
)
def test_a_file_without_a_token_is_none(tmp_path: Path, text: str) -> None:
    keeps(tmp_path, text)
    assert linode_token() == Found()
    assert not has_linode_token()


def test_a_file_that_is_none_of_linode_clis_says_so(tmp_path: Path) -> None:
    file = keeps(tmp_path, "token without a section")
    with pytest.raises(ConfigError, match=f"{file}: is no file of linode-cli's that can be read"):
        linode_token()


def test_linode_cli_itself_finds_the_same_file_and_the_same_token(tmp_path: Path) -> None:
    """Its own code reads what ours reads, at each place where it may lie."""
    text = f"[DEFAULT]\ndefault-user = me\n[me]\ntoken = {TOKEN}\nregion = us%ord\n"
    named, old, new = tmp_path / "named", tmp_path / ".linode-cli", keeps(tmp_path, text)
    named.write_text(text)
    for environment, file in (({"LINODE_CLI_CONFIG": str(named)}, named), ({}, new), ({}, old)):
        file.write_text(text)
        file.chmod(0o600)
        found = from_linode_cli(environment)
        assert (found.value, found.source) == (TOKEN, str(file))
        assert theirs({"HOME": str(tmp_path), **environment}) == f"{file} {TOKEN}\n"


def theirs(more: Mapping[str, str]) -> str:
    """File and token as linode-cli finds them."""
    script = (
        "import importlib.util as u, pathlib\n"
        "path = pathlib.Path(u.find_spec('linodecli').origin).parent / 'configuration/helpers.py'\n"
        "spec = u.spec_from_file_location('helpers', path); helpers = u.module_from_spec(spec)\n"
        "spec.loader.exec_module(helpers)\n"
        "conf = helpers._get_config(); user = conf.get('DEFAULT', 'default-user')\n"
        "print(helpers._get_config_path(), conf.get(user, 'token', raw=True))"
    )
    return python(script, more).stdout


def test_without_any_the_error_names_the_ways() -> None:
    assert not has_linode_token()
    with pytest.raises(ConfigError) as caught:
        deploy_token("")
    assert caught.value.line() == f"LINODE_TOKEN: is not set; {secrets.WAYS}"


def test_the_hubs_token_may_be_a_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    assert hub_token() == Found()
    monkeypatch.setenv("HF_TOKEN", a_command(f"echo hf_{TOKEN}"))
    assert hub_token().value == f"hf_{TOKEN}"


@pytest.mark.parametrize("text", ["hf_abc\ndef", "hf_abc def", "hf_é"])
def test_the_hubs_token_is_checked_as_the_accounts_is(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """One that is refused as a header on the box stands in full in what Python says of it."""
    monkeypatch.setenv("HF_TOKEN", text)
    with pytest.raises(ConfigError, match="HF_TOKEN: gave what no token is") as caught:
        hub_token()
    assert text not in caught.value.line()


def test_what_was_read_is_left_out_of_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINODE_TOKEN", a_command(f"echo {TOKEN}"))
    assert masked(f"a {TOKEN}") == f"a {TOKEN}"  # nobody has read it yet
    linode_token()
    assert masked(f"Bearer {TOKEN}, again {TOKEN}") == "Bearer ***, again ***"


def test_nothing_is_left_of_a_secret_that_begins_with_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_seen", {TOKEN, f"{TOKEN}-and-more", f"{TOKEN}-and-more-still"})
    assert masked(f"a {TOKEN}-and-more-still, {TOKEN}-and-more") == "a ***, ***"


def test_a_pulumi_of_ours_gets_what_was_told_already_and_nothing_is_asked_for_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LINODE_TOKEN", a_command(f"echo run >>{tmp_path}/runs; echo {TOKEN}"))
    assert for_child(os.environ)["LINODE_TOKEN"] == os.environ["LINODE_TOKEN"]
    assert not (tmp_path / "runs").exists()
    linode_token()
    assert for_child(os.environ)["LINODE_TOKEN"] == TOKEN
