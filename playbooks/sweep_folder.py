"""The folder of `fab sweep --install-timer`: what is in it, how it was before, and how it comes to be so again."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playbooks import sweep_token
from playbooks.mechanisms import Timer
from stacks.places import state_dir, write_private

NAMES = ("run", "token", "minted.json", "log", "ended")  # of what is in its folder


def folder() -> Path:
    """Where the timer's program, its token and its last words are."""
    return state_dir().resolve() / "sweep"


@dataclass(frozen=True)
class Before:
    """What was installed already. texts: of the folder's files, by name. names: of the mechanisms that run it."""

    texts: Mapping[str, str]
    names: Sequence[str]
    minted: Mapping[str, Any] | None

    @classmethod
    def read(cls, found: Iterable[Timer]) -> "Before":
        """As it is now. found: what this laptop can run things with."""
        texts = {name: (folder() / name).read_text() for name in NAMES if (folder() / name).is_file()}
        return cls(texts, [timer.name for timer in found if timer.installed], sweep_token.minted())


def restored(file: Path, text: str | None) -> None:
    """`file` has `text` again; it is not there if there is none."""
    if text is None:
        file.unlink(missing_ok=True)
    elif not file.is_file() or file.read_text() != text:
        write_private(file, text).chmod(0o700 if file.name == "run" else 0o600)
