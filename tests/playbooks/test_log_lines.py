"""The lines of a log whatever stands in front of them, and files that are too long, or no logs at all."""

import json
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.log_causes import Diagnosis, diagnose, diagnose_file
from playbooks.log_lines import LINE_LENGTH, Line, lines
from playbooks.log_rules import CAUSES
from tests.playbooks.confusion import BY_NAME, FIXTURES, Fixture

HEALTHY = BY_NAME["provoked/healthy"].text
NO_WEIGHTS = BY_NAME["provoked/no-weights"].text


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        ("(EngineCore pid=61) ERROR 11-20 09:14:59 [core.py:1584] it", Line("it", "ERROR")),
        ("(Worker_TP0 pid=7) (EngineCore pid=61) WARNING 11-20 09:14:59 [a/b.py:1] it", Line("it", "WARNING")),
        ("(RayWorkerWrapper pid=5486, ip=10.0.0.2) ERROR 05-06 08:55:19 worker_base.py:145] it", Line("it", "ERROR")),
        ("ERROR [core.py:1330] it", Line("it", "ERROR")),
        ("(EngineCore pid=104)     raise it", Line("    raise it")),
        ("INFO:     Application startup complete.", Line("Application startup complete.", "INFO")),
        ("[rank0]:   File", Line("  File")),
        ("[llm]        | (APIServer pid=1) it", Line("it")),
        ("Aug 19 18:34:27 vllm vllm[8727]: (EngineCore pid=8727) it", Line("it")),
        ("\x1b[0;36m(EngineCore pid=61)\x1b[0;0m INFO 11-20 09:14:59 [core.py:1] it", Line("it", "INFO")),
        ('{"log":"INFO:     it\\n","stream":"stdout","time":"2026-11-20T09:14:59Z"}', Line("it", "INFO")),
        ('{"log":"cut off wi', Line("cut off wi")),
        ("a | b of a text", Line("b of a text")),
        ("x" * 9000, Line("x" * LINE_LENGTH)),
    ],
)
def test_a_line_is_stripped_of_what_others_put_around_it(raw: str, line: Line) -> None:
    assert list(lines(raw)) == [line]


PREFIXES = {
    "compose": "vllm  | ",
    "journal": "Nov 20 09:14:59 box docker[812]: ",
    "journal-iso": "2026-11-20T09:14:59+0000 box docker[812]: ",
    "timestamps": "2026-11-20T09:14:59.123456789Z ",
    "compose-timestamps": "vllm  | 2026-11-20T09:14:59.123456789Z ",
    "kubectl": "[pod/vllm-0/vllm] ",
    "kubectl-timestamps": "[pod/vllm-0/vllm] 2026-11-20T09:14:59.123456789Z ",
    "kubernetes": "2026-11-20T09:14:59.123456789+00:00 stderr F ",
    "date": "2026-11-20 09:14:59 ",
    "colour": "\x1b[1;36m",
}


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("fixture", FIXTURES, ids=str)
def test_what_others_put_in_front_of_a_line_is_passed_over(fixture: Fixture, prefix: str) -> None:
    text = "\n".join(PREFIXES[prefix] + line for line in fixture.text.split("\n"))
    assert diagnose(text).cause == fixture.cause


@pytest.mark.parametrize("fixture", FIXTURES, ids=str)
def test_dockers_own_file_and_windows_line_ends_are_read(fixture: Fixture) -> None:
    rows = [json.dumps({"log": f"{line}\n", "stream": "stderr", "time": "x"}) for line in fixture.text.split("\n")]
    assert diagnose("\n".join(rows)).cause == fixture.cause
    assert diagnose(fixture.text.replace("\n", "\r\n")).cause == fixture.cause


@pytest.mark.parametrize("fixture", FIXTURES, ids=str)
def test_lines_as_they_come_and_a_file_give_the_same(fixture: Fixture, tmp_path: Path) -> None:
    (tmp_path / "log").write_text(fixture.text)
    assert diagnose(fixture.text.splitlines(keepends=True)) == diagnose_file(tmp_path / "log") == fixture.diagnosis


@settings(max_examples=300, deadline=None)
@given(
    st.text()
    | st.binary().map(lambda raw: raw.decode(errors="replace"))
    | st.text(alphabet='{"log:}\\\x1b[(pid=1) ERO|\n')
)
def test_nothing_breaks_it(text: str) -> None:
    assert diagnose(text).cause in CAUSES


def seconds(what: Callable[[], object]) -> float:
    began = time.monotonic()
    what()
    return time.monotonic() - began


def test_a_line_of_ten_megabytes_costs_nothing() -> None:
    line = "ERROR 11-20 09:14:59 [x.py:1] " + "a('1' pip install " * 600_000
    assert seconds(lambda: diagnose(line)) < 2
    assert diagnose(f"{line}\n{NO_WEIGHTS}").cause == "no-weights"


STATS = (
    "(APIServer pid=1) INFO 11-20 09:14:59 [loggers.py:271] Engine 000: Avg prompt throughput: 812.4 tokens/s, Avg "
    "generation throughput: 61.0 tokens/s, GPU KV cache usage: 14.1%, Prefix cache hit rate: 71.3%\n"
)
ERRORS = "(APIServer pid=1) ERROR 11-20 09:14:59 [serving.py:271] VLLMNotFoundError: The model `nope` does not exist\n"
LONG = {
    "nothing, then a healthy start": ("", HEALTHY, "healthy"),
    "nothing, then a failure": ("", NO_WEIGHTS, "no-weights"),
    "days of service": (STATS, "", "healthy"),
    "days of service, then a failure": (STATS, NO_WEIGHTS, "no-weights"),
    "days of clients' errors": (ERRORS, "", "healthy"),
}


def long_log(path: Path, line: str, end: str) -> Path:
    """500 MB: a hole of zeros for what is never read, 20 MB of one line, and an end."""
    with path.open("wb") as file:
        file.truncate(480_000_000)
        file.seek(0, 2)
        file.write((line * (20_000_000 // len(line or STATS))).encode() + end.encode())
    return path


@pytest.mark.parametrize("name", LONG)
def test_500_megabytes_are_read_from_their_end(tmp_path: Path, name: str) -> None:
    """1 to 2 s; under load up to 6."""
    line, end, cause = LONG[name]
    told: list[Diagnosis] = []
    path = long_log(tmp_path / "log", line, end)
    assert seconds(lambda: told.append(diagnose_file(path))) < 60
    assert told[0].cause == cause


def test_500_megabytes_need_little_memory(tmp_path: Path) -> None:
    path = long_log(tmp_path / "log", "", NO_WEIGHTS)
    tracemalloc.start()
    diagnose_file(path)
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most_bytes < 150e6
