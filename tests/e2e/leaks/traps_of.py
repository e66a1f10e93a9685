"""Which traps each client is tried with: what can stand around any of them, and what only it obeys."""

from importlib import import_module
from pathlib import Path

from tests.e2e.leaks.traps import COMMON, Trap


def traps_of(client: str) -> tuple[Trap, ...]:
    """All of them; those of its own are in `traps_<client>.py`, where there is one."""
    if not (Path(__file__).parent / f"traps_{client}.py").is_file():
        return COMMON
    own: tuple[Trap, ...] = import_module(f"tests.e2e.leaks.traps_{client}").TRAPS
    return (*COMMON, *own)
