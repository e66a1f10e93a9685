"""The command: what goes together, and what people and programs are shown."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from playbooks.bench import check_goes_with, only_one, show_and_keep, whole
from playbooks.bench_advice import advise
from playbooks.bench_ledger import VLLM, Line, keep, kept, ledger_file
from playbooks.bench_measure import Wish, after_warm_up, plan_words
from playbooks.bench_session import EDITS, before_turn, read_session
from playbooks.bench_view import rounded, show_advice, show_kept, show_results, source
from playbooks.boxes import ROOT
from stacks.errors import BoxError, ConfigError, UsageError
from tests.playbooks.bench_lines import FIGURES, LINE, faster
from tests.playbooks.pretend_box import BOX

LOCAL = replace(LINE, cloud="local", plan="local-cpu", region="local", gpu="no GPU", usd_per_hour=0.1)
OWN = replace(
    LINE, kind=VLLM, figures=None, raw={"output_throughput": 31.2, "median_ttft_ms": 88.4, "median_tpot_ms": 9.6}
)


def shown(show: Callable[..., None], *words: object, width: int = 200, **named: object) -> str:
    """What it prints on a terminal without colours. words: what comes before where it is printed."""
    file = StringIO()
    file.isatty = lambda: True  # type: ignore[method-assign]
    show(*words, out=Console(file=file, width=width, color_system=None, highlight=False), **named)
    return file.getvalue()


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state of this test's own."""
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    return tmp_path


def fab(state: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """fab as it is typed."""
    argv = [str(Path(sys.executable).with_name("fab")), "bench", *words]
    env = os.environ | {"DAYBOX_STATE": str(state)}
    return subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("asked", [["--vllm", "--compare"], ["--record", "--recommend"]])
def test_one_thing_at_a_time(asked: list[str]) -> None:
    with pytest.raises(UsageError, match="are two things"):
        only_one(asked)


REPLAY_ONLY = ("--runs", "--session", "--exact")
KEPT = ("--compare", "--recommend", "--plot")


@pytest.mark.parametrize(
    ("mode", "flag"),
    [
        *[("", flag) for flag in ("--model", "--plan")],
        *[("--vllm", flag) for flag in (*REPLAY_ONLY, "--model")],
        *[("--record", flag) for flag in (*REPLAY_ONLY, "--concurrency", "--json", "--plan")],
        *[(mode, flag) for mode in KEPT for flag in (*REPLAY_ONLY, "--concurrency", "--stack")],
        ("--plot", "--json"),
    ],
)
def test_what_would_be_passed_over_is_refused(mode: str, flag: str) -> None:
    with pytest.raises(UsageError, match=f"{mode or 'a replay'} has no use for {flag}"):
        check_goes_with(mode, [flag], [])


@pytest.mark.parametrize("mode", ["", *KEPT])
def test_words_that_nobody_reads_are_refused(mode: str) -> None:
    with pytest.raises(UsageError, match="no use for words after --"):
        check_goes_with(mode, [], ["--num-prompts", "3"])


@pytest.mark.parametrize("word", ["--max-concurrency", "--max-concurrency=8", "--max_concurrency", "--max-conc"])
def test_vllms_own_benchmark_has_as_many_clients_as_its_result_says(word: str) -> None:
    with pytest.raises(UsageError, match="how many ask at once") as caught:
        check_goes_with("--vllm", [], [word, "8"])
    assert caught.value.hint == "say --concurrency instead"


@pytest.mark.parametrize(
    ("mode", "flags", "words"),
    [
        ("", ["--stack", *REPLAY_ONLY, "--concurrency", "--json"], []),
        ("--vllm", ["--stack", "--concurrency", "--json"], ["--num-prompts", "3"]),
        ("--record", ["--stack"], ["app.py"]),
        ("--compare", ["--model", "--plan", "--json"], []),
    ],
)
def test_what_goes_together_is_taken(mode: str, flags: list[str], words: list[str]) -> None:
    check_goes_with(mode, flags, words)


@pytest.mark.parametrize(
    ("word", "fact"),
    [("--runs=x", "--runs: 'x' is not a number"), ("--concurrency=4,", "--concurrency: '4,' is not a number")],
)
def test_what_is_no_number_is_one_line(tmp_path: Path, word: str, fact: str) -> None:
    done = fab(tmp_path, word)
    assert (done.returncode, done.stderr.startswith(fact)) == (UsageError.exit_code, True), done.stderr


def test_what_is_not_said_is_the_usual() -> None:
    assert (whole("runs", "", 3), whole("runs", "5", 3)) == (3, 5)


@pytest.mark.parametrize(("runs", "clients"), [(0, 1), (101, 1), (3, 0), (3, 65)])
def test_runs_and_clients_have_limits(runs: int, clients: int) -> None:
    with pytest.raises(UsageError, match="out of range"):
        Wish(runs, clients, "", exact=False)


def test_before_it_begins_it_says_how_much_it_will_do() -> None:
    words = plan_words(read_session(EDITS), Wish(3, 4, "", exact=False))
    assert words == "session edits, 8 turns, 18 requests: once to warm up, then 3 times by 1 and by 4 clients"


def test_after_the_first_replay_it_says_what_was_cut_and_how_long_the_rest_takes() -> None:
    session = read_session(EDITS)
    words = after_warm_up(session, before_turn(session, 3), 20.0, Wish(3, 1, "", exact=False), BOX)
    assert words == (
        "the window has room for its first 2 turns only; warmed up in 20 s; the rest takes about 1.0 minutes, on a box"
        " at $0.10/h"
    )


def test_a_result_is_shown_with_both_levels_and_what_it_is_worth() -> None:
    text = shown(show_results, [LINE, replace(faster(LINE, 30.0), clients=4)])
    [edits] = [line for line in text.splitlines() if line.startswith("edits")]
    assert edits.split()[-4:] == ["60.0/s", "40.0/s", "30.0/s", "15.0/s"]
    assert "4 at once, 3 runs: 48 answers with 9,000 tokens in 300 s; 3 ended at their bound, 0 were empty" in text


def test_without_drafts_there_is_a_dash() -> None:
    text = shown(show_results, [replace(LINE, figures=replace(FIGURES, drafts_accepted=None))])
    assert [line.split()[-1] for line in text.splitlines() if line.startswith("drafts")] == ["–"]


def test_others_on_the_box_are_told() -> None:
    assert "7 requests were not ours" in shown(show_results, [replace(LINE, figures=replace(FIGURES, foreign=7))])


def test_pretended_money_is_called_so() -> None:
    assert "pretended: nobody bills it" in source(LOCAL)
    assert "pretended" not in source(LINE)


@pytest.mark.parametrize(("tokens", "text"), [(123_456.0, "120,000"), (98.0, "98"), (None, "–")])
def test_tokens_for_a_dollar_show_no_digits_that_nobody_knows(tokens: float | None, text: str) -> None:
    assert rounded(tokens) == text


def test_at_width_80_a_result_is_one_line() -> None:
    lines = shown(show_kept, [LINE], [], width=80, plot=False).splitlines()
    assert len(lines) == 2
    assert all(len(line) <= 80 for line in lines)


def test_bars_are_as_long_as_edits_are_fast() -> None:
    lines = shown(show_kept, [LINE, faster(LINE, 30.0)], [], plot=True).splitlines()
    assert [line.count("█") + line.count("#") for line in lines[1:]] == [40, 20]


def test_a_recommendation_says_on_how_many_runs_it_rests() -> None:
    other = faster(LINE, 90.0, 50_000.0, plan="g3-gpu-rtxpro6000-blackwell-1")
    text = shown(show_advice, advise([LINE, other]))
    assert text.splitlines() == [
        "fastest: qwen3-coder-30b on g3-gpu-rtxpro6000-blackwell-1 (3 runs): edits at 90.0/s",
        "most for a dollar: qwen3-coder-30b on g2-gpu-rtx4000a2-s (3 runs): 100,000 tokens",
    ]


def test_programs_get_every_result_with_where_it_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    keep(LINE)
    keep(OWN)
    given = json.loads(fab(tmp_path, "--compare", "--json").stdout)
    assert [row["kind"] for row in given["results"]] == ["replay", "vllm bench serve"]
    assert given["results"][0]["flags"] == list(LINE.flags)
    assert given["faults"] == []
    assert json.loads(fab(tmp_path, "--recommend", "--json").stdout)["speed"]["plan"] == LINE.plan
    assert json.loads(fab(tmp_path, "--compare", "--model=other", "--json").stdout)["results"] == []


def test_to_recommend_from_nothing_is_an_error(tmp_path: Path) -> None:
    done = fab(tmp_path, "--recommend")
    assert done.returncode == UsageError.exit_code
    assert done.stderr.startswith("fab bench: nothing is kept")


def test_vllms_own_results_have_a_table_of_their_own() -> None:
    last = shown(show_kept, [LINE, OWN], [], plot=False).splitlines()[-1]
    assert last.split()[-5:] == ["31.2/s", "88", "ms", "10", "ms"]


def test_a_damaged_ledger_is_said_before_nothing_can_be_recommended(state: Path) -> None:
    keep(replace(LINE, clients=4))
    with ledger_file().open("a") as file:
        file.write('{"half\n')
    done = fab(state, "--recommend")
    assert done.returncode == UsageError.exit_code
    said = done.stderr.replace("\n", " ")
    assert said.index("line 2 is no result") < said.index("nothing is kept that")


def broken_after(line: Line) -> Iterator[Line]:
    """One result, and then the box is gone."""
    yield line
    raise BoxError("box/vllm: gone", hint="wait")


def test_what_was_measured_is_kept_and_shown_though_the_next_one_broke_off(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BoxError, match="gone"):
        show_and_keep(broken_after(LINE), json=True)
    assert [row["plan"] for row in json.loads(capsys.readouterr().out)] == [LINE.plan]
    assert kept([]) == [LINE]


def test_what_was_measured_is_shown_though_it_cannot_be_kept(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (state / "ledger").write_text("in the way")
    with pytest.raises(ConfigError, match=r"bench\.jsonl: ") as caught:
        show_and_keep([LINE], json=True)
    said = capsys.readouterr()
    assert [row["plan"] for row in json.loads(said.out)] == [LINE.plan]
    assert "kept in" not in said.err and "not kept" in caught.value.hint
