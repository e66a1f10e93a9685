"""pulse, as it runs on the box: a JSON object a line, nothing that is not known, and an end when nobody listens."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from templates import program
from tests.playbooks.fake_vllm import HITS, QUERIES, STARTED, FakeVllm, fake_vllm


@pytest.fixture
def vllm() -> Iterator[FakeVllm]:
    with fake_vllm() as running:
        yield running


@contextmanager
def pulse(tmp_path: Path, port: int, *names: str, every: str = "0.05") -> Iterator[subprocess.Popen[str]]:
    """The program as ssh runs it, on standard input."""
    commands = tmp_path / "commands"
    commands.mkdir(exist_ok=True)
    variables = os.environ | {
        "DAYBOX_ROOT": str(tmp_path / "box"),
        "DAYBOX_VLLM": f"http://127.0.0.1:{port}",
        "PATH": f"{commands}:{os.environ['PATH']}",
    }
    pipe, words = subprocess.PIPE, [sys.executable, "-u", "-", every, "0.2", "--query-gpu=index", *names]
    with subprocess.Popen(words, env=variables, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdin
        process.stdin.write(program("pulse"))
        process.stdin.close()
        try:
            yield process
        finally:
            process.kill()


def rows(process: "subprocess.Popen[str]", count: int) -> list[dict[str, Any]]:
    assert process.stdout
    return [json.loads(process.stdout.readline()) for _ in range(count)]


def test_only_the_series_that_were_asked_for_are_told_each_summed(tmp_path: Path, vllm: FakeVllm) -> None:
    vllm.counters |= {QUERIES: 7.0, HITS: 3.0, 'vllm:twice{engine="0"}': 1.0, 'vllm:twice{engine="1"}': 2.0}
    with pulse(tmp_path, vllm.port, STARTED, QUERIES, "vllm:twice", "vllm:not_there") as process:
        [row] = rows(process, 1)
    assert row["figures"] == {STARTED: 1.0, QUERIES: 7.0, "vllm:twice": 3.0}


def test_a_vllm_that_does_not_answer_is_null(tmp_path: Path) -> None:
    with pulse(tmp_path, 9, STARTED) as process:
        assert [row["figures"] for row in rows(process, 2)] == [None, None]


def test_a_figure_that_is_no_number_is_left_out(tmp_path: Path, vllm: FakeVllm) -> None:
    vllm.counters[QUERIES] = float("nan")
    with pulse(tmp_path, vllm.port, STARTED, QUERIES) as process:
        assert rows(process, 1)[0]["figures"] == {STARTED: 1.0}


def test_without_nvidia_smi_its_status_is_a_shells(tmp_path: Path, vllm: FakeVllm) -> None:
    with pulse(tmp_path, vllm.port) as process:
        assert rows(process, 1)[0]["cards"][0] == 127


@pytest.mark.parametrize(
    ("script", "told"),
    [('echo "0, A card"', [0, "0, A card\n"]), ("echo broken >&2; exit 9", [9, "broken"])],
)
def test_what_nvidia_smi_says_is_told(tmp_path: Path, vllm: FakeVllm, script: str, told: list[Any]) -> None:
    (tmp_path / "commands").mkdir()
    file = tmp_path / "commands/nvidia-smi"
    file.write_text(f"#!/bin/sh\n[ \"$*\" = '--query-gpu=index --format=csv,noheader,nounits' ] || exit 3\n{script}\n")
    file.chmod(0o755)
    with pulse(tmp_path, vllm.port) as process:
        assert rows(process, 1)[0]["cards"] == told


def test_the_report_comes_first_and_then_now_and_again(tmp_path: Path, vllm: FakeVllm) -> None:
    report = tmp_path / "box/opt/daybox/bin/report"
    report.parent.mkdir(parents=True)
    report.write_text("#!/bin/sh\necho told\n")
    report.chmod(0o755)
    with pulse(tmp_path, vllm.port) as process:
        told = [row.get("report") for row in rows(process, 12)]
    assert told[0] == [0, "told\n"]
    assert 2 <= len([one for one in told if one]) < 12


def test_it_ends_silently_when_nobody_listens_any_more(tmp_path: Path, vllm: FakeVllm) -> None:
    with pulse(tmp_path, vllm.port) as process:
        rows(process, 1)
        assert process.stdout and process.stderr
        process.stdout.close()
        deadline = time.monotonic() + 10
        while process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert process.stderr.read() == "" and process.returncode == 0


def test_of_a_box_with_two_models_the_second_is_told_beside_the_first(tmp_path: Path, vllm: FakeVllm) -> None:
    facts = tmp_path / "box/opt/daybox/facts.json"
    facts.parent.mkdir(parents=True)
    with pulse(tmp_path, vllm.port, STARTED) as process:
        assert "architect" not in rows(process, 1)[0]
        facts.write_text(json.dumps({"architect": {}}))
        told = rows(process, 9)[-1]
    assert (told["figures"], told["architect"]) == ({STARTED: 1.0}, None)  # nobody has port 8001 here
