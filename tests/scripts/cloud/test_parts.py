"""Parts: made once, made whole, made side by side."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.cloud.parts import Part, make_all, missing, only_one, recipe_hash, remove, with_needs
from stacks.errors import CloudError


def part(folder: Path, name: str, *needs: str, build: Callable[[Path], None] | None = None) -> Part:
    return Part(name, name, folder / name, build or Path.touch, needs)


def test_a_part_that_is_there_is_not_missing(tmp_path: Path) -> None:
    one, two = part(tmp_path, "one"), part(tmp_path, "two")
    one.make()
    assert missing([one, two]) == [two]


def test_a_part_that_breaks_off_is_not_there_and_the_next_run_starts_afresh(tmp_path: Path) -> None:
    def break_off(target: Path) -> None:
        target.mkdir()
        (target / "half").touch()
        raise CloudError("broken", hint="again")

    with pytest.raises(CloudError):
        part(tmp_path, "one", build=break_off).make()
    whole = part(tmp_path, "one", build=lambda target: target.mkdir())
    assert missing([whole]) == [whole]
    whole.make()
    assert list(whole.target.iterdir()) == []


def test_nothing_is_deleted_where_something_is_mounted() -> None:
    with pytest.raises(CloudError, match="something is mounted in it"):
        remove(Path("/dev"))


def test_another_recipe_is_another_part() -> None:
    assert recipe_hash("a", "b") != recipe_hash("ab")
    assert len(recipe_hash("a")) == 12


def test_needs_come_first_and_once(tmp_path: Path) -> None:
    every = {name: part(tmp_path, name, *needs) for name, needs in {"a": "", "b": "a", "c": "ab"}.items()}
    assert [one.name for one in with_needs(every, ["c", "a"])] == ["a", "b", "c"]


def test_a_part_waits_for_what_it_needs(tmp_path: Path) -> None:
    order: list[str] = []
    parts = [part(tmp_path, "a"), part(tmp_path, "b", "a"), part(tmp_path, "c", "b")]
    make_all(parts, lambda made, _seconds: order.append(made.name))
    assert order == ["a", "b", "c"]


def test_parts_that_need_nothing_of_each_other_are_made_side_by_side(tmp_path: Path) -> None:
    both = threading.Barrier(2, timeout=5)  # breaks unless two are under way at once

    def build(target: Path) -> None:
        both.wait()
        target.touch()

    parts = [part(tmp_path, name, build=build) for name in ("a", "b")]
    make_all(parts, lambda _made, _seconds: None)
    assert missing(parts) == []


def test_what_needs_a_part_that_failed_is_not_made(tmp_path: Path) -> None:
    def fail(_target: Path) -> None:
        raise CloudError("no network", hint="plug it in")

    parts = [part(tmp_path, "a", build=fail), part(tmp_path, "b", "a"), part(tmp_path, "c")]
    with pytest.raises(CloudError, match="no network"):
        make_all(parts, lambda _made, _seconds: None)
    assert [one.name for one in missing(parts)] == ["a", "b"]


def test_two_preparations_take_turns(tmp_path: Path) -> None:
    entered = threading.Event()
    with only_one(tmp_path):
        other = threading.Thread(target=lambda: enter(tmp_path, entered))
        other.start()
        assert not entered.wait(0.05)
    other.join()
    assert entered.is_set()


def enter(folder: Path, entered: threading.Event) -> None:
    with only_one(folder):
        entered.set()
