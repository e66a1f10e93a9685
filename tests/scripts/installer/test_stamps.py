from pathlib import Path

from scripts.installer.stamps import digest, stamp_of, write_stamp


def test_the_same_content_has_the_same_digest_wherever_it_lies(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text("same")
    assert digest(tmp_path / "one") == digest(tmp_path / "two")


def test_a_word_moved_from_one_input_to_the_next_changes_the_digest() -> None:
    assert digest("ab", "c") != digest("a", "bc")


def test_a_folder_tells_what_it_was_made_from(tmp_path: Path) -> None:
    write_stamp(tmp_path, "abc")
    assert stamp_of(tmp_path) == "abc"


def test_a_folder_left_half_made_has_no_stamp(tmp_path: Path) -> None:
    assert stamp_of(tmp_path) == ""
    assert stamp_of(tmp_path / "absent") == ""
