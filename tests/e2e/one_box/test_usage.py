"""Usage on a real box: what the gateway counted, and what the box asked itself, is what the real vLLM counted."""

import json
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from playbooks.ask_vllm import chat
from playbooks.keys import read_keys
from stacks.box import Box, box_target
from tests.laptop import Laptop, wait_for

CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
STORY = "Tell a story of a cat that counts. " * 20
COUNTS = ("requests", "prompt_tokens", "completion_tokens")


@dataclass(frozen=True)
class Client:
    """One client of the box's gateway."""

    port: int
    key: str
    model: str

    def ask(self, path: str = CHAT, **more: Any) -> httpx.Response:
        """One request, read to its end."""
        with self.speaking() as client:
            return client.post(path, json=self.body(path) | more)

    def speaking(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}", headers=headers, trust_env=False, timeout=120)

    def body(self, path: str) -> dict[str, Any]:
        if path == RESPONSES:
            return {"model": self.model, "input": STORY, "max_output_tokens": 12}
        return {"model": self.model, "messages": [{"role": "user", "content": STORY}], "max_tokens": 12}


@pytest.fixture
def client(laptop: Laptop, repository: Path) -> Client:
    """The client `env`, whose key `fab env` makes."""
    outputs, told = laptop.outputs(), json.loads(laptop.must("fab env --json --stack local"))
    return Client(outputs["port"], Path(told["key_file"]).read_text(), outputs["servedName"])


def usage(laptop: Laptop) -> dict[str, Any]:
    """The stack's part of `fab usage --json`, once nothing is under way."""

    def told() -> dict[str, Any] | None:
        [stack] = json.loads(laptop.must("fab usage --json --stack local"))["stacks"]
        assert stack["why"] == "" and len(stack["vllm"]) == 1, stack
        return None if stack["vllm"][0]["busy"] else dict(stack)

    found: dict[str, Any] = wait_for(told)
    return found


def of(stack: Mapping[str, Any], name: str) -> dict[str, Any]:
    """One client's row."""
    return next(
        (row for row in stack["groups"] if row["name"] == name), dict.fromkeys((*COUNTS, "failed", "refused"), 0)
    )


def grown(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, int]:
    """By how much each count grew."""
    return {name: after[name] - before[name] for name in COUNTS}


def test_usage_adds_up_to_vllms_own_counters(laptop: Laptop, client: Client) -> None:
    """Each protocol, streamed or not, told or not what it cost, one after the other and at once."""
    before = usage(laptop)
    asks: list[tuple[str, dict[str, Any]]] = [
        (path, {"stream": stream}) for path in (CHAT, MESSAGES, RESPONSES) for stream in (False, True)
    ]
    asks.append((CHAT, {"stream": True, "stream_options": {"include_usage": True}}))
    asks.append((CHAT, {"stop": ["a"], "max_tokens": 40}))
    for path, more in asks:
        assert client.ask(path, **more).status_code == 200
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda stream: client.ask(stream=bool(stream)), [0, 1, 0, 1]))
    assert {one.status_code for one in answers} == {200}
    after = usage(laptop)
    ours = grown(of(before, "env"), of(after, "env"))
    [then], [now] = before["vllm"], after["vllm"]
    assert ours["requests"] == len(asks) + len(answers)
    assert grown(then["counted"], now["counted"]) == ours, "vLLM counted what the gateway counted"
    assert now["difference"] == then["difference"], "what earlier tests asked past the gateway, or gave up"
    assert of(after, "env")["prefix_hits"] > 0.5, "the same prompt again and again"


def test_a_doctors_completion_is_the_boxs_own_and_a_verifys_is_counted(
    laptop: Laptop, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both ask on the box itself, past the gateway."""
    monkeypatch.setenv("DAYBOX_STATE", str(laptop.state))
    before = usage(laptop)
    laptop.run("fab doctor --json")
    target = box_target(Box.from_outputs(laptop.outputs()))
    chat(target, client.model, [{"role": "user", "content": STORY}], seconds=60, max_tokens=4)
    after = usage(laptop)
    [then], [now] = before["vllm"], after["vllm"]
    assert grown(then["own"], now["own"])["requests"] >= 1
    assert grown(of(before, "verify"), of(after, "verify"))["requests"] == 1
    assert now["difference"] == then["difference"]


def test_a_prompt_that_is_too_long_is_refused_by_vllm_with_its_numbers_and_computes_nothing(
    laptop: Laptop, client: Client
) -> None:
    before = usage(laptop)
    answer = client.ask(messages=[{"role": "user", "content": "word " * 20_000}], stream=True)
    assert (answer.status_code, "maximum context length is" in answer.text) == (400, True)
    after = usage(laptop)
    assert of(after, "env")["overflow"] == of(before, "env").get("overflow", 0) + 1
    assert after["vllm"][0]["counted"] == before["vllm"][0]["counted"]


def test_a_stream_comes_piece_by_piece_and_one_that_is_given_up_is_known_as_such(
    laptop: Laptop, client: Client
) -> None:
    before = usage(laptop)
    body = client.body(CHAT) | {"stream": True, "max_tokens": 400, "ignore_eos": True}
    with suppress(httpx.StreamError), client.speaking() as speaking, speaking.stream("POST", CHAT, json=body) as reply:
        first = next(reply.iter_text())
    assert first.count("data:") < 5
    after = usage(laptop)
    assert of(after, "env")["left"] == of(before, "env").get("left", 0) + 1
    assert after["vllm"][0]["counted"]["requests"] == before["vllm"][0]["counted"]["requests"]


def test_a_revoked_key_is_refused_by_the_running_gateway_and_the_next_one_is_another(
    laptop: Laptop, client: Client
) -> None:
    rows = {row["client"]: row for row in json.loads(laptop.must("fab keys --json --stack local"))}
    assert rows["env"]["requests"] > 0 and client.key not in json.dumps(rows)
    answers = list[int]()
    stop = threading.Event()

    def knock() -> None:
        with client.speaking() as speaking:
            while not stop.is_set():
                answers.append(speaking.get("/v1/models").status_code)

    knocking = threading.Thread(target=knock)
    knocking.start()
    try:
        said = laptop.must("fab keys.revoke env --yes --stack local")
        answers.append(0)  # from here on
        wait_for(lambda: len(answers) > answers.index(0) + 3, 20)
    finally:
        stop.set()
        knocking.join()
    assert said.startswith("local: the key of env is gone")
    assert set(answers[: answers.index(0)]) == {200, 401} and set(answers[answers.index(0) + 2 :]) == {401}
    assert "env" not in read_keys(laptop.state / "stacks/local/tunnel/keys.json")
    laptop.must("fab env --json --stack local")
    assert read_keys(laptop.state / "stacks/local/tunnel/keys.json")["env"] != client.key


def test_usage_is_a_table_by_client_or_day_and_bars(laptop: Laptop, client: Client) -> None:
    assert " env " in f" {laptop.must('fab usage --stack local')}".replace("\n", " ")
    assert "vLLM counted " in laptop.must("fab usage --by day --stack local")
    assert (
        laptop.must("fab usage --plot --stack local").count("█")
        + laptop.must("fab usage --plot --stack local").count("#")
        > 0
    )


def test_usage_is_known_when_the_box_is_not_asked(laptop: Laptop, repository: Path) -> None:
    laptop.must("fab tunnel.close")
    assert "no tunnel is open" in laptop.must("fab usage --stack local")
    [stack] = json.loads(laptop.must("fab usage --json --stack local"))["stacks"]
    assert (stack["vllm"], of(stack, "env")["requests"] > 0) == ([], True)
