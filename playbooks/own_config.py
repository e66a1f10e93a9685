"""`fab launch NAME --config` and `--restore`: daybox's values in a configuration of the user's own, and out of it.

Everything else in such a file stays byte for byte. What it was is kept, so that taking ours out gives back the very
bytes; where the user has changed the file since, only our values go, and what stood in their place comes back.
"""

import stat
from collections.abc import Sequence
from pathlib import Path

from playbooks.clients.client import OwnFile
from playbooks.own_edit import form_of
from playbooks.own_files import Content, check_writable, digest, read, real_path, remove, replace
from playbooks.own_plan import Located, Plan, plan, understood
from playbooks.own_record import (
    Entry,
    State,
    forget,
    keep,
    kept,
    kept_file,
    locked,
    read_record,
    set_aside,
    write_record,
    written,
)
from playbooks.own_tree import MISSING, words_of
from stacks.errors import ConfigError, all_of


def merge(client: str, files: Sequence[OwnFile], home: Path) -> list[str]:
    """Put daybox's values into the user's own files; lines for people.

    Raises ConfigError, every fault one a line, before anything is written: of a file that is broken, or holds
    something else where a mapping is needed, or cannot be written.
    """
    with locked(client) as folder:
        entries = read_record(folder)
        plans, faults = list[Plan](), list[ConfigError]()
        for own in files:
            try:
                plans.append(plan(folder, entries.get(own.path), own, home))
            except ConfigError as fault:
                faults.append(fault)
        if faults:
            raise all_of(faults)
        return [carry_out(folder, entries, one, home) for one in plans]


def carry_out(folder: Path, entries: dict[str, Entry], one: Plan, home: Path) -> str:
    """Write one file, and what was done to it: first what it was, then the record, then the file itself."""
    path, file, current = one.own.path, home / one.own.path, one.current
    if one.after == current:
        return as_it_should_be(file, one.own)
    earlier = entries.get(path)
    is_new = one.origin.data is None
    gone = is_new and earlier is not None and not earlier.made and kept(folder, path) is not None
    older = None if gone else keep_what_was(folder, one, earlier, file)
    former = (State(digest(current), one.origin.changes),) if current is not None else ()
    states = (*former, State(digest(one.after), one.changes))
    was_new = earlier is not None and (earlier.made or earlier.gone)
    folders = earlier.folders if earlier and is_new and was_new else missing_folders(real_path(file))
    entries[path] = Entry(path, one.own.kind, is_new and not gone, folders, states, gone, one.own.holds_key)
    write_record(folder, entries)
    replace(file, one.after, current, mode=own_mode(file) if one.own.holds_key else None)
    entries[path] = written(entries[path])
    write_record(folder, entries)
    what = ", ".join(words_of(change.steps) for change in one.changes)
    before = f"; {'it was gone, and ' if gone else ''}as it was before it is kept in {kept_file(folder, path)}"
    line = f"{file}: {'made' if is_new else 'set'}: {what}{'' if entries[path].made else before}"
    return line + (f"; an older one is in {older}" if older else "")


def as_it_should_be(file: Path, own: OwnFile) -> str:
    """Nothing is to be written; but where a key stands in it, others are kept out again."""
    mode = stat.S_IMODE(file.stat().st_mode)
    if not own.holds_key or not mode & 0o077:
        return f"{file}: is as it should be; nothing was changed"
    file.chmod(own_mode(file))
    return f"{file}: a key stands in it and others could read it ({mode:04o}); it is {own_mode(file):04o} now"


def keep_what_was(folder: Path, one: Plan, earlier: Entry | None, file: Path) -> Path | None:
    """Keep the file as it was; where another one's is kept under its name, the place to which that was moved."""
    path, data = one.own.path, one.origin.data
    # What is kept without an entry is of a file that was gone at --restore; nothing of either stands in this one.
    older = set_aside(folder, path, data) if earlier is None or earlier.gone else None
    if data is None:
        return older
    mode = stat.S_IMODE(file.stat().st_mode)
    if earlier and earlier.holds_key and kept(folder, path) == data:  # the mode that it has is the one we gave it
        mode = stat.S_IMODE(kept_file(folder, path).stat().st_mode)
    keep(folder, path, data, mode)
    return older


def own_mode(file: Path) -> int:
    """The file's mode without what others may do: a key stands in it from now on."""
    return stat.S_IMODE(file.stat().st_mode) & stat.S_IRWXU if file.exists() else 0o600


def missing_folders(file: Path) -> int:
    """How many of the folders above a file are not there yet."""
    return sum(not place.exists() for place in file.parents)


def restore(client: str, home: Path) -> list[str]:
    """Take daybox's values out of the user's own files; lines for people.

    Raises ConfigError, every fault one a line, for files that cannot be read or written; the others are restored.
    """
    with locked(client) as folder:
        entries = read_record(folder)
        if not entries:
            return [f"fab launch {client}: nothing of daybox's is in its own configuration"]
        lines, faults = list[str](), list[ConfigError]()
        for entry in list(entries.values()):
            try:
                lines.append(take_out(folder, entries, entry, home))
            except ConfigError as fault:
                faults.append(fault)
        if faults:
            raise all_of(faults)
        return lines


def take_out(folder: Path, entries: dict[str, Entry], entry: Entry, home: Path) -> str:
    """Take ours out of one file."""
    file, path = home / entry.path, entry.path
    current, before = read(file), kept(folder, entry.path)
    if current is None:
        forget(folder, entries, path, and_kept=False)
        held = f"; as it was it is still in {kept_file(folder, path)}" if before is not None else ""
        return f"{file}: is gone{held}"
    check_writable(file)
    if current == before:
        forget(folder, entries, path)
        return f"{file}: nothing of daybox's was in it"
    is_lost = before is None and not entry.made  # somebody emptied our state: what was there is not known any more
    if entry.state_of(digest(current)) and not is_lost:
        return put_back(folder, entries, entry, current, before, home)
    content = understood(file, entry.kind, current)
    text, left = Located(file, entry.kind, content.text).taken_back(entry.changes)
    if (entry.made or entry.gone) and not says_anything(text, entry.kind):
        return put_back(folder, entries, entry, current, before if entry.gone else None, home)
    if text != content.text:
        replace(file, Content(content.mark, text).data, current)
    forget(folder, entries, path, and_kept=not entry.gone)
    yours = f"; left as you changed it: {', '.join(left)}" if left else ""
    held = f"; as it was before it was gone it is still in {kept_file(folder, path)}" if entry.gone and before else ""
    return f"{file}: daybox's values are out of it, what you changed since is kept{yours}{held}"


def says_anything(text: str, kind: str) -> bool:
    """Whether something is left in a text that we made: a value, or a comment."""
    value = form_of(kind).plain(text)
    return (value is not MISSING and value not in ({}, [])) or any(sign in text for sign in ("#", "//", "/*"))


def put_back(
    folder: Path, entries: dict[str, Entry], entry: Entry, current: bytes, before: bytes | None, home: Path
) -> str:
    """The very bytes that were there before; no file if there was none."""
    file = home / entry.path
    if before is None:
        remove(file, entry.folders)
    else:
        replace(file, before, current, mode=stat.S_IMODE(kept_file(folder, entry.path).stat().st_mode))
    forget(folder, entries, entry.path)
    return f"{file}: {'removed, as daybox made it' if before is None else 'is what it was before'}"
