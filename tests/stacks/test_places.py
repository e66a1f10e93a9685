"""Where things lie, and that what is private is private from its first moment."""

import os
from pathlib import Path

import pytest

from stacks.places import cache_dir, private_folder, stack_dir, state_dir, write_private, write_whole


def test_state_and_cache_are_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("DAYBOX_CACHE", str(tmp_path / "cache"))
    assert (state_dir(), cache_dir()) == (tmp_path / "state", tmp_path / "cache")


def test_without_a_word_they_are_in_your_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DAYBOX_STATE", "DAYBOX_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert (state_dir(), cache_dir()) == (tmp_path / ".local/state/daybox", tmp_path / ".cache/daybox")


def test_a_stacks_folder_is_yours_alone_whatever_the_umask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    before = os.umask(0)
    try:
        assert stack_dir("s").stat().st_mode & 0o777 == 0o700
    finally:
        os.umask(before)


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert private_folder(tmp_path).stat().st_mode & 0o777 == 0o755


def test_a_private_file_replaces_an_open_one_and_leaves_no_draft(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("for all to read")
    file.chmod(0o644)
    write_private(file, "mine")
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("mine", 0o600)
    assert list(tmp_path.iterdir()) == [file]


def test_bytes_that_others_may_read_are_theirs_to_read_once_they_are_whole(tmp_path: Path) -> None:
    file = write_whole(tmp_path / "ours/kept", b"\xff", 0o644)
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"\xff", 0o644)
    assert [one.name for one in file.parent.iterdir()] == ["kept"]
