"""What daybox has put into configurations of the user's own: one record a client, and the files as they were before."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from playbooks import keys
from playbooks.own_edit import Change
from playbooks.own_tree import Steps
from stacks.errors import ConfigError
from stacks.places import private_folder, state_dir, write_private, write_whole


@dataclass(frozen=True)
class State:
    """What a file was once made to hold. digest: of its bytes; changes: ours in it."""

    digest: str
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Entry:
    """One file. path: below home. made: it was not there before; folders: how many of those above it were not, either.

    gone: the user's was there before, and gone when ours was written: the kept one is theirs, and nothing of it stands
    in this one. holds_key: a key stands in it, so that it is nobody's but the user's.
    states: what was written last; and while it is written, what stood there before as well. Whichever of them a file
    is in, the kept file is what it was without ours.
    """

    path: str
    kind: str
    made: bool
    folders: int
    states: tuple[State, ...]
    gone: bool = False
    holds_key: bool = False

    def state_of(self, digest: str) -> State | None:
        """The state whose bytes these are; None if somebody else has changed them."""
        return next((state for state in self.states if state.digest == digest), None)

    @property
    def changes(self) -> tuple[Change, ...]:
        """Whatever of ours may be in it: a run that was cut off may have written either state."""
        return tuple(change for state in self.states for change in state.changes)


@contextmanager
def locked(client: str) -> Iterator[Path]:
    """The folder of one client's record, while nobody else changes what it is about."""
    folder = private_folder(private_folder(state_dir() / "own") / client)
    with keys.locked(folder.parent / "lock"):
        yield folder


def read_record(folder: Path) -> dict[str, Entry]:
    """path -> entry. Raises ConfigError if it is damaged."""
    file = folder / "record.json"
    if not file.exists():
        return {}
    try:
        return {row["path"]: entry(row) for row in json.loads(file.read_text())}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{file}: is damaged ({type(error).__name__})",
            hint=f"put the files back by hand, which are kept in {folder / 'before'}; then remove {folder}",
        ) from None


def entry(row: dict[str, Any]) -> Entry:
    """An entry as it was written."""
    states = tuple(State(one["digest"], tuple(map(change, one["changes"]))) for one in row["states"])
    gone, holds_key = bool(row.get("gone")), bool(row.get("holds_key"))  # an older daybox did not write them
    return Entry(row["path"], row["kind"], bool(row["made"]), int(row["folders"]), states, gone, holds_key)


def change(row: dict[str, Any]) -> Change:
    """A change as it was written: a step is a text, or a pair."""
    steps: Steps = tuple(step if isinstance(step, str) else (step[0], step[1]) for step in row["steps"])
    return Change(steps, row["ours"], row["former"])


def write_record(folder: Path, entries: dict[str, Entry]) -> None:
    """Write it down, for you alone: values of ours may be keys."""
    rows = [asdict(one) for one in entries.values()]
    write_private(folder / "record.json", json.dumps(rows, indent=1, ensure_ascii=False) + "\n")


def kept_file(folder: Path, path: str) -> Path:
    """Where a file is kept as it was."""
    return folder / "before" / path


def keep(folder: Path, path: str, data: bytes, mode: int) -> None:
    """Keep a file as it was, with its mode; the folder around it is yours alone."""
    write_whole(kept_file(folder, path), data, mode)


def kept(folder: Path, path: str) -> bytes | None:
    """A file as it was; None if there was none."""
    file = kept_file(folder, path)
    return file.read_bytes() if file.is_file() else None


def set_aside(folder: Path, path: str, data: bytes | None) -> Path | None:
    """Give a kept file that is not this one a name of its own, so that it is not written over; None if none is."""
    if kept(folder, path) in (None, data):
        return None
    file = kept_file(folder, path)
    names = (file.with_name(f"{file.name}.older-{number}") for number in count(1))
    return file.rename(next(name for name in names if not os.path.lexists(name)))


def key_files(home: Path) -> list[Path]:
    """The user's own files in which a key of daybox's stands. Raises ConfigError if a record is damaged."""
    folders = sorted(file.parent for file in (state_dir() / "own").glob("*/record.json"))
    return [home / one.path for folder in folders for one in read_record(folder).values() if one.holds_key]


def forget(folder: Path, entries: dict[str, Entry], path: str, *, and_kept: bool = True) -> None:
    """Nothing of ours is in that file any more."""
    entries.pop(path)
    write_record(folder, entries)
    if and_kept:
        kept_file(folder, path).unlink(missing_ok=True)


def written(entry: Entry) -> Entry:
    """An entry whose last state is what stands there now."""
    return replace(entry, states=entry.states[-1:])
