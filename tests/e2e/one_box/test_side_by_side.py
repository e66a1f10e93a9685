"""Two stacks with a box each, on one laptop: every command reaches its own."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.laptop import Laptop

SECOND = "second"
TOKENS = "curl -s 127.0.0.1:8000/metrics | awk '/^vllm:generation_tokens_total/ {n += $2} END {print int(n)}'"


@pytest.fixture(scope="module")
def second(laptop: Laptop, committed: Path) -> Iterator[Laptop]:
    """Another stack of the same laptop, with a box that is ready; the tunnels of both are open."""
    file = laptop.root / f"stacks/Pulumi.{SECOND}.yaml"
    file.write_text("config:\n  daybox:cloud: local\n  daybox:plan: local-cpu\n" + own_lines(laptop))
    made = replace(laptop, stack=SECOND)
    try:
        made.up().ok()
        for one in (laptop, made):
            one.run("fab tunnel").ok()
        yield made
    finally:
        made.run(f"fab tunnel.close --stack {SECOND}")
        made.destroy()
        made.run(f"pulumi stack rm -s {SECOND} --yes --force")
        file.unlink(missing_ok=True)


def own_lines(laptop: Laptop) -> str:
    """What the shipped stack sets besides cloud and plan, and nothing that is a secret of it."""
    text = (laptop.root / "stacks/Pulumi.local.yaml").read_text()
    lines = re.findall(r"^  daybox:(?!cloud|plan|webhookUrl)\w+: .+\n", text, re.MULTILINE)
    return "".join(lines)


def test_each_has_its_own_port_gateway_box_and_files(laptop: Laptop, second: Laptop) -> None:
    one, two = laptop.outputs(), second.outputs()
    for key in ("port", "instanceId", "address", "hostKey", "lease"):
        assert one[key] != two[key], key
    rows = {row["stack"]: row for row in json.loads(laptop.must("fab tunnel.status --json"))}
    assert all(rows[stack]["alive"] for stack in ("local", SECOND))
    assert rows["local"]["pid"] != rows[SECOND]["pid"]


def test_a_prompt_for_one_reaches_that_one_alone(laptop: Laptop, second: Laptop) -> None:
    for mine, other in ((laptop, second), (second, laptop)):
        before = [int(one.on_box(TOKENS)) for one in (mine, other)]
        assert mine.ask().status_code == 200
        after = [int(one.on_box(TOKENS)) for one in (mine, other)]
        assert (after[0] > before[0], after[1] - before[1]) == (True, 0)


def test_a_key_of_one_opens_nothing_at_the_other(laptop: Laptop, second: Laptop) -> None:
    keys = json.loads((laptop.state / "stacks/local/tunnel/keys.json").read_text())
    url = f"http://127.0.0.1:{second.outputs()['port']}/v1/models"
    with httpx.Client(trust_env=False) as client:
        statuses = {client.get(url, headers={"Authorization": f"Bearer {key}"}).status_code for key in keys.values()}
    assert statuses == {401}


@pytest.mark.parametrize("command", ["env", "ssh -- hostname", "bootstrap --preview", "logs --of bootstrap"])
def test_a_command_means_the_stack_that_is_named(laptop: Laptop, second: Laptop, command: str) -> None:
    name, _, rest = command.partition(" ")
    one, two = (laptop.must(f"fab {name} --stack {stack} {rest}") for stack in ("local", SECOND))
    if name == "env":
        assert f":{laptop.outputs()['port']}" in one and f":{second.outputs()['port']}" in two
    elif name == "ssh":
        assert (one, two) == ("daybox-local\n", f"daybox-{SECOND}\n")
    elif name == "bootstrap":
        assert one.startswith("local: ") and two.startswith(f"{SECOND}: ")
    else:
        assert one and two and one != two


def test_a_gateway_whose_orders_were_changed_by_hand_is_refused_and_mended(laptop: Laptop, second: Laptop) -> None:
    """The second stack's gateway is started on the first one's port."""
    laptop.run("fab tunnel.close --stack local").ok()
    second.run(f"fab tunnel.close --stack {SECOND}").ok()
    orders = laptop.state / f"stacks/{SECOND}/tunnel/gateway.json"
    orders.write_text(json.dumps(json.loads(orders.read_text()) | {"port": laptop.outputs()["port"]}))
    start = f"(echo | setsid python -m playbooks.gateway --stack {SECOND} >/dev/null 2>&1 &)"
    second.run(f"{start}; sleep 3").ok()
    before = second.on_box(TOKENS)
    said = laptop.run("fab launch-aider -- --message hello --yes-always").failed()
    assert f"what answers there says it is that of {SECOND}'s box" in said
    assert second.on_box(TOKENS) == before
    second.run("fab tunnel").ok()
    laptop.run("fab tunnel").ok()
    assert (laptop.ask().status_code, second.ask().status_code) == (200, 200)


def test_one_is_given_back_and_the_other_stays(laptop: Laptop, second: Laptop) -> None:
    second.run(f"fab tunnel.close --stack {SECOND}").ok()
    second.destroy().ok()
    assert [row["id"] for row in laptop.instances()] == [int(laptop.outputs()["instanceId"])]
    assert laptop.ask().status_code == 200
