"""`fab bench` on the real vLLM: a small session, so that it stays short; what is kept says what answered."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from playbooks.bench_session import Writer, first_line, read_session
from playbooks.metrics import Metrics
from scripts.trial import ASK, CALC
from tests.laptop import Laptop, wait_for

OTHERS = "".join(f"def sub{number}(a, b):\n    return a - b - {number}\n\n\n" for number in range(20))
ASKED = "Write calc.py again, with a function add."
USER = {"role": "user", "content": f"Some code:\n{OTHERS}\nNow calc.py:\n{CALC}\n{ASKED}"}
ANSWER = f"calc.py\n```\n{CALC}\n\ndef add(a, b):\n    return a + b\n```\n"
AGAIN = {"role": "user", "content": "And once more, with a function mul."}
MORE = ANSWER.replace("```\n", "\ndef mul(a, b):\n    return a * b\n```\n")
NEXT_TURN = [USER, {"role": "assistant", "content": ANSWER}, AGAIN]
LONG = {"role": "user", "content": "word " * 5000}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two turns that fit, one that is longer than the window of 4,096 tokens."""
    writer, file = Writer(), tmp_path_factory.mktemp("session") / "small.jsonl"
    rows = [([USER], ANSWER), (NEXT_TURN, MORE), ([USER, LONG], "no")]
    lines = [writer.line(messages, answer, 60) for messages, answer in rows]
    file.write_text(first_line("by hand", "2026-11-26") + "".join(lines))
    return file


@pytest.fixture(scope="module")
def results(laptop: Laptop, committed: Path, session: Path) -> list[dict[str, Any]]:
    """One replay by one client and one by two, each answer the recorded one."""
    laptop.must("fab tunnel")
    words = f"fab bench --session {session} --runs 1 --concurrency 2 --exact --json"
    done = laptop.run(words).ok()
    assert "its first 2 turns only" in done.err.replace("\n", " ")
    rows: list[dict[str, Any]] = json.loads(done.out)
    return rows


def test_each_level_is_a_result_whose_answers_were_whole(results: list[dict[str, Any]]) -> None:
    assert [(row["clients"], row["figures"]["answers"]) for row in results] == [(1, 2), (2, 4)]
    for row in results:
        figures = row["figures"]
        assert (figures["empty"], figures["cut_off"], figures["foreign"]) == (0, 0, 0)
        assert figures["edits"]["p50"] > 1
        assert 0 < figures["first_turn"]["p50"] < 60


def test_the_second_turn_found_its_beginning_in_the_cache_and_no_run_found_another(
    results: list[dict[str, Any]],
) -> None:
    """Blocks have 128 tokens here, and the second prompt begins with all of the first."""
    assert 0 < results[0]["figures"]["prefix_hits"] < 0.6


def test_a_result_says_what_answered(laptop: Laptop, results: list[dict[str, Any]], session: Path) -> None:
    row = results[0]
    assert row["vllm"] == "0.32.0"
    assert "--max-num-seqs=2" in row["flags"]
    assert (row["gpu"], row["cloud"], row["turns"], row["window_tokens"]) == ("no GPU", "local", 2, 4096)
    assert row["session"] == read_session(session).sha256
    assert row["bundle"] == laptop.outputs()["bundleSha256"]


def test_results_are_kept_and_compared(laptop: Laptop, results: list[dict[str, Any]]) -> None:
    kept = json.loads(laptop.must("fab bench --compare --json"))
    assert kept["results"][-2:] == results
    assert "pretended" in laptop.must("fab bench --recommend")
    assert (laptop.state / "ledger/bench.jsonl").stat().st_mode & 0o777 == 0o600
    assert "bench.jsonl" not in laptop.must("fab cost --json")


def test_a_vllm_that_dies_in_the_middle_leaves_no_result(laptop: Laptop, repository: Path, session: Path) -> None:
    before = json.loads(laptop.must("fab bench --compare --json"))["results"]
    bench = laptop.start(f"fab bench --session {session} --runs 50 --exact")
    assert bench.stderr is not None
    for line in bench.stderr:
        if "warmed up" in line:
            break
    wait_for(lambda: running_requests(laptop) > 0)
    laptop.on_box("docker kill vllm")
    out, err = bench.communicate(timeout=120)
    assert bench.returncode not in (0, None), out
    assert err.strip().splitlines()[-1].startswith(("box/", "daybox/")), err
    assert json.loads(laptop.must("fab bench --compare --json"))["results"] == before
    laptop.on_box("docker start vllm")
    laptop.run("fab bootstrap").ok()


def running_requests(laptop: Laptop) -> float:
    """How many requests vLLM computes just now."""
    said = laptop.on_box("curl -s http://127.0.0.1:8000/metrics")
    return Metrics.from_text(said).get("vllm:num_requests_running") or 0.0


def test_vllms_own_benchmark_runs_beside_it(laptop: Laptop, repository: Path) -> None:
    words = "fab bench --vllm --json -- --num-prompts 2 --random-input-len 64 --random-output-len 8"
    [row] = json.loads(laptop.must(words))
    assert (row["kind"], row["raw"]["completed"]) == ("vllm bench serve", 2)
    key = laptop.on_box("cat /etc/daybox/vllm-key").strip()
    assert key not in json.dumps(row)


def test_a_session_of_ones_own_is_recorded_and_can_be_replayed(laptop: Laptop, tmp_path: Path) -> None:
    (tmp_path / "calc.py").write_text(CALC)
    script = "git init -q && git add calc.py && git -c user.name=u -c user.email=u@localhost commit -qm start"
    subprocess.run(script, shell=True, cwd=tmp_path, check=True)
    file = tmp_path / "mine.jsonl"
    said = laptop.run(f"fab bench --record {file} -- --message '{ASK}' --yes-always calc.py", tmp_path).ok().err
    assert "it holds your code" in said.replace("\n", " ")
    recorded = read_session(file)
    assert recorded.turns == 1
    assert file.stat().st_mode & 0o777 == 0o600
    assert "def sub" in str(recorded.asks[0].messages)
