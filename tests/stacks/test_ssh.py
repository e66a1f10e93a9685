"""ssh: one pinned key, nothing of the user's own."""

import subprocess
from pathlib import Path

import pytest

from stacks.errors import BoxError
from stacks.ssh import Target, prepare, remote, run, transport_error
from tests.playbooks.own_sshd import own_sshd


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    """A box nobody answers for."""
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    return Target("local", "127.0.0.1", "daybox-7", tmp_path / "login", ("ssh-ed25519 AAAA",), port=9)


def effective(target: Target) -> dict[str, str]:
    """What OpenSSH itself understands of our configuration."""
    words = ["ssh", "-F", str(target.config_file), "-G", target.alias]
    lines = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    return dict(line.split(" ", 1) for line in lines if " " in line)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("stricthostkeychecking", "true"),
        ("hostkeyalias", "daybox-7"),
        ("globalknownhostsfile", "/dev/null"),
        ("identitiesonly", "yes"),
        ("identityagent", "none"),
        ("forwardagent", "no"),
        ("passwordauthentication", "no"),
        ("batchmode", "yes"),
        ("updatehostkeys", "false"),
    ],
)
def test_openssh_reads_from_our_file_that(target: Target, option: str, value: str) -> None:
    assert effective(prepare(target))[option] == value


def test_a_folder_with_a_blank_in_its_name_is_one_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "my state"))
    own = prepare(Target("local", "127.0.0.1", "daybox-7", tmp_path / "my key", ("ssh-ed25519 AAAA",), port=9))
    assert effective(own)["identityfile"].strip('"') == str(tmp_path / "my key")
    assert effective(own)["userknownhostsfile"].strip('"') == str(own.known_hosts)


def test_only_the_pinned_key_is_known(target: Target) -> None:
    assert prepare(target).known_hosts.read_text() == "daybox-7 ssh-ed25519 AAAA\n"


def test_files_for_ssh_are_readable_by_nobody_else(target: Target) -> None:
    assert prepare(target).config_file.stat().st_mode & 0o777 == 0o600


def test_a_command_is_one_word_for_the_shell_of_the_box(target: Target) -> None:
    assert remote(target, "cat '/a b'")[-3:] == ["daybox-7", "--", "cat '/a b'"]


def test_what_a_command_prints_may_be_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the end of a log that was cut within a letter, or holds anything."""
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    with own_sshd(tmp_path / "sshd") as sshd:
        own = prepare(Target("s", "127.0.0.1", "daybox-7", sshd.login_key, (sshd.host_key,), port=sshd.port))
        done = run(own, r"printf 'a\377b'; printf '\303' >&2")
    assert (done.stdout, done.stderr) == ("a\ufffdb", "\ufffd")


def test_what_whoever_answered_wrote_moves_nothing_on_a_terminal(target: Target) -> None:
    error = transport_error(target, "Traceback\n\x1b]0;owned\x07\x1b[2JOSError: x")
    assert error.fact == "box/daybox-7: not reached at 127.0.0.1 port 9: ]0;owned  [2JOSError: x"


@pytest.mark.parametrize(
    ("said", "fact"),
    [
        ("Host key verification failed.", "its host key is not the pinned one"),
        ("root@198.51.100.6: Permission denied (publickey).", "it refuses the login key"),
        ("ssh: connect to host 198.51.100.6 port 22: Connection refused", "not reached at 127.0.0.1 port 9"),
    ],
)
def test_what_ssh_says_becomes_a_fact_and_a_way_out(target: Target, said: str, fact: str) -> None:
    error = transport_error(target, said)
    assert isinstance(error, BoxError)
    assert fact in error.fact
    assert error.hint
