"""Files of the user's own, read and replaced whole: nothing of them is ever lost, and nothing about them changes."""

import hashlib
import os
import shutil
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from playbooks.own_tree import BrokenError
from stacks.errors import ConfigError

MARK = "\ufeff"  # Windows' editors begin a file with it
LEFT_ALONE = "nothing was written"


@dataclass(frozen=True)
class Content:
    """A file's text. mark: what stands before it, which no parser wants."""

    mark: str
    text: str

    @property
    def data(self) -> bytes:
        """The file's bytes."""
        return (self.mark + self.text).encode()


def read(file: Path) -> bytes | None:
    """A file's bytes; None if there is none. Raises ConfigError if it cannot be read, or is no file."""
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise ConfigError(f"{file}: is no file; {LEFT_ALONE}", hint="move it away, then type it again")
        return file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}; {LEFT_ALONE}", hint="see `ls -l` of it") from None


def content_of(data: bytes) -> Content:
    """What stands in the bytes. Raises BrokenError."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise BrokenError(f"byte {error.start + 1} is no UTF-8") from None
    return Content(MARK, text[1:]) if text.startswith(MARK) else Content("", text)


def digest(data: bytes | None) -> str:
    """What tells one content from another; empty for no file."""
    return "" if data is None else hashlib.sha256(data).hexdigest()


def check_writable(file: Path) -> None:
    """Raises ConfigError unless the file can be replaced; a link is followed, for the file behind it is."""
    real = real_path(file)
    folder = next(place for place in real.parents if place.exists())
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(f"{file}: you cannot write in {folder}; {LEFT_ALONE}", hint="whose is it? `ls -ld` it")
    if not real.exists():
        return
    if not os.access(real, os.W_OK):
        raise ConfigError(f"{file}: is read-only; {LEFT_ALONE}", hint=f"chmod u+w {real}, if it is yours to change")
    if real.stat().st_uid != os.geteuid() and os.geteuid() != 0:
        raise ConfigError(f"{file}: belongs to another user; {LEFT_ALONE}", hint="whose is it? `ls -l` it")


def real_path(file: Path) -> Path:
    """The file behind a link, or the file itself."""
    return Path(os.path.realpath(file))


def replace(file: Path, data: bytes, seen: bytes | None, *, mode: int | None = None) -> None:
    """Put other bytes into a file, at once; a new one is yours alone.

    Owner and attributes stay, and the mode unless another is given; a link stays one. seen: what it held; ConfigError
    if it holds something else now.
    """
    real = real_path(file)
    real.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    draft = real.with_name(f".{real.name}.daybox-{os.getpid()}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        if real.exists():
            keep_about(real, draft, mode)
        if read(file) != seen:
            raise ConfigError(f"{file}: was changed just now; {LEFT_ALONE}", hint="type it again")
        draft.replace(real)
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}; {LEFT_ALONE}", hint="see `ls -l` of it") from None
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()
    settle(real.parent)


def keep_about(real: Path, draft: Path, mode: int | None) -> None:
    """Give the draft what the file has beside its bytes: owner, group, attributes, and its mode unless one is given.

    With a mode the draft, in which a key may stand, is at no time open to more than that: `copystat` would give it the
    file's own mode first, and its access list, which is therefore left out.
    """
    about = real.stat()
    if (about.st_uid, about.st_gid) != (draft.stat().st_uid, draft.stat().st_gid):
        os.chown(draft, about.st_uid, about.st_gid)
    if mode is None:
        shutil.copystat(real, draft)
    else:
        copy_attributes(real, draft)
    draft.chmod(stat.S_IMODE(about.st_mode) if mode is None else mode)
    os.utime(draft)


def copy_attributes(real: Path, draft: Path) -> None:
    """Give the draft the file's attributes, but not who else may read it. Python knows them on Linux only."""
    for name in os.listxattr(real) if hasattr(os, "listxattr") else ():
        if not name.startswith("system."):
            with suppress(OSError):  # as copystat: not every file system takes every one
                os.setxattr(draft, name, os.getxattr(real, name))


def remove(file: Path, folders: int) -> None:
    """Remove a file that was made here, and so many of the folders above it, if nothing else is in them."""
    real = real_path(file)
    real.unlink(missing_ok=True)
    settle(real.parent)
    for folder in list(real.parents)[:folders]:
        with suppress(OSError):  # something else is in it
            folder.rmdir()


def settle(folder: Path) -> None:
    """Have the folder's entries outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def place_of(text: str, where: int | None) -> str:
    """`line 3, column 5: ` for an offset in a text; empty if it is not known."""
    if where is None:
        return ""
    before = text[:where].replace("\r\n", "\n").replace("\r", "\n")
    return f"line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}: "
