"""The ledger of results: whole lines, private, and none of the ledger of leases."""

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from playbooks.bench_ledger import VLLM, Line, chosen, keep, kept, ledger_file
from stacks import ledger
from stacks.errors import ConfigError
from tests.playbooks.bench_lines import LINE
from tests.playbooks.full_disk import room_for


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state of this test's own."""
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    return tmp_path


def lines() -> list[object]:
    """What is kept, and it can all be read."""
    faults = list[str]()
    found = kept(faults)
    assert faults == []
    return list(found)


def test_nothing_is_kept_at_first() -> None:
    assert lines() == []


def test_what_is_kept_is_read_back_in_its_order() -> None:
    other = replace(LINE, kind=VLLM, figures=None, command="vllm bench serve", raw={"output_throughput": 12.5})
    keep(LINE)
    keep(other)
    assert lines() == [LINE, other]


def test_only_its_owner_may_read_it() -> None:
    keep(LINE)
    assert ledger_file().stat().st_mode & 0o777 == 0o600


def test_results_are_no_leases() -> None:
    keep(LINE)
    assert list(ledger.entries()) == []


def test_many_may_append_at_once() -> None:
    threads = [threading.Thread(target=keep, args=(replace(LINE, runs=number),)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {line.runs for line in kept([])} == set(range(20))


def test_a_line_that_broke_off_costs_no_other() -> None:
    keep(LINE)
    with ledger_file().open("a") as file:
        file.write('{"kind": "repl')
    keep(LINE)
    faults = list[str]()
    assert kept(faults) == [LINE, LINE]
    assert faults == [f"{ledger_file()}: line 2 is no result: JSONDecodeError"]


@pytest.mark.parametrize("text", ["7", "null", "[]", "{}", '{"flags": []}'])
def test_what_is_no_result_is_said_and_left_out(text: str) -> None:
    keep(LINE)
    with ledger_file().open("a") as file:
        file.write(text + "\n")
    faults = list[str]()
    assert kept(faults) == [LINE]
    assert len(faults) == 1


def test_a_result_for_which_the_disk_has_no_room_is_said_and_leaves_no_part() -> None:
    keep(LINE)
    before = ledger_file().read_bytes()
    with room_for(len(before) + 100), pytest.raises(ConfigError) as caught:
        keep(LINE)
    assert caught.value.line().startswith(f"{ledger_file()}: File too large; the last result was not kept")
    assert ledger_file().read_bytes() == before
    keep(LINE)
    assert lines() == [LINE, LINE]


def test_a_ledger_that_cannot_be_read_is_an_error_that_names_it() -> None:
    ledger_file().mkdir(parents=True)
    with pytest.raises(ConfigError, match="Is a directory") as caught:
        kept([])
    assert str(ledger_file()) in caught.value.fact


OWN = replace(LINE, kind=VLLM, figures=None, raw={"output_throughput": 31, "median_ttft_ms": None})


@pytest.mark.parametrize(
    ("line", "path", "value"),
    [
        (LINE, ("usd_per_hour",), "1.5"),
        (LINE, ("model",), None),
        (LINE, ("runs",), 1.5),
        (LINE, ("figures",), 7),
        (LINE, ("figures", "tokens_per_s"), None),
        (LINE, ("figures", "edits", "p50"), "fast"),
        (OWN, ("raw",), [1]),
        (OWN, ("raw", "median_ttft_ms"), "fast"),
    ],
)
def test_a_figure_that_is_none_is_no_result(line: Line, path: tuple[str, ...], value: object) -> None:
    keep(line)
    assert lines() == [line]
    row = place = json.loads(ledger_file().read_text())
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    ledger_file().write_text(json.dumps(row) + "\n")
    faults = list[str]()
    assert (kept(faults), len(faults)) == ([], 1)


def test_what_a_later_daybox_adds_does_no_harm() -> None:
    keep(LINE)
    row = json.loads(ledger_file().read_text())
    row["new"] = row["figures"]["newer"] = 1
    ledger_file().write_text(json.dumps(row) + "\n")
    assert lines() == [LINE]


def test_model_and_plan_choose() -> None:
    other = replace(LINE, model="smollm2-135m", plan="local-cpu")
    assert chosen([LINE, other], model="", plan="") == [LINE, other]
    assert chosen([LINE, other], model="smollm2-135m", plan="") == [other]
    assert chosen([LINE, other], model="smollm2-135m", plan=LINE.plan) == []
