"""`--config`: which stack's way stands in a client's own files, so that a change of that stack's model renews it."""

from pathlib import Path

from playbooks.clients.client import Client, Shown, Way
from playbooks.clients.way import check_window
from playbooks.own_config import merge, restore
from stacks.places import stack_dir, state_dir, write_private

FOLDER = "merged"  # in a stack's folder: an empty file a client


def merge_way(stack: str, row: Client | Shown, way: Way, home: Path) -> list[str]:
    """Put the way to the stack's box into the client's own files; lines for people.

    Raises ModelError for a window that is too small, ConfigError for a file that cannot be merged into.
    """
    if isinstance(row, Client):
        check_window(row, way.window_tokens)
    files = row.own_files(way)
    if not files:
        return [f"{row.name}: daybox writes none of its own files; fab launch {row.name}"]
    lines = merge(row.name, files, home)
    forget(row.name)  # one way stands in them, the last one
    write_private(marker(stack, row.name), "")
    return lines


def take_out(row: Client | Shown, home: Path) -> list[str]:
    """Take out of the client's own files what was put in; lines for people. Raises ConfigError as `restore`."""
    lines = restore(row.name, home)
    forget(row.name)
    return lines


def is_merged(stack: str, name: str) -> bool:
    """Whether the way to this stack's box stands in the client's own files."""
    return marker(stack, name).is_file()


def marker(stack: str, name: str) -> Path:
    """The file that says so."""
    return stack_dir(stack) / FOLDER / name


def forget(name: str) -> None:
    """No stack's way stands in this client's own files any more."""
    for file in (state_dir() / "stacks").glob(f"*/{FOLDER}/{name}"):
        file.unlink()
