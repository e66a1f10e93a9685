"""The guard of a client that runs on Bun: a program of ours that is loaded before any code of a repository."""

from pathlib import Path

SHARED = Path(__file__).with_name("bun_guard.js")


def guard_text(own: Path) -> str:
    """The whole guard. own: the file with what this client needs beside it, which names OWN, its folder."""
    return f"{own.read_text()}\n{SHARED.read_text()}"
