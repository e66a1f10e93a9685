"""`fab switch` on a real box with a real vLLM: another model and back, and what goes wrong in between."""

import json
import os
import re
import signal
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from playbooks.box_lock import FILE
from tests.e2e.one_box import second_model
from tests.laptop import Laptop, all_said, wait_for

FIRST, SECOND = "daybox-smollm2-135m", "daybox-tiny-llama"
LOCK = f"/{FILE}"


@pytest.fixture(scope="module", autouse=True)
def models(laptop: Laptop, committed: object) -> Iterator[None]:
    """Two more models, made here; the box serves its first one again afterwards, as its stack says."""
    file = laptop.root / "stacks/Pulumi.local.yaml"
    before = file.read_text()
    second_model.hand_in(laptop)
    laptop.must("fab tunnel")
    try:
        yield
    finally:
        if file.read_text() != before:  # a test failed in the middle: the others of this folder need not
            laptop.run("fab switch smollm2-135m --context 4096")
        second_model.take_away(laptop)
        assert file.read_text() == before


def served(laptop: Laptop) -> dict[str, int]:
    """What the box itself lists, through the tunnel: name -> window in tokens."""
    [key, *_] = json.loads((laptop.state / "stacks/local/tunnel/keys.json").read_text()).values()
    with httpx.Client(trust_env=False, timeout=30) as client:
        url = f"http://127.0.0.1:{laptop.outputs()['port']}/v1/models"
        rows = client.get(url, headers={"Authorization": f"Bearer {key}"}).json()["data"]
    return {row["id"]: row["max_model_len"] for row in rows}


def untouched(laptop: Laptop) -> str:
    """What no switch may restart: Docker, the seal, the boot itself; and who the box is."""
    services = "systemctl show docker daybox-seal --property=ExecMainStartTimestamp,ActiveEnterTimestamp"
    return laptop.on_box(f"{services}; cat /proc/sys/kernel/random/boot_id") + str(laptop.instances()[0]["id"])


def seconds(said: str) -> float:
    """How long the box was on its way, as `fab switch` says it."""
    found = re.search(r"answers, ([\d.]+) s after this began", said)
    assert found, said
    return float(found[1])


def test_another_model_serves_and_pulumi_finds_no_difference(laptop: Laptop) -> None:
    before = untouched(laptop)
    done = laptop.run("fab switch tiny-llama --context 2048 --json").ok()
    assert "new weights: nobody/tiny-llama at 111111111111" in done.err and "every digest checked" in done.err
    told: dict[str, Any] = json.loads(done.out)
    assert (told["model"], told["served_name"], told["window_tokens"]) == ("tiny-llama", SECOND, 2048)
    assert [row["stage"] for row in told["stages"]["stages"] if row["outcome"] == "done"] == ["vllm", "ready"]
    assert served(laptop) == {SECOND: 2048, f"{SECOND}-commit": 2048}
    assert laptop.ask().status_code == 200
    assert untouched(laptop) == before
    laptop.must("pulumi preview -s local --non-interactive --expect-no-changes")
    aider = laptop.state / "stacks/local/clients/aider"
    assert f"openai/{SECOND}" in (aider / "model.settings.yml").read_text()
    assert json.loads((aider / "model.metadata.json").read_text())[f"openai/{SECOND}"]["max_input_tokens"] == 2048 - 256


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--context 9000", "9000 tokens are more than the 8192"),
        ("--tp 2", "no tensor parallelism"),
        ("qwen3-coder-30b", "which leaves no room for a cache on local-cpu"),
        ("nonsense --name gpt-4", "'nonsense' is not in the catalog"),
    ],
)
def test_what_does_not_fit_or_is_unknown_is_refused_with_nothing_touched(laptop: Laptop, words: str, said: str) -> None:
    file, events = laptop.root / "stacks/Pulumi.local.yaml", "wc -l </var/lib/daybox/stages.jsonl"
    before = file.read_text(), laptop.on_box(events)
    assert said in laptop.run(f"fab switch {words}").failed()
    assert (file.read_text(), laptop.on_box(events)) == before


def test_gated_weights_never_stop_the_model_that_serves(laptop: Laptop) -> None:
    began = laptop.on_box("docker inspect --format '{{.State.StartedAt}}' vllm")
    said = laptop.run("fab switch gated-llama").failed()
    assert "trying again with your token of the Hub" in said
    assert (
        "box/weights: nobody/gated-llama is gated, private or not there (HTTP 401); nothing is changed; accept" in said
    )
    assert "hub-token" not in laptop.on_box("ls -a /run/daybox")
    assert laptop.on_box("docker inspect --format '{{.State.StartedAt}}' vllm") == began
    assert served(laptop).keys() == {SECOND, f"{SECOND}-commit"}


def test_a_model_that_breaks_at_its_start_gives_way_to_the_old_one(laptop: Laptop) -> None:
    file = laptop.root / "stacks/Pulumi.local.yaml"
    before, bundle = file.read_text(), laptop.on_box("cat /opt/daybox/bundle.sha256")
    done = laptop.run("fab switch torn-llama")
    said = done.failed()
    assert done.status == 6
    assert "box/vllm: weights-damaged: " in said and f"; {SECOND} serves again; " in said
    assert "SafetensorError" in (laptop.state / "stacks/local/failed-start.log").read_text()
    assert (file.read_text(), laptop.on_box("cat /opt/daybox/bundle.sha256")) == (before, bundle)
    assert laptop.ask().status_code == 200
    assert "nothing to do" in laptop.must("fab bootstrap")


def test_ctrl_c_brings_the_old_model_back_and_a_second_switch_is_told_who_is_there(laptop: Laptop) -> None:
    file = laptop.root / "stacks/Pulumi.local.yaml"
    before = file.read_text()
    process = laptop.start("exec fab --search-root . switch --context 1024")
    wait_for(lambda: "context becomes 1024" in laptop.on_box(f"cat {LOCK} 2>/dev/null; true"))
    another = laptop.start("fab switch smollm2-135m")
    wait_for(lambda: '"1024"' in file.read_text())
    wait_for(lambda: laptop.on_box("systemctl show daybox-ready --property=ActiveState --value") == "activating\n")
    assert laptop.ask().status_code == 503  # the tunnel is open, and says that nobody is there just now
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, refused = all_said(another)
    assert re.search(r"box/daybox-\d+: \S+@\S+ is changing it since \S+ UTC: context becomes 1024; wait", refused)
    out, err = all_said(process)
    assert process.returncode == 130, out + err
    assert f"{SECOND} comes back; Ctrl-C again does not wait for it" in err
    assert file.read_text() == before
    assert served(laptop) == {SECOND: 2048, f"{SECOND}-commit": 2048}
    assert laptop.on_box(f"cat {LOCK}") == ""


def test_a_change_of_context_alone_is_soon_ready_again(laptop: Laptop) -> None:
    said = laptop.run("fab switch --context 3072").ok().err
    print(f"ready again after {seconds(said):.1f} s")
    assert set(served(laptop).values()) == {3072}


def test_back_to_the_first_model_all_is_as_it_was(laptop: Laptop) -> None:
    laptop.run("fab switch smollm2-135m --context 4096").ok()
    assert served(laptop) == {FIRST: 4096, f"{FIRST}-commit": 4096}
    kept = json.loads(laptop.must("fab status --json"))[0]["kept_until"]
    assert kept is not None, "its idle time begins anew"
    laptop.must("fab extend --minutes 0")
    laptop.must("pulumi preview -s local --non-interactive --expect-no-changes")
