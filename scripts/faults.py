"""What goes wrong, one row a fault, on the local cloud: `python -m scripts.faults` runs the rows and prints the matrix.

The rows are tests in tests/e2e/faults; each tells what ended the box, what is left, what it cost, what the user saw.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from scripts.matrix import outcome_of, print_rows, report_of, told_by, words_of

FOLDER = "tests/e2e/faults"
SIDE_BY_SIDE = 3  # most of a row is waiting for an end
EXAMPLE = "example: python -m scripts.faults --quick, or python -m scripts.faults -k 'delete and not 404'"


@dataclass(frozen=True)
class Row:
    """One fault. seconds: how long its test took; over_seconds: how far beyond its limit a box lived.

    outcome: green, red or skipped. A row that broke off early has no more columns than it came to.
    """

    name: str
    outcome: str
    seconds: float
    ended_by: str = "?"
    left: int = 0
    over_seconds: int = 0
    usd: str = "?"
    false_gone: int = 0
    saw: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        """One row of the table."""
        over = f"{self.over_seconds} s" if self.over_seconds else "–"
        figures = (str(self.left), over, self.usd, str(self.false_gone))
        return (self.name, self.outcome, self.ended_by, *figures, self.saw)


HEADINGS = ("fault", "", "ended by", "left", "over", "money", "false gone", "the user saw")


def rows_of(report: Path) -> list[Row]:
    """The rows in pytest's junit file."""
    return [row_of(case) for case in ElementTree.parse(report).iter("testcase")]


def row_of(case: ElementTree.Element) -> Row:
    """One test: its outcome, and what it recorded."""
    told = told_by(case)
    figures = {name: int(told.pop(name)) for name in ("left", "over_seconds", "false_gone") if name in told}
    return Row(words_of(case.get("name", "")), outcome_of(case), float(case.get("time", 0)), **told, **figures)  # type: ignore[arg-type]


def counts(rows: Sequence[Row]) -> str:
    """The last line."""
    number = {outcome: sum(row.outcome == outcome for row in rows) for outcome in ("green", "red", "skipped")}
    skipped = f", {number['skipped']} skipped" if number["skipped"] else ""
    left, false = sum(row.left for row in rows), sum(row.false_gone for row in rows)
    found = f"{number['green']} green, {number['red']} red{skipped}"
    return f"{len(rows)} rows: {found}; boxes left {left}; false gone {false}"


def pytest_words(report: Path, *, quick: bool, choice: str) -> list[str]:
    """The command that runs the rows, and writes them down in `report`."""
    words = [sys.executable, "-m", "pytest", FOLDER, "-v", "--no-header", f"--junitxml={report}"]
    words += [f"--numprocesses={SIDE_BY_SIDE}", "--dist=loadfile", "--timeout=900", "-o", "junit_family=xunit1"]
    return [*words, *(["-m", "quick"] if quick else []), *(["-k", choice] if choice else [])]


def run(report: Path, *, quick: bool, choice: str) -> list[Row]:
    """Run the rows, telling of each as it ends. Raises UsageError if no row is meant."""
    return rows_of(report_of(pytest_words(report, quick=quick, choice=choice), report, choice, EXAMPLE))


def main() -> int:
    """Print the matrix; exit status 1 if a row is red, or none was green."""
    return print_rows("faults", __doc__ or "", EXAMPLE, HEADINGS, run, counts)


if __name__ == "__main__":
    sys.exit(main())
