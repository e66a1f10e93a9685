"""Two models on one box: a real box of the local cloud serves both, each asked by its name, and aider uses both.

Both have the same weights, for the local cloud has no others; the names, containers and ports are two all the same.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.trial import ASK, CALC
from tests.host import test_vllm_architect
from tests.laptop import Laptop, new_laptop
from tests.playbooks.fake_box import free_port

MAIN, ARCHITECT = "daybox-smollm2-135m", "daybox-smollm2-135m-twin"
SECOND = [name for name in vars(test_vllm_architect) if name.startswith("test_")]
AUTHOR = {f"GIT_{who}_{what}": "u@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    """A laptop with a box of two models, ready, and its tunnel."""
    made = new_laptop(tmp_path_factory.mktemp("architect"))
    made.more |= AUTHOR
    try:
        made.set(architect="smollm2-135m-twin", port=str(free_port()))
        made.up().ok()
        made.run("fab tunnel").ok()
        yield made
        made.run("fab tunnel.close")
        made.destroy()
    finally:
        made.cloud.stop()


def counted(laptop: Laptop, port: int) -> float:
    """Requests that the vLLM behind a port of the box has answered."""
    text = laptop.on_box(f"curl -s http://127.0.0.1:{port}/metrics")
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith("vllm:request_success_total"))


def test_each_model_answers_on_a_port_of_its_own_and_both_are_sealed(laptop: Laptop) -> None:
    rows = json.loads(laptop.on_box("docker inspect vllm vllm-architect"))
    published = [row["HostConfig"]["PortBindings"]["8000/tcp"] for row in rows]
    assert published == [[{"HostIp": "127.0.0.1", "HostPort": port}] for port in ("8000", "8001")]
    assert [list(row["NetworkSettings"]["Networks"]) for row in rows] == [["daybox"]] * 2


def test_ready_means_that_both_have_answered(laptop: Laptop) -> None:
    [*_, last] = [json.loads(line) for line in laptop.on_box("cat /var/lib/daybox/stages.jsonl").splitlines()]
    assert last["stage"] == "ready" and last["word"].startswith(f"{MAIN} and {ARCHITECT} answered")


def test_what_the_box_asked_the_second_model_itself_is_no_work(laptop: Laptop) -> None:
    laptop.on_box("/opt/daybox/bin/watchdog >/dev/null")
    state = json.loads(laptop.on_box("cat /run/daybox/watchdog-state.json"))
    assert state["architect"]["generated"] > 0 and state["architect"]["work"] == 0


def test_aider_plans_with_one_model_and_edits_with_the_other(laptop: Laptop, tmp_path: Path) -> None:
    (tmp_path / "calc.py").write_text(CALC)
    script = "git init -q && git add calc.py && git -c user.name=u -c user.email=u@localhost commit -qm start"
    subprocess.run(script, shell=True, cwd=tmp_path, check=True)
    before = counted(laptop, 8000), counted(laptop, 8001)
    laptop.run(f"fab launch aider --architect -- --message '{ASK}' --yes-always calc.py", tmp_path).ok()
    subprocess.run(["python3", "-c", "from calc import add; assert add(2, 3) == 5"], cwd=tmp_path, check=True)
    log = subprocess.run(["git", "log", "--format=%s"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert len(log.stdout.splitlines()) == 2
    # Of each the launcher's own question; a plan of the one, an edit and its commit message of the other.
    assert counted(laptop, 8001) - before[1] >= 2
    assert counted(laptop, 8000) - before[0] >= 3


def test_verify_asks_both(laptop: Laptop) -> None:
    checks = json.loads(laptop.run("fab verify --json").out)["checks"]
    about = [row for row in checks if row["check"] == "architect_answers" or row["check"] in SECOND]
    assert len(about) == 4 and {row["outcome"] for row in about} == {"passed"}, about


def test_a_second_model_that_ended_is_named_and_the_box_is_not_ready(laptop: Laptop) -> None:
    laptop.on_box("docker stop --time 5 vllm-architect")
    try:
        [row] = json.loads(laptop.must("fab status --json"))
        assert not row["ready"]
        rows = {one["name"]: one for one in json.loads(laptop.run("fab doctor --json").out)["checks"]}
        assert rows["box/architect"]["state"] == "wrong" and rows["box/completion"]["state"] == "ok"
        assert rows["box/architect"]["fact"].startswith("vllm-architect is exited")
    finally:
        laptop.on_box("docker start vllm-architect")
    laptop.run("fab bootstrap").ok()
    assert json.loads(laptop.must("fab status --json"))[0]["ready"]
