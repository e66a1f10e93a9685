"""One line of the person's own ~/.ssh/config: it includes the stack's file, so that `ssh daybox-STACK` works anywhere.

The file is written by every command that speaks to the box, so the name follows the box from lease to lease.
"""

import difflib
import os
import re
from contextlib import suppress
from pathlib import Path

from stacks.errors import ConfigError

CONDITION = re.compile(r"\s*(host|match)\b", re.IGNORECASE)


def user_config() -> Path:
    """The file that ssh reads for this person; what it is a link to, if it is one."""
    return (Path.home() / ".ssh/config").resolve()


def include_line(file: Path) -> str:
    """The line that includes `file`. Raises ConfigError for a path that no such line can hold."""
    if re.search(r'["\n*?\[\]]', str(file)):
        raise ConfigError(f"{file}: ssh's Include cannot name this path", hint="set DAYBOX_STATE to another folder")
    return f'Include "{file}"'


def installed(text: str, line: str) -> str:
    """`text` with the line, at its beginning: below a `Host` it would hold for that host only."""
    return text if line in unconditional(text) else f"{line}\n{text}"


def unconditional(text: str) -> list[str]:
    """The lines that hold for every host."""
    lines = text.splitlines()
    return lines[: next((number for number, line in enumerate(lines) if CONDITION.match(line)), len(lines))]


def removed(text: str, line: str) -> str:
    """`text` without the line, wherever it stands."""
    return "".join(one for one in text.splitlines(keepends=True) if one.rstrip("\r\n") != line)


def difference(before: str, after: str, path: Path) -> str:
    """What changes in the file, as a diff; empty for nothing."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    return "".join(difflib.unified_diff(old, new, fromfile=str(path), tofile=str(path), n=1))


def read(path: Path) -> str:
    """The file's text, whatever bytes are in it; empty if there is none. Raises ConfigError if it cannot be read."""
    try:
        return path.read_bytes().decode(errors="surrogateescape")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", hint="make it readable") from None


def write(path: Path, text: str, line: str) -> None:
    """Put `text` into the file, wholly or not at all, its mode kept. Raises ConfigError if that may not be."""
    draft = path.with_name(f".{path.name}.daybox")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
        draft.write_bytes(text.encode(errors="surrogateescape"))
        os.chmod(draft, mode)
        draft.replace(path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise ConfigError(
            f"{path}: {error.strerror}", hint=f"put this line at its beginning yourself: {line}"
        ) from None
