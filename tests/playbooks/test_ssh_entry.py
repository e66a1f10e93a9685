"""The line in ~/.ssh/config: at its beginning, once, and gone without a trace."""

import json
import subprocess
from pathlib import Path

import pytest

from playbooks import ssh as commands
from playbooks.ssh import config, said
from playbooks.ssh_entry import difference, include_line, installed, read, removed, unconditional, user_config, write
from stacks.errors import ConfigError, UsageError
from stacks.ssh import Target, prepare

LINE = 'Include "/state/stacks/coder/ssh_config"'
OTHER = 'Include "/state/stacks/other/ssh_config"\n'
TEXTS = ["", "Host *\n  User me\n", "User me\nHost a\n", "User me", OTHER, "Host a\r\n  User me\r\n", "\n\n# mine\n"]


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_installed_is_found_by_every_host_and_removed_without_a_trace(text: str) -> None:
    assert LINE in unconditional(installed(text, LINE))
    assert removed(installed(text, LINE), LINE) == text


@pytest.mark.parametrize("text", TEXTS)
def test_installing_twice_changes_nothing(text: str) -> None:
    assert installed(installed(text, LINE), LINE) == installed(text, LINE)


@pytest.mark.parametrize("condition", ["Host *", "  match all", "HOST a"])
def test_a_line_that_holds_for_one_host_only_does_not_count(condition: str) -> None:
    assert installed(f"{condition}\n{LINE}\n", LINE).startswith(LINE)


@pytest.mark.parametrize("path", ['/a"b', "/a\nb", "/a*b", "/a?b", "/[a]"])
def test_a_path_that_ssh_would_misread_is_refused(path: str) -> None:
    with pytest.raises(ConfigError, match="cannot name this path"):
        include_line(Path(path))


def test_a_file_of_any_bytes_keeps_them_and_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_bytes(b"# caf\xe9\n")
    path.chmod(0o640)
    write(path, installed(read(path), LINE), LINE)
    assert path.read_bytes() == LINE.encode() + b"\n# caf\xe9\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_and_its_folder_are_for_their_owner_only(tmp_path: Path) -> None:
    path = tmp_path / ".ssh/config"
    write(path, f"{LINE}\n", LINE)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_file_that_cannot_be_written_names_the_line_to_put_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError) as caught:
        write(tmp_path / "file/config", LINE, LINE)
    assert LINE in caught.value.hint


def test_a_link_to_a_dotfile_stays_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "dotfiles").mkdir()
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/config").symlink_to(tmp_path / "dotfiles/ssh")
    write(user_config(), f"{LINE}\n", LINE)
    assert (tmp_path / ".ssh/config").is_symlink()
    assert (tmp_path / "dotfiles/ssh").read_text() == f"{LINE}\n"


def test_what_is_done_is_shown_as_a_diff() -> None:
    diff = difference("Host a\n", f"{LINE}\nHost a\n", Path("/h/config"))
    assert diff == f"--- /h/config\n+++ /h/config\n@@ -1 +1,2 @@\n+{LINE}\n Host a\n"
    assert said("s", diff, asked=True) == f"{diff}daybox-s: done"
    assert "nothing is changed; fab ssh.config --stack s --install" in said("s", diff, asked=False)
    assert said("s", "", asked=True) == "daybox-s: nothing to do"


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    """A stack with a box, and a person's own ~/.ssh/config that wants much."""
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home/.ssh").mkdir(parents=True)
    own = "Host *\n  ProxyJump elsewhere\n  ControlMaster auto\n  ControlPath /tmp/%h\n  ForwardAgent yes\n"
    (tmp_path / "home/.ssh/config").write_text(own + "  StrictHostKeyChecking no\n  UserKnownHostsFile /mine\n")
    made = Target("coder", "192.0.2.1", "daybox-7", tmp_path / "login", ("ssh-ed25519 AAAA",))
    monkeypatch.setattr(commands, "meant_stack", lambda _: "coder")
    monkeypatch.setattr(commands, "find_box", lambda _: None)
    monkeypatch.setattr(commands, "box_target", lambda _: prepare(made))
    return made


def effective(home: Path, host: str) -> dict[str, str]:
    """What OpenSSH itself makes of the person's file."""
    words = ["ssh", "-F", str(home / ".ssh/config"), "-G", host]
    lines = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    return dict(line.split(" ", 1) for line in lines if " " in line)


def test_openssh_finds_the_box_by_the_stacks_name_pinned_and_nothing_of_the_others(
    target: Target, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.body(None, install=True, json=True)
    row = json.loads(capsys.readouterr().out)
    assert (row["host"], row["installed"]) == ("daybox-coder", True)
    found = effective(tmp_path / "home", "daybox-coder")
    pinned = {"hostname": "192.0.2.1", "hostkeyalias": "daybox-7", "user": "root", "stricthostkeychecking": "true"}
    assert pinned.items() <= found.items()
    assert found["userknownhostsfile"].strip('"') == str(target.known_hosts)
    refused = {"controlmaster": "false", "forwardagent": "no", "identitiesonly": "yes"}
    assert refused.items() <= found.items()
    assert not {"proxyjump", "controlpath"} & set(found)


def test_everything_else_of_the_person_stays_theirs(target: Target, tmp_path: Path) -> None:
    before = effective(tmp_path / "home", "github.com")
    config.body(None, install=True)
    assert effective(tmp_path / "home", "github.com") == before


def test_without_install_nothing_is_written(target: Target, tmp_path: Path) -> None:
    before = (tmp_path / "home/.ssh/config").read_bytes()
    config.body(None)
    assert (tmp_path / "home/.ssh/config").read_bytes() == before


def test_the_name_follows_the_box_to_its_next_lease(target: Target, tmp_path: Path) -> None:
    config.body(None, install=True)
    prepare(Target("coder", "192.0.2.99", "daybox-8", target.login_key, ("ssh-ed25519 BBBB",)))
    found = effective(tmp_path / "home", "daybox-coder")
    assert (found["hostname"], found["hostkeyalias"]) == ("192.0.2.99", "daybox-8")


def test_it_can_be_removed_when_there_is_no_box_any_more(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (tmp_path / "home/.ssh/config").read_bytes()
    config.body(None, install=True)
    monkeypatch.setattr(commands, "find_box", lambda _: pytest.fail("nobody asks for a box"))
    config.body(None, remove=True)
    assert (tmp_path / "home/.ssh/config").read_bytes() == before


def test_install_and_remove_at_once_is_refused(target: Target) -> None:
    with pytest.raises((UsageError, Exception), match="opposites"):
        config.body(None, install=True, remove=True)
