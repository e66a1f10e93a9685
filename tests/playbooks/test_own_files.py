"""A file of the user's own is replaced whole: what it was, who owns it, who may read it, all of that stays."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from playbooks.own_files import Content, check_writable, content_of, digest, place_of, read, remove, replace
from playbooks.own_tree import BrokenError
from stacks.errors import ConfigError

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "settings.json"
    made.write_bytes(b"theirs")
    made.chmod(0o640)
    return made


def test_bytes_are_replaced_and_nothing_else_is_left_beside_them(file: Path) -> None:
    before = file.stat()
    replace(file, b"ours", b"theirs")
    assert (file.read_bytes(), file.stat().st_mode) == (b"ours", before.st_mode)
    assert file.stat().st_mtime_ns >= before.st_mtime_ns
    assert list(file.parent.iterdir()) == [file]


@ROOT_ONLY
def test_the_owner_stays_the_owner(file: Path) -> None:
    os.chown(file, 12_345, 54_321)
    replace(file, b"ours", b"theirs")
    assert (file.stat().st_uid, file.stat().st_gid, file.stat().st_mode & 0o777) == (12_345, 54_321, 0o640)


def test_attributes_stay(file: Path) -> None:
    try:
        os.setxattr(file, "user.note", b"mine")
    except OSError:
        pytest.skip("this file system has no attributes")
    replace(file, b"ours", b"theirs")
    assert os.getxattr(file, "user.note") == b"mine"


@pytest.mark.parametrize("name", ["chmod", "utime", "fsync"])
def test_what_will_hold_a_key_is_at_no_moment_open_to_others(
    file: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Looked at around each call that makes of the draft what the file was."""
    file.chmod(0o644)
    seen, real = list[int](), getattr(os, name)

    def watched(*words: object, **more: object) -> object:
        done = real(*words, **more)
        seen.extend(one.stat().st_mode & 0o077 for one in file.parent.glob(".*daybox-*"))
        return done

    monkeypatch.setattr(os, name, watched)
    replace(file, b"a key", b"theirs", mode=0o600)
    assert seen and not any(seen)
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"a key", 0o600)


def test_attributes_stay_where_a_mode_is_given_but_no_list_of_who_may_read(file: Path) -> None:
    try:
        os.setxattr(file, "user.note", b"mine")
    except OSError:
        pytest.skip("this file system has no attributes")
    if shutil.which("setfacl"):
        subprocess.run(["setfacl", "-m", "u:12345:r", str(file)], check=True)
    replace(file, b"a key", b"theirs", mode=0o600)
    assert os.getxattr(file, "user.note") == b"mine"
    assert "system.posix_acl_access" not in os.listxattr(file)


def test_what_changed_meanwhile_is_left(file: Path) -> None:
    with pytest.raises(ConfigError, match="was changed just now"):
        replace(file, b"ours", b"older")
    assert file.read_bytes() == b"theirs" and list(file.parent.iterdir()) == [file]


def test_a_write_that_fails_leaves_the_file_and_no_draft(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match="No space left on device; nothing was written"):
        replace(file, b"ours", b"theirs")
    assert file.read_bytes() == b"theirs" and list(file.parent.iterdir()) == [file]


def test_a_new_file_is_yours_alone_and_goes_with_the_folders_made_for_it(tmp_path: Path) -> None:
    file = tmp_path / "a/b/c.json"
    old = os.umask(0)
    try:
        replace(file, b"ours", None)
    finally:
        os.umask(old)
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    remove(file, 1)
    assert [path.name for path in tmp_path.rglob("*")] == ["a"]


def test_a_read_only_file_is_not_replaced(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, _: path != file)  # root writes everything
    with pytest.raises(ConfigError, match="is read-only; nothing was written"):
        check_writable(file)


def test_neither_is_that_of_another_user(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: file.stat().st_uid + 1)
    with pytest.raises(ConfigError, match="belongs to another user; nothing was written"):
        check_writable(file)


def test_a_folder_that_nobody_may_write_in_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, _: path != file.parent)
    with pytest.raises(ConfigError, match=f"you cannot write in {file.parent}"):
        check_writable(file.parent / "later/settings.json")


def test_a_mark_is_no_part_of_the_text() -> None:
    assert content_of(b"\xef\xbb\xbf{}") == Content("\ufeff", "{}")
    assert Content("\ufeff", "{}").data == b"\xef\xbb\xbf{}"
    with pytest.raises(BrokenError, match="byte 2 is no UTF-8"):
        content_of(b"a\xff")


def test_no_file_is_not_an_empty_one(tmp_path: Path) -> None:
    assert read(tmp_path / "none") is None
    assert digest(None) != digest(b"")


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        ("abc", 0, "line 1, column 1: "),
        ("a\nbc", 3, "line 2, column 2: "),
        ("a\r\nbc", 3, "line 2, column 1: "),
        ("a\rb", 3, "line 2, column 2: "),
        ("abc", None, ""),
    ],
)
def test_a_place_is_told_as_an_editor_counts(text: str, where: int | None, words: str) -> None:
    assert place_of(text, where) == words
