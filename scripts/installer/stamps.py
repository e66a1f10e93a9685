"""How a second run knows that nothing is left to do: a part leaves a stamp, the digest of what it was made from."""

import hashlib
from pathlib import Path


def digest(*inputs: Path | str) -> str:
    """A short name for the content of files and for words, the same on every laptop."""
    total = hashlib.sha256()
    for item in inputs:
        content = item.read_bytes() if isinstance(item, Path) else item.encode()
        total.update(hashlib.sha256(content).digest())
    return total.hexdigest()[:16]


def stamp_of(folder: Path) -> str:
    """What `folder` was made from; empty if it is not there or was left half made."""
    try:
        return _file(folder).read_text().strip()
    except (FileNotFoundError, NotADirectoryError):
        return ""


def write_stamp(folder: Path, made_from: str) -> None:
    """Say that `folder` is complete: the last thing that a part does."""
    draft = _file(folder).with_suffix(".draft")
    draft.write_text(made_from + "\n")
    draft.replace(_file(folder))


def _file(folder: Path) -> Path:
    return folder / ".daybox-stamp"
