"""Tables for people: as wide as they need to be in a pipe, and on a narrow terminal without what matters less."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.console import Console

PIPE_WIDTH = 200  # characters: whoever reads a pipe wants each row on one line
WIDE = 110  # characters from which on a terminal has room for everything


@dataclass(frozen=True)
class Column:
    """One column. right: figures. spare: left out where there is little room."""

    name: str
    right: bool = False
    spare: bool = False


def show_table(out: "Console", columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """Print rows of texts, which are no markup."""
    from rich.table import Table
    from rich.text import Text

    if not out.file.isatty():  # not `is_terminal`, which FORCE_COLOR makes true of a pipe, too
        out.width = PIPE_WIDTH
    shown = [index for index, column in enumerate(columns) if out.width >= WIDE or not column.spare]
    table = Table(box=None, pad_edge=False)
    for index in shown:
        # Fold: a path longer than its column is broken, not cut, for somebody has to type it.
        justify: Literal["right", "left"] = "right" if columns[index].right else "left"
        table.add_column(columns[index].name, justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*(Text(row[index]) for index in shown))
    out.print(table)
