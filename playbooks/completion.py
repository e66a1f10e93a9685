"""A shell completes the names of clients behind `fab launch`, and its flags; all else is Invoke's own completion.

Invoke takes a half-typed flag for the word that may be left out, and so has nothing to offer.
"""

import shlex
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import invoke.program
from invoke.exceptions import Exit

_COMPLETE: Callable[..., Any] = invoke.program.complete  # type: ignore[attr-defined] # it imports it, and calls it there
COMMAND = "launch"


def names_for(words: Sequence[str], names: Sequence[str], flags: Sequence[str]) -> list[str]:
    """What may stand where the line ends; nothing if that is not behind `launch`. words: of the line so far.

    A shell does not tell whether it ends in a space: both the command and what follows it may be meant.
    """
    *_, before, last = ["", "", *words]
    if last == COMMAND:
        return [*names, f"{COMMAND}-aider"]
    if last.startswith("-"):
        return list(flags) if COMMAND in words and "--" not in words else []
    return list(names) if before == COMMAND else []


def complete(*, core: Any, **more: Any) -> Any:
    """Invoke's own, but for the names of clients."""
    from playbooks.clients import ROWS

    with suppress(ValueError):  # an open quote: Invoke says what it makes of it
        flags = more["parser"].contexts[COMMAND].flag_names()
        if found := names_for(shlex.split(core.remainder), [row.name for row in ROWS], flags):
            print("\n".join(found))
            raise Exit
    return _COMPLETE(core=core, **more)


def install() -> None:
    """From now on; Fabric makes its program itself, so this is the one place."""
    invoke.program.complete = complete  # type: ignore[assignment, attr-defined]
