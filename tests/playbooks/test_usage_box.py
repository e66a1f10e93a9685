"""vLLM's own counters beside what the gateway counted, read over a tunnel's own ssh connection."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from playbooks.metrics import STARTED
from playbooks.tunnel_files import Orders, over_tunnel, tunnel_dir
from playbooks.tunnel_ssh import Tunnel, ssh_words
from playbooks.usage import Row, Used
from playbooks.usage_box import UNKNOWN, Balance, Box, Count, balance, box_in, clock_ahead, command, own_in, read
from stacks.ssh import Target, prepare
from tests.playbooks.fake_vllm import FakeVllm, fake_vllm
from tests.playbooks.own_sshd import OwnSshd, own_sshd
from tests.playbooks.test_tunnel_ssh import keep

# As vLLM 0.32 serves them, in the parts that are read: two reasons to finish, and the twins that hold a moment.
METRICS = """# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 1.0
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="m"} 2.0
# TYPE vllm:prompt_tokens counter
vllm:prompt_tokens_total{engine="0",model_name="m"} 5647.0
# TYPE vllm:prompt_tokens_created gauge
vllm:prompt_tokens_created{engine="0",model_name="m"} 1.795730869e+09
# TYPE vllm:generation_tokens counter
vllm:generation_tokens_total{engine="0",model_name="m"} 331.0
# TYPE vllm:request_success counter
vllm:request_success_total{engine="0",finished_reason="stop",model_name="m"} 4.0
vllm:request_success_total{engine="0",finished_reason="length",model_name="m"} 15.0
vllm:request_success_total{engine="0",finished_reason="abort",model_name="m"} 0.0
# TYPE vllm:prefix_cache_queries counter
vllm:prefix_cache_queries_total{engine="0",model_name="m"} 5647.0
# TYPE vllm:prefix_cache_hits counter
vllm:prefix_cache_hits_total{engine="0",model_name="m"} 4352.0
# TYPE process_start_time_seconds gauge
process_start_time_seconds 1.795730800e+09
"""
BEGAN = 1795730800.0
ORDERS = Orders("s", "l", 1, 18001, 8000, "daybox-1", "/f", "", "", architect_box_port=8001, architect_name="t")


def own(**more: float) -> str:
    return json.dumps({"began": BEGAN, "work": 64, "requests": 2, **more})


def row(at: float, client: str = "aider", *, architect: bool = False, **used: int) -> Row:
    return Row(at, client, Used(**used), architect)


BOX = Box(BEGAN, Count(19, 5647, 331), Count(2, 58, 2))


def test_vllms_figures_are_read_and_no_moment_among_them() -> None:
    assert box_in(METRICS, own()) == replace(BOX, busy=3, looked_up=5647, hits=4352)


@pytest.mark.parametrize("text", ["", "curl: (7) refused", "# TYPE x gauge\nx 1\n", "process_start_time_seconds 1\n"])
def test_a_vllm_that_does_not_answer_has_no_figures(text: str) -> None:
    assert box_in(text, own()) is None


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (own(), Count(2, 58, 2)),  # 64 = tokens + 2 for each request, of which one token each is out
        (own(began=1.0), Count(0, 0, 0)),
        ('{"began": 1795730800.0, "work": 64}', UNKNOWN),
        ("", UNKNOWN),
        ("[]", UNKNOWN),
    ],
    ids=["now", "earlier-vllm", "older-program", "no-file", "damaged"],
)
def test_the_boxs_own_work_is_of_this_start_or_unknown(text: str, count: Count) -> None:
    assert own_in(text, BEGAN) == count


def test_clients_and_the_boxs_own_make_up_what_vllm_counted() -> None:
    rows = [
        row(BEGAN - 1, requests=9, prompt_tokens=9, completion_tokens=9),  # of the vLLM before
        row(0.0, requests=9, prompt_tokens=9),  # nobody knows when
        row(BEGAN + 1, requests=15, failed=3, overflow=1, left=1, prompt_tokens=5000, completion_tokens=300),
        row(BEGAN + 2, "llm", requests=6, prompt_tokens=589, completion_tokens=29, refused=5),
        row(BEGAN + 2, architect=True, requests=1, prompt_tokens=1),
    ]
    found = balance(BOX, rows)
    assert (found.clients, found.left, found.failed) == (Count(17, 5589, 329), 1, 2)
    assert found.difference == Count(0, 0, 0)


def test_the_architects_vllm_is_compared_with_what_went_to_it() -> None:
    rows = [row(BEGAN + 1, requests=1, prompt_tokens=5), row(BEGAN + 1, architect=True, requests=3, prompt_tokens=7)]
    assert balance(BOX, rows, architect=True).clients == Count(3, 7, 0)


def test_what_is_unknown_makes_the_difference_unknown() -> None:
    assert Balance(replace(BOX, own=UNKNOWN), Count(1, 1, 1)).difference == UNKNOWN
    assert UNKNOWN.words() == "? requests, ? tokens in, ? out"


def test_both_vllms_are_asked_in_one_command() -> None:
    assert command([8000, 8001]) == (
        "curl -fsS --max-time 5 http://127.0.0.1:8000/metrics; echo @daybox;"
        " cat /var/lib/daybox/own-work.json; echo @daybox;"
        " curl -fsS --max-time 5 http://127.0.0.1:8001/metrics; echo @daybox;"
        " cat /var/lib/daybox/own-work-architect.json; echo @daybox; date +%s; echo @daybox"
    )


@pytest.mark.parametrize("ahead", [-120.0, 0.0, 120.0])
def test_a_laptop_whose_clock_differs_counts_what_was_asked_since_vllm_began(ahead: float) -> None:
    rows = [row(BEGAN + ahead - 5, requests=9), row(BEGAN + ahead + 5, requests=1, prompt_tokens=3)]
    assert balance(replace(BOX, ahead=ahead), rows).clients == Count(1, 3, 0)


@pytest.mark.parametrize(
    ("text", "ahead"), [("880\n", 120.0), ("1120\n", -120.0), ("999\n", 0.0), ("1001\n", 0.0), ("", 0.0), ("x", 0.0)]
)
def test_how_far_two_clocks_are_apart(text: str, ahead: float) -> None:
    assert clock_ahead(1000.0, text) == ahead


def test_no_connection_is_made_but_the_tunnels_own() -> None:
    assert over_tunnel(ORDERS.ssh_config, ORDERS.alias, "true") == [
        *("ssh", "-F", "/f", "-S", "./control", "-o", "ProxyCommand=false", "daybox-1", "--", "true")
    ]


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[OwnSshd]:
    with own_sshd(tmp_path / "sshd") as running:
        yield running


@pytest.fixture
def vllm() -> Iterator[FakeVllm]:
    with fake_vllm() as running:
        yield running


def orders_to(sshd: OwnSshd, port: int) -> Orders:
    target = prepare(Target("s", "127.0.0.1", "daybox-1", sshd.login_key, (sshd.host_key,), sshd.port))
    return Orders("s", "l", 1, 1, port, target.alias, str(target.config_file), "", "")


def test_a_box_tells_over_an_open_tunnel(
    sshd: OwnSshd, vllm: FakeVllm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    orders = orders_to(sshd, vllm.port)
    vllm.counters |= {"vllm:prompt_tokens_total": 11.0, "vllm:generation_tokens_total": 7.0, STARTED: 5.0}

    async def story() -> None:
        found, architect = read(replace(orders, architect_box_port=1))
        assert found and architect is None, "nobody listens there"
        assert (found.began, found.vllm, found.own) == (5.0, Count(0, 11, 7), UNKNOWN)
        assert found.ahead == 0, "both clocks are this machine's"

    keep(Tunnel(ssh_words(orders), tunnel_dir("s")), story)


def test_without_a_tunnel_nothing_is_asked_and_nothing_waits(
    sshd: OwnSshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    began = time.monotonic()
    with pytest.raises(OSError, match="the tunnel is not up"):
        read(orders_to(sshd, 9))
    assert time.monotonic() - began < 5
