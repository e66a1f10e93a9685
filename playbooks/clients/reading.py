"""Helpers for rows' `conflicts`: the files that clients read, and which names in them lead elsewhere.

Read as widely as the most forgiving client would: naming a line too many costs a look, one too few costs the code.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playbooks.clients.surroundings import LOOPBACK_NAMES

# Of an address without TLS, as the gateway's is: a proxy is sent every prompt in clear text.
PROXIES, DIRECT = ("http_proxy", "all_proxy"), "no_proxy"
# `NAME=value`, `export NAME = value`, `'NAME'="value"` (python-dotenv), `NAME: value` (node's dotenv).
ASSIGNMENT = re.compile(r"\ufeff?\s*(?:export\s+)?(['\"]?)([\w.-]+)\1\s*[=:]\s*(.*)")
CLOSED: ContextVar[list[Path] | None] = ContextVar("files that could not be read", default=None)
LINE_END = re.compile(r"\r\n|\r|\n")
# Outside of strings: what JSON with comments has beyond JSON. A string is matched so that nothing in it is.
STRING_OR_COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|//[^\r\n]*|/\*.*?\*/', re.DOTALL)
STRING_OR_COMMA = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])', re.DOTALL)


def root_of(folder: Path) -> Path:
    """The root of the git repository that `folder` lies in; the folder itself outside of one."""
    return next((place for place in (folder, *folder.parents) if (place / ".git").exists()), folder)


def places_of(folder: Path, home: Path) -> list[Path]:
    """Home, the root of the repository, and the folder itself, each once: where clients look."""
    return list(dict.fromkeys((home, root_of(folder), folder)))


def folders_between(folder: Path) -> list[Path]:
    """The root of the repository, and every folder on the way down to `folder`: where some clients look, too."""
    root = root_of(folder)
    return [place for place in reversed((folder, *folder.parents)) if place == root or root in place.parents]


def files_in(places: Iterable[Path], names: Sequence[str]) -> list[Path]:
    """Those files that are there, in the order of places. What cannot be looked for is not there."""
    return [file for place in places for name in names if is_there(file := place / name)]


def is_there(file: Path) -> bool:
    """Whether it is a file; a folder that nobody may enter has none (`noting_closed` names it)."""
    try:
        return file.is_file()
    except OSError:
        note_closed(file)
        return False


def dotenv_files(folder: Path, home: Path, names: Sequence[str] = (".env",)) -> list[Path]:
    """The .env files of home, of the root of the repository and of the folder: aider loads all, in this order."""
    return files_in(places_of(folder, home), names)


def dotenv_values(text: str) -> Iterator[tuple[str, str]]:
    """Every assignment of a .env, in order; a name may come twice."""
    for line in LINE_END.split(text):
        if found := ASSIGNMENT.match(line):
            yield found[2], unquoted(found[3])


def unquoted(value: str) -> str:
    """A value without its quotes, or without the comment behind it."""
    value = value.strip()
    if value[:1] in ("'", '"', "`"):
        return value[1:].partition(value[0])[0]
    return re.split(r"(?:^|\s)#", value, maxsplit=1)[0].rstrip()


def text_of(file: Path) -> str:
    """The text of a file; empty if it cannot be read (`noting_closed` names it)."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return ""  # it is not there, so nobody is kept from it
    except OSError:
        note_closed(file)
        return ""


@contextmanager
def noting_closed() -> Iterator[list[Path]]:
    """The files, filled while the `with` block runs, that are there and that nobody here can look into."""
    files = list[Path]()
    token = CLOSED.set(files)
    try:
        yield files
    finally:
        CLOSED.reset(token)


def note_closed(file: Path) -> None:
    """Remember a file that could not be read, if somebody wants to know."""
    files = CLOSED.get()
    if files is not None and file not in files:
        files.append(file)


def json_of(text: str) -> dict[str, Any]:
    """The object in JSON, with comments and trailing commas or without; empty if there is none."""
    bare = STRING_OR_COMMENT.sub(lambda found: found[1] or " ", text)
    plain = STRING_OR_COMMA.sub(lambda found: found[1] or "", bare)
    try:
        value = json.loads(plain.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def inside(value: Any, *path: str) -> Any:
    """What lies at this path of nested mappings; None if nothing does."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def strings_of(value: Any) -> dict[str, str]:
    """A mapping's entries as text, as a client would export them; empty if it is no mapping."""
    return {str(name): as_text(one) for name, one in value.items()} if isinstance(value, Mapping) else {}


def as_text(value: Any) -> str:
    """A value as it stands in an environment."""
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, default=str)


def leading(
    values: Mapping[str, str], port: int | None, bases: Sequence[str] = (), choosers: Sequence[str] = ()
) -> list[str]:
    """The names among `values` that lead elsewhere than to the gateway at `port`: those of `proxied`, and these.

    bases: they hold an address, which may be ours. choosers: set to whatever, they choose another model or way.
    """
    wrong_bases = [name for name in bases if values.get(name) and not is_ours(values[name], port)]
    return [*wrong_bases, *(name for name in choosers if values.get(name)), *proxied(values)]


def leading_lines(
    lines: Iterable[tuple[str, str]], port: int | None, bases: Sequence[str] = (), choosers: Sequence[str] = ()
) -> list[str]:
    """As `leading`, of a file in which a name may come twice: clients differ in which one they take."""
    pairs = list(lines)
    last = dict(pairs)
    readings = [last, *(last | {name: value} for name, value in pairs if value != last[name])]
    return list(dict.fromkeys(name for values in readings for name in leading(values, port, bases, choosers)))


def proxied(values: Mapping[str, str]) -> list[str]:
    """The names of proxies that would be sent what is meant for loopback, or that take it from the exceptions."""
    proxies = [name for wanted in PROXIES for name in (wanted, wanted.upper()) if values.get(name)]
    given = [name for name in (DIRECT, DIRECT.upper()) if name in values]
    covered = any(covers(values[name]) for name in given[:1])  # lower case wins, where a client reads both
    if proxies and not covered:
        return proxies
    # NOTE: an empty one in a .env undoes what the shell says, whose proxies then hold.
    return [name for name in given if not values[name].strip()]


def covers(names: str) -> bool:
    """Whether these exceptions hold the gateway's address."""
    words = {word.strip() for word in names.split(",")}
    return "*" in words or LOOPBACK_NAMES[0] in words


def is_ours(url: str, port: int | None) -> bool:
    """Whether it is the gateway's address."""
    try:
        parts = urlsplit(url.strip())
        return parts.hostname in LOOPBACK_NAMES and parts.port == port
    except ValueError:
        return False
