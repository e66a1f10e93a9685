"""What daybox knows of one client: pure functions that say what it is given, so that it can only reach the gateway.

A client is a row. What it is given is files in a folder of daybox's own (0600, never in the user's repository), words
on its command line (never a key: `ps` shows them) and variables. `fab launch` does the rest, the same for all.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Version = tuple[int, ...]


@dataclass(frozen=True)
class Way:
    """Where a client is led: the gateway, with a key of its own, to one model, or two.

    base: the gateway's, with /v1. model: as it is served. window_tokens: for prompt and answer together, as the box
    itself says; answer_tokens: the most that a client may ask for in one answer. tools: the box parses tool calls.
    architect: the second model of a stack that has one, as it is served; empty: the same model has both roles.
    catalog_name, architect_catalog_name: their rows in the catalog. folder: the client's own, on this laptop.
    """

    base: str
    key: str = field(repr=False)
    model: str
    window_tokens: int
    answer_tokens: int
    tools: bool
    catalog_name: str
    folder: Path
    architect: str = ""
    architect_window_tokens: int = 0
    architect_catalog_name: str = ""

    @property
    def origin(self) -> str:
        """The gateway without `/v1`, as Anthropic's clients want it."""
        return self.base.removesuffix("/v1")


@dataclass(frozen=True)
class Conflict:
    """One place that leads a client elsewhere. place: `the environment`, or a file; names: the variables or keys in it.

    wins: why daybox cannot overrule it, so that the client is not started (exit status 8); empty: it is overruled.
    """

    place: str
    names: tuple[str, ...]
    wins: str = ""

    def words(self) -> str:
        """For people; names only, for values may be keys."""
        return f"{self.place}: {', '.join(self.names)}"


@dataclass(frozen=True)
class Place:
    """Where a client is started. port: the gateway's, None if none is known."""

    environment: Mapping[str, str]
    folder: Path
    home: Path
    port: int | None


def no_conflicts(place: Place) -> list[Conflict]:
    """Of a client that reads nothing from its surroundings that could lead it elsewhere."""
    return []


def no_variables(way: Way) -> dict[str, str]:
    """Of a client that needs no variables of its own."""
    return {}


@dataclass(frozen=True)
class OwnFile:
    """A file of the user's own, into which `fab launch NAME --config` merges. path: below the user's home.

    values: what is set in it, nested; mappings are merged key by key, lists of mappings by their `name`, `id` or
    `model_id`. holds_key: the client can read its key from nowhere else, so the file is nobody's but the user's then.
    """

    path: str
    kind: Literal["json", "toml", "yaml"]
    values: Mapping[str, Any] | Sequence[Mapping[str, Any]]
    holds_key: bool = False


def no_own_files(way: Way) -> tuple[OwnFile, ...]:
    """Of a client whose own files daybox does not write."""
    return ()


@dataclass(frozen=True)
class Client:
    """One client that `fab launch` can start.

    program: what is looked for on PATH. install: the line that brings it. oldest: the first version whose formats
    we know; below: the first that we do not. least_window: tokens; a first prompt of an agent has 8 to 12 thousand.
    files: name below the client's folder -> text. words: its whole command line behind the program, ours and the
    user's. variables: set beside those that every client gets (see surroundings.py). dropped: beginnings of variables
    that it must not inherit, beside those that no client inherits. conflicts: what would lead it elsewhere, from where
    it is started. own_files: what `--config` merges into the user's own.
    """

    name: str
    title: str
    program: str
    install: str
    oldest: Version
    below: Version
    least_window: int
    files: Callable[[Way], dict[str, str]]
    words: Callable[[Way, Sequence[str]], list[str]]
    variables: Callable[[Way], dict[str, str]] = no_variables
    dropped: tuple[str, ...] = ()
    conflicts: Callable[[Place], list[Conflict]] = no_conflicts
    own_files: Callable[[Way], tuple[OwnFile, ...]] = no_own_files
    version_words: tuple[str, ...] = ("--version",)


@dataclass(frozen=True)
class Shown:
    """A client that daybox cannot start sealed (an editor, a page): what to put where is printed.

    text: for people. own_files: as for a Client.
    """

    name: str
    title: str
    text: Callable[[Way], str]
    own_files: Callable[[Way], tuple[OwnFile, ...]] = no_own_files


@dataclass(frozen=True)
class Refused:
    """A client that daybox leads nowhere. reason: why; instead: what to use."""

    name: str
    title: str
    reason: str
    instead: str


@dataclass(frozen=True)
class Launch:
    """A client ready to be started: its words behind the program, and its whole environment."""

    words: list[str]
    environment: dict[str, str]
