"""The matrix's printer, around a report such as pytest writes; no row is run here."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from scripts import faults
from scripts.faults import HEADINGS, Row, counts, pytest_words, rows_of
from scripts.matrix import ROOT, ended, table, words_of

REPORT = """<testsuites><testsuite name="pytest" errors="0" failures="1" tests="3">
<testcase classname="tests.e2e.faults.test_delete" name="test_one_false_404_during_destroy" time="16.1"><properties>
<property name="ended_by" value="fab sweep --stack" /><property name="left" value="0" />
<property name="over_seconds" value="0" /><property name="usd" value="$0.10" />
<property name="false_gone" value="0" /><property name="saw" value="still in the account | billing" />
</properties></testcase>
<testcase name="test_reads_answer_5xx[rate-limit-429]" time="2"><properties>
<property name="ended_by" value="broke off" /><property name="left" value="1" />
<property name="over_seconds" value="9" />
<property name="usd" value="not counted" /><property name="false_gone" value="1" /><property name="saw" value="" />
</properties><failure message="assert">it</failure></testcase>
<testcase name="test_clock" time="0"><skipped message="no libfaketime" /></testcase>
</testsuite></testsuites>"""


@pytest.fixture
def rows(tmp_path: Path) -> list[Row]:
    """The rows of REPORT."""
    (tmp_path / "report.xml").write_text(REPORT)
    return rows_of(tmp_path / "report.xml")


def test_a_row_has_what_its_test_recorded(rows: list[Row]) -> None:
    name, by = "one false 404 during destroy", "fab sweep --stack"
    assert rows[0] == Row(name, "green", 16.1, by, usd="$0.10", saw="still in the account | billing")


def test_a_row_that_broke_off_is_red_and_counts_what_it_left(rows: list[Row]) -> None:
    assert (rows[1].outcome, rows[1].left, rows[1].false_gone, rows[1].ended_by) == ("red", 1, 1, "broke off")


def test_the_last_line_counts_rows_boxes_and_false_words(rows: list[Row]) -> None:
    assert counts(rows) == "3 rows: 1 green, 1 red, 1 skipped; boxes left 1; false gone 1"
    assert counts(rows[:1]) == "1 rows: 1 green, 0 red; boxes left 0; false gone 0"


def test_the_table_is_markdown_and_a_bar_in_a_cell_breaks_nothing(rows: list[Row]) -> None:
    assert table(HEADINGS, [replace(rows[0], ended_by="by")]).splitlines() == [
        "| fault |  | ended by | left | over | money | false gone | the user saw |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        "| one false 404 during destroy | green | by | 0 | – | $0.10 | 0 | still in the account / billing |",
    ]


def test_the_name_of_a_test_is_read_as_a_sentence() -> None:
    assert words_of("test_the_box_is_powered_off_by_force") == "the box is powered off by force"
    assert words_of("test_the_create_answers_503_or_429[rate-limit]") == "the create answers 503 or 429 (rate-limit)"


def test_each_row_is_told_as_it_ends_and_then_why_one_failed() -> None:
    lines = [
        "[gw0] [ 50%] PASSED tests/e2e/faults/test_a.py::test_it_holds \n",
        "noise\n",
        "==== FAILURES ====\n",
        "why\n",
    ]
    assert list(ended(iter(lines))) == ["passed   it holds", "==== FAILURES ====", "why"]


def test_quick_rows_are_chosen_by_their_mark(tmp_path: Path) -> None:
    words = pytest_words(tmp_path / "r.xml", quick=True, choice="delete and not 404")
    assert words[-4:] == ["-m", "quick", "-k", "delete and not 404"]


@pytest.mark.parametrize(("outcomes", "status"), [(["green"], 0), (["green", "red"], 1), (["skipped"], 1), ([], 1)])
def test_nothing_run_is_no_success(monkeypatch: pytest.MonkeyPatch, outcomes: list[str], status: int) -> None:
    rows = [Row("a fault", outcome, 1.0) for outcome in outcomes]
    monkeypatch.setattr(faults, "run", lambda *_, **__: rows)
    monkeypatch.setattr("sys.argv", ["faults"])
    assert faults.main() == status


def test_words_that_mean_no_row_are_a_fault_of_use(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["faults", "-k", "no_row_is_called_this"])
    assert faults.main() == 2
    assert "no row is meant by 'no_row_is_called_this'" in capfd.readouterr().err


def test_help_has_an_example(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["faults", "--help"])
    with pytest.raises(SystemExit):
        faults.main()
    assert "example: python -m scripts.faults --quick" in capsys.readouterr().out


@pytest.mark.parametrize(("named", "all_of_it"), [("tests/e2e", False), ("tests/e2e/faults", True)])
def test_a_plain_run_leaves_out_what_is_not_quick(named: str, all_of_it: bool) -> None:
    words = [
        sys.executable,
        "-m",
        "pytest",
        named,
        "--collect-only",
        "-q",
        "-k",
        "powered_off_by_force or fails_five_times",
    ]
    said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "test_the_delete_fails_five_times_and_then_works" in said
    assert ("test_the_box_is_powered_off_by_force" in said) is all_of_it
