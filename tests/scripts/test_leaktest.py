"""The table's printer, around a report such as pytest writes; no row is run here."""

from pathlib import Path

import pytest

from scripts import leaktest
from scripts.leaktest import HEADINGS, Row, counts, pytest_words, rows_of
from scripts.matrix import ended, table

REPORT = """<testsuites><testsuite name="pytest">
<testcase name="test_all_at_once[llm]" time="8"><properties><property name="client" value="llm" />
<property name="trap" value="all" /><property name="sealed" value="0" />
<property name="unsealed" value="0 (3 stopped)" />
</properties></testcase>
<testcase name="test_one[aider-exported proxies]" time="9"><properties><property name="client" value="aider" />
<property name="trap" value="exported proxies" /><property name="unsealed" value="2" />
<property name="plain" value="0: holds by itself" />
</properties><failure message="assert">it</failure></testcase>
<testcase name="test_all_at_once_without[llm]" time="2"><properties><property name="client" value="llm" />
<property name="trap" value="all" /><property name="plain" value="3, the prompt among them" />
</properties></testcase>
<testcase name="test_a_sum" time="0" />
<testcase name="test_half_way[codex-tunnel down]" time="0"><properties><property name="client" value="codex" />
<property name="trap" value="tunnel down" /></properties><skipped message="codex is not installed" /></testcase>
</testsuite></testsuites>"""
LLM = Row("llm", "all", "green", 10.0, "0", "0 (3 stopped)", "3, the prompt among them")
AIDER = Row("aider", "exported proxies", "red", 9.0, "", "2", "0: holds by itself")
CODEX = Row("codex", "tunnel down", "skipped", 0.0)


@pytest.fixture
def rows(tmp_path: Path) -> list[Row]:
    """The rows of REPORT."""
    (tmp_path / "report.xml").write_text(REPORT)
    return rows_of(tmp_path / "report.xml")


def test_tests_of_one_client_in_one_trap_are_one_row_and_what_tells_of_no_client_is_none(rows: list[Row]) -> None:
    assert rows == [LLM, AIDER, CODEX]


def test_a_row_is_red_if_one_of_its_tests_is(rows: list[Row]) -> None:
    broken = Row("llm", "all", "red", 1.0)
    assert leaktest.merged([*rows, broken])[0].outcome == "red"


def test_the_last_line_counts_contacts_elsewhere_and_controls_that_leak(rows: list[Row]) -> None:
    assert counts(rows) == (
        "3 rows: 1 green, 1 red, 1 skipped; with daybox 2 contacts elsewhere in 3 tries; without it 1 of 2 leak"
    )


def test_the_table_is_markdown_and_what_was_not_tried_is_a_dash(rows: list[Row]) -> None:
    assert table(HEADINGS, rows[:2]).splitlines() == [
        "| client | trap |  | sealed | not sealed | without daybox |",
        "| --- | --- | --- | --- | --- | --- |",
        "| llm | all | green | 0 | 0 (3 stopped) | 3, the prompt among them |",
        "| aider | exported proxies | red | – | 2 | 0: holds by itself |",
    ]


def test_a_row_that_ends_is_told_in_words_and_what_failed_in_full() -> None:
    lines = [
        "[gw0] [ 50%] PASSED tests/e2e/leaks/test_rows.py::test_one[aider-exported proxies] ",
        "[gw1] [100%] FAILED tests/e2e/leaks/test_rows.py::test_all_at_once[llm] ",
        "=== FAILURES ===",
        "E  assert",
    ]
    told = ["passed   one (aider-exported proxies)", "failed   all at once (llm)", "=== FAILURES ===", "E  assert"]
    assert list(ended(iter(lines))) == told


def test_quick_and_a_choice_are_pytest_s_own_words() -> None:
    words = pytest_words(Path("r.xml"), quick=True, choice="llm")
    assert words[-4:] == ["-m", "quick", "-k", "llm"]
    assert "tests/e2e/leaks/test_rows.py" in words


def test_a_choice_that_means_no_row_is_a_usage_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["leaktest", "-k", "no_such_row_at_all"])
    assert leaktest.main() == 2
    assert "no row is meant by 'no_such_row_at_all'" in capsys.readouterr().err
