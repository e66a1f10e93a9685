"""What goes wrong, one row a fault, on the local cloud: `python -m scripts.faults` runs the rows and prints the matrix.

The rows are tests in tests/e2e/faults; each tells what ended the box, what is left, what it cost, what the user saw.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from xml.etree import ElementTree

from stacks.errors import DayboxError, UsageError

ROOT = Path(__file__).resolve().parent.parent
FOLDER = "tests/e2e/faults"
SIDE_BY_SIDE = 3  # most of a row is waiting for an end
ENDED = re.compile(r"(PASSED|FAILED|ERROR|SKIPPED) (\S+::\S+)")  # one line of `pytest -v` with xdist
NO_TESTS = 5  # pytest's exit status
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


def words_of(test: str) -> str:
    """A test's name as a sentence: `test_one_false_404[x]` is `one false 404 (x)`."""
    name, _, choice = test.removeprefix("test_").rstrip("]").partition("[")
    return name.replace("_", " ") + (f" ({choice})" if choice else "")


def rows_of(report: Path) -> list[Row]:
    """The rows in pytest's junit file."""
    return [row_of(case) for case in ElementTree.parse(report).iter("testcase")]


def row_of(case: ElementTree.Element) -> Row:
    """One test: its outcome, and what it recorded."""
    outcome = "red" if {"failure", "error"} & {child.tag for child in case} else "green"
    outcome = "skipped" if case.find("skipped") is not None else outcome
    told = {entry.get("name", ""): entry.get("value", "") for entry in case.iter("property")}
    figures = {name: int(told.pop(name)) for name in ("left", "over_seconds", "false_gone") if name in told}
    return Row(words_of(case.get("name", "")), outcome, float(case.get("time", 0)), **told, **figures)  # type: ignore[arg-type]


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


def ended(lines: Iterator[str]) -> Iterator[str]:
    """Of what pytest prints: one line for each row as it ends, and whatever it says when rows fail."""
    telling = False
    for line in lines:
        if found := ENDED.search(line):
            yield f"{found[1].lower():8} {words_of(found[2].rpartition('::')[2])}"
        telling = telling or line.startswith(("==== FAILURES", "==== ERRORS")) or " FAILURES " in line
        if telling:
            yield line.rstrip()


def run(report: Path, *, quick: bool, choice: str) -> list[Row]:
    """Run the rows, telling of each as it ends. Raises UsageError if no row is meant."""
    words = pytest_words(report, quick=quick, choice=choice)
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout
        for line in ended(iter(process.stdout.readline, "")):
            print(line, flush=True)
    if process.returncode == NO_TESTS:
        raise UsageError(f"{FOLDER}: no row is meant by {choice!r}", hint=EXAMPLE)
    if not report.is_file():
        raise DayboxError(f"{FOLDER}: pytest ended with {process.returncode}", hint="see above; ./scripts/setup test")
    return rows_of(report)


def table(rows: Sequence[Row]) -> str:
    """The matrix, as README has it."""
    lines = [HEADINGS, tuple("---" for _ in HEADINGS), *(row.cells for row in rows)]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def main() -> int:
    """Print the matrix; exit status 1 if a row is red, or none was green."""
    parser = argparse.ArgumentParser(prog="python -m scripts.faults", description=__doc__, epilog=EXAMPLE)
    parser.add_argument("--quick", action="store_true", help="only the rows that ./scripts/check runs")
    parser.add_argument("-k", dest="choice", default="", metavar="WORDS", help="only rows that pytest's -k means")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows to this file, too")
    wish = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="daybox-faults-") as folder:
            rows = run(Path(folder) / "report.xml", quick=wish.quick, choice=wish.choice)
    except DayboxError as error:
        print(error.line(), file=sys.stderr)
        return error.exit_code
    if wish.json:
        wish.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    print(f"\n{table(rows)}\n\n{counts(rows)}")
    return 0 if any(row.outcome == "green" for row in rows) and not any(row.outcome == "red" for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
