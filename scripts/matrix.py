"""A table whose rows are tests: run them, tell of each as it ends, print what they recorded."""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Protocol
from xml.etree import ElementTree

from stacks.errors import DayboxError, UsageError

ROOT = Path(__file__).resolve().parent.parent
NO_TESTS = 5  # pytest's exit status
# One line of `pytest -v` with xdist; a test's name may have spaces in its brackets.
ENDED = re.compile(r"^\[gw.*(PASSED|FAILED|ERROR|SKIPPED) \S+?::(.+?)\s*$")


class Row(Protocol):
    """One row: a dataclass whose outcome is green, red or skipped."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def outcome(self) -> str:
        """green, red or skipped."""

    @property
    def cells(self) -> tuple[str, ...]:
        """One row of the table."""


def words_of(test: str) -> str:
    """A test's name as a sentence: `test_one_false_404[x]` is `one false 404 (x)`."""
    name, _, choice = test.removeprefix("test_").rstrip("]").partition("[")
    return name.replace("_", " ") + (f" ({choice})" if choice else "")


def outcome_of(case: ElementTree.Element) -> str:
    """How a test ended."""
    outcome = "red" if {"failure", "error"} & {child.tag for child in case} else "green"
    return "skipped" if case.find("skipped") is not None else outcome


def told_by(case: ElementTree.Element) -> dict[str, str]:
    """What a test recorded: name -> value."""
    return {entry.get("name", ""): entry.get("value", "") for entry in case.iter("property")}


def ended(lines: Iterator[str]) -> Iterator[str]:
    """Of what pytest prints: one line for each test as it ends, and whatever it says when rows fail."""
    telling = False
    for line in lines:
        if found := ENDED.search(line):
            yield f"{found[1].lower():8} {words_of(found[2].rpartition('::')[2])}"
        telling = telling or " FAILURES " in line or " ERRORS " in line
        if telling:
            yield line.rstrip()


def report_of(words: Sequence[str], report: Path, choice: str, example: str) -> Path:
    """pytest's report, once the rows have run; each is told as it ends. Raises UsageError if no row is meant."""
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout
        for line in ended(iter(process.stdout.readline, "")):
            print(line, flush=True)
    if process.returncode == NO_TESTS:
        raise UsageError(f"{words[3]}: no row is meant by {choice!r}", hint=example)
    if not report.is_file():
        raise DayboxError(f"{words[3]}: pytest ended with {process.returncode}", hint="see above; ./scripts/setup test")
    return report


def table(headings: tuple[str, ...], rows: Sequence[Row]) -> str:
    """The rows in Markdown, as README has them."""
    lines = [headings, tuple("---" for _ in headings), *(row.cells for row in rows)]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def print_rows(
    name: str,
    about: str,
    example: str,
    headings: tuple[str, ...],
    run: Callable[..., Sequence[Any]],
    counts: Callable[[Sequence[Any]], str],
) -> int:
    """The command line of such a table; exit status 1 if a row is red, or none was green.

    run: the rows, of (report, quick=, choice=). counts: the last line.
    """
    parser = argparse.ArgumentParser(prog=f"python -m scripts.{name}", description=about, epilog=example)
    parser.add_argument("--quick", action="store_true", help="only the rows that ./scripts/check runs")
    parser.add_argument("-k", dest="choice", default="", metavar="WORDS", help="only rows that pytest's -k means")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows to this file, too")
    wish = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix=f"daybox-{name}-") as folder:
            rows = run(Path(folder) / "report.xml", quick=wish.quick, choice=wish.choice)
    except DayboxError as error:
        print(error.line(), file=sys.stderr)
        return error.exit_code
    if wish.json:
        wish.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    print(f"\n{table(headings, rows)}\n\n{counts(rows)}")
    return 0 if any(row.outcome == "green" for row in rows) and not any(row.outcome == "red" for row in rows) else 1
