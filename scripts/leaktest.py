"""What leaves the laptop, one row a client and a trap: `python -m scripts.leaktest` runs the rows and prints the table.

The rows are tests in tests/e2e/leaks: real clients in a network in which every name and address is a hostile server's.
Counted are connections and look-ups elsewhere than to the gateway: with daybox, sealed and not, and without it.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from scripts.matrix import outcome_of, print_rows, report_of, told_by, words_of

FOLDER = "tests/e2e/leaks"
SIDE_BY_SIDE = 2  # each row tries its ways at the same time, too
EXAMPLE = "example: python -m scripts.leaktest --quick, or python -m scripts.leaktest -k claude"
HEADINGS = ("client", "trap", "", "sealed", "not sealed", "without daybox")


@dataclass(frozen=True)
class Row:
    """One client in one trap. sealed, unsealed: contacts elsewhere with daybox; plain: without; empty: not tried.

    outcome: green, red or skipped. seconds: how long its test took.
    """

    client: str
    trap: str
    outcome: str
    seconds: float
    sealed: str = ""
    unsealed: str = ""
    plain: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        """One row of the table."""
        figures = (self.sealed, self.unsealed, self.plain)
        return (self.client, self.trap, self.outcome, *(figure or "–" for figure in figures))


def rows_of(report: Path) -> list[Row]:
    """The rows in pytest's junit file, by client. What says nothing of a client is no row, unless it failed."""
    found = [row_of(case) for case in ElementTree.parse(report).iter("testcase")]
    named = [row for row in found if row.client != "?" or row.outcome == "red"]
    return sorted(merged(named), key=lambda row: order_of(named, row))


def order_of(rows: Sequence[Row], row: Row) -> int:
    """Clients in the order in which they were first met."""
    return next(number for number, other in enumerate(rows) if other.client == row.client)


def row_of(case: ElementTree.Element) -> Row:
    """One test: its outcome, and what it recorded."""
    named = {"client": "?", "trap": words_of(case.get("name", ""))} | told_by(case)
    return Row(outcome=outcome_of(case), seconds=float(case.get("time", 0)), **named)


def merged(rows: Sequence[Row]) -> list[Row]:
    """Tests of the same client in the same trap as one row: red if one is."""
    found: dict[tuple[str, str], Row] = {}
    for row in rows:
        first = found.get((row.client, row.trap))
        found[row.client, row.trap] = both(first, row) if first else row
    return list(found.values())


def both(first: Row, second: Row) -> Row:
    """Two tests of one row."""
    worse = max(first.outcome, second.outcome, key=["green", "skipped", "red"].index)
    ways = {way: getattr(first, way) or getattr(second, way) for way in ("sealed", "unsealed", "plain")}
    return Row(first.client, first.trap, worse, first.seconds + second.seconds, **ways)


def counts(rows: Sequence[Row]) -> str:
    """The last line."""
    number = {outcome: sum(row.outcome == outcome for row in rows) for outcome in ("green", "red", "skipped")}
    skipped = f", {number['skipped']} skipped" if number["skipped"] else ""
    ours = [int(figure.split()[0]) for row in rows for figure in (row.sealed, row.unsealed) if figure[:1].isdecimal()]
    without = [row.plain for row in rows if row.plain]
    leaking = sum(not figure.startswith("0") for figure in without)
    return (
        f"{len(rows)} rows: {number['green']} green, {number['red']} red{skipped}; with daybox {sum(ours)}"
        f" contacts elsewhere in {len(ours)} tries; without it {leaking} of {len(without)} leak"
    )


def pytest_words(report: Path, *, quick: bool, choice: str) -> list[str]:
    """The command that runs the rows, and writes them down in `report`."""
    words = [sys.executable, "-m", "pytest", f"{FOLDER}/test_rows.py", "-v", "--no-header", f"--junitxml={report}"]
    words += [f"--numprocesses={SIDE_BY_SIDE}", "--timeout=600", "-o", "junit_family=xunit1"]
    return [*words, *(["-m", "quick"] if quick else []), *(["-k", choice] if choice else [])]


def run(report: Path, *, quick: bool, choice: str) -> list[Row]:
    """Run the rows, telling of each as it ends. Raises UsageError if no row is meant."""
    return rows_of(report_of(pytest_words(report, quick=quick, choice=choice), report, choice, EXAMPLE))


def main() -> int:
    """Print the table; exit status 1 if a row is red, or none was green."""
    return print_rows("leaktest", __doc__ or "", EXAMPLE, HEADINGS, run, counts)


if __name__ == "__main__":
    sys.exit(main())
