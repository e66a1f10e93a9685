"""`fab usage`: what was counted, for people and for programs."""

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

import playbooks.usage_command as module
from playbooks.added_up import day_in
from playbooks.tunnel_files import Orders, tunnel_dir
from playbooks.usage import NOBODY, Row, Used, append
from playbooks.usage_box import Balance, Box, Count
from playbooks.usage_command import Stack, as_json, found, stacks_meant, summed
from playbooks.usage_view import show
from stacks.errors import UsageError

ROOT = Path(__file__).resolve().parents[2]
FAB = str(Path(sys.executable).with_name("fab"))
DAY = 86_400.0
AIDER = Used(
    requests=12,
    failed=2,
    left=1,
    overflow=1,
    prompt_tokens=12_000,
    cached_tokens=9_000,
    cache_known_tokens=12_000,
    completion_tokens=1_500,
    milliseconds=60_000,
)
ROWS = [
    Row(0.0, "aider", Used(requests=1, prompt_tokens=100)),
    Row(20 * DAY, "aider", AIDER),
    Row(21 * DAY, "llm", Used(requests=1, prompt_tokens=10, completion_tokens=3)),
    Row(21 * DAY, NOBODY, Used(refused=4)),
]
EVEN = Balance(Box(20 * DAY, Count(11, 12_010, 1_503), Count(2, 0, 0), hits=3, looked_up=4), Count(9, 12_010, 1_503))
ODD = replace(EVEN, clients=Count(9, 12_000, 1_500))


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))


def shown(*stacks: Stack, by: str = "client", plot: bool = False, encoding: str = "utf-8") -> list[str]:
    """What is printed into a pipe, line by line."""
    raw = io.BytesIO()
    out = Console(file=io.TextIOWrapper(raw, encoding=encoding), highlight=False)
    show(stacks, by, plot=plot, out=out)
    out.file.flush()
    return [line.rstrip() for line in raw.getvalue().decode().splitlines()]


def test_a_line_a_client_those_that_used_most_first() -> None:
    lines = shown(Stack("s", summed(ROWS, "client", None)))
    assert [line.split() for line in lines[:4]] == [
        ["client", "requests", "failed", "refused", "tokens", "in", "out", "tokens/s", "prefix", "hits"],
        ["aider", "13", "2", "0", "12,100", "1,500", "25.0", "75", "%"],
        ["llm", "1", "0", "0", "10", "3", "?", "?"],
        ["(no", "key)", "0", "0", "4", "0", "0", "?", "?"],
    ]
    assert lines[4:] == [
        "1 prompts were longer than the window; vLLM computed nothing of them",
        "1 requests were given up by their client before the end",
        "4 requests were refused, 4 of them without a key, and reached no model",
    ]


def test_by_day_the_oldest_first_and_what_has_no_day_is_said() -> None:
    sums = summed(ROWS, "day", None)
    assert list(sums) == ["1970-01-21", "1970-01-22", "earlier"]
    assert sum(sums.values(), Used()) == sum((row.used for row in ROWS), Used())


def test_since_a_day_counts_that_day_and_nothing_of_unknown_days() -> None:
    assert list(summed(ROWS, "day", day_in("usage", "1970-01-22"))) == ["1970-01-22"]


def test_several_stacks_each_have_their_name() -> None:
    one, two = Stack("a", {"aider": AIDER}), Stack("b", {"llm": Used(requests=1)}, why="no tunnel is open")
    lines = shown(one, two)
    assert [line.split()[:2] for line in lines[:3]] == [["stack", "client"], ["a", "aider"], ["b", "llm"]]
    assert lines[-1] == "b: no tunnel is open"


def test_whether_it_adds_up_is_said_with_all_three_numbers() -> None:
    assert shown(Stack("s", {"aider": AIDER}, [EVEN]))[-5:] == [
        "vLLM counted 11 requests, 12,010 tokens in, 1,503 out, since it began at 1970-01-21T00:00:00Z",
        "  clients 9 requests, 12,010 tokens in, 1,503 out",
        "  the box's own 2 requests, 0 tokens in, 0 out",
        "  difference 0 requests, 0 tokens in, 0 out",
        "  prefix hits 75 % of all tokens that it looked up",
    ]


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (ODD, ""),
        (replace(ODD, left=3), "requests given up (3), whose tokens no answer told, or "),
        (replace(ODD, failed=2), "requests that failed (2), whose tokens no answer told, or "),
        (replace(ODD, box=replace(ODD.box, busy=2)), "requests under way (2), or "),
        (
            replace(ODD, left=1, failed=1),
            "requests given up (1), whose tokens no answer told, or requests that failed ",
        ),
    ],
)
def test_a_difference_comes_with_what_may_be_its_reason(one: Balance, reason: str) -> None:
    """Nobody is accused: what this laptop cannot see is one of several."""
    lines = shown(Stack("s", {"a": AIDER}, [one]))
    told = lines[lines.index("  difference 0 requests, 10 tokens in, 3 out") + 1]
    assert told.startswith(f"  which may be {reason}")
    assert told.endswith(
        "an answer too large to be read here, or several answers to one request, or what was asked"
        " past this gateway: on the box, in Open WebUI, from another laptop"
    )


@pytest.mark.parametrize(("encoding", "mark"), [("utf-8", "█"), ("ascii", "#")])
def test_bars_are_as_long_as_their_share(encoding: str, mark: str) -> None:
    sums = {"a": Used(requests=1, prompt_tokens=100), "b": Used(requests=1, completion_tokens=50), "c": Used()}
    lines = shown(Stack("s", sums), plot=True, encoding=encoding)
    assert [line.count(mark) for line in lines[1:4]] == [40, 20, 0]


def test_it_fits_a_terminal_of_80_columns() -> None:
    assert max(map(len, shown(Stack("s", {"a-client": AIDER})))) <= 80


def test_where_nothing_was_asked_that_is_said() -> None:
    assert shown(Stack("s", {})) == ["nothing was asked yet"]
    assert shown() == ["no stack has had a tunnel on this laptop yet"]


def test_for_programs_unknown_is_null() -> None:
    answer = json.loads(json.dumps(as_json(Stack("s", {"llm": Used(requests=1, prompt_tokens=10)}, [EVEN], ""))))
    [group] = answer["groups"]
    assert (group["name"], group["requests"], group["tokens_per_second"], group["prefix_hits"]) == (
        "llm",
        1,
        None,
        None,
    )
    assert answer["vllm"][0]["difference"] == {"requests": 0, "prompt_tokens": 0, "completion_tokens": 0}
    assert answer["total"]["prompt_tokens"] == 10


def orders(stack: str) -> None:
    Orders(stack, "l", 1, 1, 8000, "a", "", "", "").write()


def test_a_stack_whose_tunnel_is_closed_shows_what_was_used_and_why_nothing_is_compared() -> None:
    orders("s")
    append(tunnel_dir("s"), ROWS)
    one = found("s", "client", None)
    assert (list(one.sums), one.balances) == (["aider", "llm", ""], [])
    assert one.why == "vLLM's own counters are not known: no tunnel is open"


def test_every_stack_that_had_a_tunnel_is_meant_or_the_named_one() -> None:
    for name in ("a", "b"):
        orders(name)
    assert (stacks_meant(None), stacks_meant("b")) == (["a", "b"], ["b"])
    with pytest.raises(UsageError) as caught:
        stacks_meant("c")
    assert caught.value.line() == "stacks/c: never had a tunnel on this laptop; those that had: a, b"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--by", "model"], "fab usage: --by model is nothing to add up by; choose from: client, day"),
        (["--since", "june"], "fab usage: --since june is no day; say YYYY-MM-DD, as 2026-11-01"),
        (["--plot", "--json"], "fab usage: --plot draws, and --json does not; say one of them"),
    ],
)
def test_what_cannot_be_meant_is_said_in_a_line(words: list[str], said: str) -> None:
    done = subprocess.run([FAB, "usage", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"{said}\n")


def test_the_client_that_asks_is_the_one_that_tunnels_are_tried_with() -> None:
    from playbooks.tunnel import PROBE_CLIENT

    assert module.PROBE_CLIENT == PROBE_CLIENT
