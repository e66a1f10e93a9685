"""What merging would make of a file of the user's own, before anything is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playbooks.clients.client import OwnFile
from playbooks.own_edit import Change, form_of, leaves, merged, taken_back, wishes
from playbooks.own_files import LEFT_ALONE, Content, check_writable, content_of, digest, place_of, read
from playbooks.own_record import Entry, kept
from playbooks.own_tree import BrokenError, same, words_of
from stacks.errors import ConfigError

TOO_DEEP = BrokenError("it is nested too deep")
WORDS = {"json": "JSON", "toml": "TOML", "yaml": "YAML"}


@dataclass(frozen=True)
class Origin:
    """A file without anything of ours. data: None if there is none. changes: ours in it as it stands."""

    data: bytes | None
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Plan:
    """What is to become of one file. current: as it stands; before: without ours; after: with them."""

    own: OwnFile
    current: bytes | None
    origin: Origin
    after: bytes
    changes: tuple[Change, ...]


def plan(folder: Path, entry: Entry | None, own: OwnFile, home: Path) -> Plan:
    """What merging makes of one file. Raises ConfigError if it cannot be."""
    file = home / own.path
    current = read(file)
    check_writable(file)
    origin = origin_of(folder, entry, current, file)
    if current is not None and is_as_wished(current, own, origin.changes, file):
        return Plan(own, current, origin, current, origin.changes)
    content = understood(file, own.kind, origin.data)
    with_place = Located(file, own.kind, content.text)
    text, changes = with_place.merged(plain_values(own.values))
    return Plan(own, current, origin, Content(content.mark, text).data, tuple(changes))


def is_as_wished(current: bytes, own: OwnFile, changes: Sequence[Change], file: Path) -> bool:
    """Whether all of ours is there, and nothing of ours that we no longer want."""
    content, values = understood(file, own.kind, current), plain_values(own.values)
    try:
        if list(wishes(values, form_of(own.kind).plain(content.text))):
            return False
    except BrokenError:
        return False  # merging says why
    wanted = leaves(values)
    found = {steps: leaf for change in changes for steps, leaf in leaves(change.ours, change.steps).items()}
    return all(steps in wanted and same(wanted[steps], leaf) for steps, leaf in found.items())


def origin_of(folder: Path, entry: Entry | None, current: bytes | None, file: Path) -> Origin:
    """The file without ours: as it was kept if only we have changed it, else what is left of it without them."""
    if entry is None or current is None:
        return Origin(current, ())
    state, before = entry.state_of(digest(current)), kept(folder, entry.path)
    if state and (before is not None or entry.made or entry.gone):
        return Origin(None if entry.gone else before, state.changes)
    if current == before:
        return Origin(current, ())
    changes = entry.changes
    content = understood(file, entry.kind, current)
    text, _ = Located(file, entry.kind, content.text).taken_back(changes)
    is_theirs = bool(text.strip()) or not (entry.made or entry.gone)
    return Origin(Content(content.mark, text).data if is_theirs else None, changes)


def understood(file: Path, kind: str, data: bytes | None) -> Content:
    """A file's text, which is right. Raises ConfigError, which names the place, if it is not."""
    try:
        content = content_of(data or b"")
    except BrokenError as error:
        raise broken(file, kind, "", error) from None
    try:
        form_of(kind).plain(content.text)
    except BrokenError as error:
        raise broken(file, kind, content.text, error) from None
    except RecursionError:
        raise broken(file, kind, "", TOO_DEEP) from None
    return content


def broken(file: Path, kind: str, text: str, error: BrokenError) -> ConfigError:
    """What is wrong with a file of the user's, and where."""
    fact = f"{file}: {place_of(text, error.where)}{error.why}; {LEFT_ALONE}"
    return ConfigError(fact, hint=f"mend it, or move it away; it must be {WORDS[kind]}")


@dataclass(frozen=True)
class Located:
    """A text and where it comes from, so that what cannot be done with it can be said."""

    file: Path
    kind: str
    text: str

    def merged(self, values: Any) -> tuple[str, list[Change]]:
        """See own_edit. Raises ConfigError."""
        try:
            return merged(self.text, self.kind, values)
        except BrokenError as error:
            raise broken(self.file, self.kind, self.text, error) from None
        except RecursionError:
            raise broken(self.file, self.kind, "", TOO_DEEP) from None

    def taken_back(self, changes: Sequence[Change]) -> tuple[str, list[str]]:
        """See own_edit; the places in words. Raises ConfigError."""
        try:
            text, left = taken_back(self.text, self.kind, changes)
            form_of(self.kind).plain(text)
        except BrokenError as error:
            raise broken(self.file, self.kind, self.text, error) from None
        return text, [words_of(steps) for steps in left]


def plain_values(values: Any) -> Any:
    """Values without classes of their own, so that every format can write them."""
    if isinstance(values, Mapping):
        return {str(key): plain_values(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [plain_values(value) for value in values]
    return values
