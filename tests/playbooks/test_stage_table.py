"""The stages as people read them and as a file keeps them."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from playbooks import stage_table
from playbooks.stages import Row, fold
from tests.playbooks.pretend_box import BOOT, BOX, began, whole_run

START = 1000.0


@pytest.mark.parametrize(
    ("row", "texts"),
    [
        (Row("vllm"), ("vllm", "", "", "waiting", "")),
        (Row("driver", "already", word="none needed"), ("driver", "", "", "already", "none needed")),
        (Row("image", "running", 1002, word="loading"), ("image", "+2.0 s", "5.5 s", "running", "loading")),
        (
            Row("weights", "done", 1000, 1004, "by revision", 269_000_000),
            ("weights", "+0.0 s", "4.0 s", "done", "269 MB, by revision"),
        ),
        (Row("watchdog", "done", 998.5, 999), ("watchdog", "-1.5 s", "0.5 s", "done", "")),
    ],
    ids=lambda value: getattr(value, "state", None),
)
def test_a_row_reads(row: Row, texts: tuple[str, ...]) -> None:
    assert stage_table.cells(row, START, now=1007.5) == texts


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, ""),
        (0, ""),
        (7, "7 B"),
        (999, "999 B"),
        (1_500, "1.5 kB"),
        (269_060_552, "269 MB"),
        (19_400_000_000, "19.4 GB"),
    ],
)
def test_bytes_read(count: int | None, text: str) -> None:
    assert stage_table.size(count) == text


@pytest.mark.parametrize(
    ("row", "line"),
    [
        (Row("image", "running", 1002), "   +2.0 s  image: vLLM's image …"),
        (
            Row("image", "done", 1002, 1005, "by digest", 104_000_000),
            "   +5.0 s  image: done in 3.0 s (104 MB, by digest)",
        ),
        (
            Row("driver", "passed", 1000, 1000.1, "no NVIDIA device"),
            "   +0.1 s  driver: passed in 0.1 s (no NVIDIA device)",
        ),
    ],
    ids=lambda value: getattr(value, "state", None),
)
def test_a_change_is_one_line(row: Row, line: str) -> None:
    assert stage_table.change(row, START) == line


def test_the_summary_names_the_longest_chain() -> None:
    assert stage_table.summary(fold(whole_run(), BOOT)) == (
        "ready after 15.0 s; longest chain docker > image > vllm > ready: 15.0 s"
    )


def test_the_summary_of_a_box_that_is_not_ready_says_so() -> None:
    assert stage_table.summary(fold(whole_run()[:-1], BOOT)).startswith("not ready after 6.0 s")


def test_the_table_has_a_line_for_each_stage() -> None:
    out = Console(width=100, record=True, file=None)
    with out.capture() as shown:
        out.print(stage_table.table(fold([*whole_run()[:-1], began("watchdog", 1001)], BOOT), now=1010))
    assert [line.split()[0] for line in shown.get().splitlines()[1:]] == [
        *("watchdog", "driver", "docker", "image", "weights", "vllm", "ready")
    ]


def test_what_a_box_says_is_no_markup() -> None:
    out = Console(width=100)
    with out.capture() as shown:
        out.print(stage_table.table([Row("driver", "failed", 1, 2, "[red]x[/red] [/nonsense]")]))
    assert "[red]x[/red] [/nonsense]" in shown.get()


def test_the_kept_table_holds_every_stage_and_the_chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    kept = json.loads(stage_table.keep(BOX, fold(whole_run(), BOOT)).read_text())
    assert (kept["lease"], kept["instance_id"], kept["total_seconds"]) == (BOX.lease, BOX.instance_id, 15.0)
    assert kept["longest_chain"] == {"stages": ["docker", "image", "vllm", "ready"], "seconds": 15.0}
    assert kept["stages"][3] == {
        "stage": "image",
        "started_seconds": 2.0,
        "took_seconds": 3.0,
        "outcome": "done",
        "word": "",
        "bytes": None,
    }


def test_the_table_is_kept_by_lease(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    assert stage_table.keep(BOX, []) == tmp_path / f"stacks/local/stages/{BOX.lease}.json"
