"""vLLM's own benchmark on a box that is this machine: what is left there if it is interrupted, fails, or loses a part.

Docker is a stand-in of a few lines; the real one, with the real benchmark, is met in tests/e2e/one_box.
"""

import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from playbooks.bench_vllm import run_benchmark
from stacks.errors import ModelError
from stacks.ssh import Target
from tests.laptop import wait_for
from tests.playbooks.own_sshd import own_sshd
from tests.playbooks.pretend_box import PretendBox

RESULT = {"num_prompts": 10, "completed": 10, "failed": 0, "output_throughput": 31.2}
DOCKER = """\
#!/bin/sh
echo "$@" >>"{folder}/calls"
case "$*" in
    *--interactive*) touch "{folder}/started"; . "{folder}/benchmark" ;;
    *print*) cat "{folder}/result" ;;
esac
"""


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
    """A box whose docker does as the files `benchmark` and `result` say."""
    program = tmp_path / "bin/docker"
    program.parent.mkdir()
    program.write_text(DOCKER.format(folder=tmp_path))
    program.chmod(0o755)
    (tmp_path / "benchmark").write_text("exit 0")
    (tmp_path / "result").write_text(json.dumps(RESULT))
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    with own_sshd(tmp_path / "sshd") as running:
        yield PretendBox(tmp_path / "box", running).target()


def test_what_it_gave_is_the_result(target: Target) -> None:
    assert run_benchmark(target, ["vllm", "bench", "serve"]) == RESULT


def test_one_that_fails_gives_none_whatever_lies_there_from_before(target: Target, tmp_path: Path) -> None:
    (tmp_path / "benchmark").write_text("exit 3")
    with pytest.raises(ModelError, match="ended with 3"):
        run_benchmark(target, ["vllm", "bench", "serve"])


def test_ctrl_c_ends_it_on_the_box_too(target: Target, tmp_path: Path) -> None:
    """Else it would go on, and keep the box from being idle."""
    (tmp_path / "benchmark").write_text("exec sleep 5")

    def interrupt() -> None:
        wait_for((tmp_path / "started").exists)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        run_benchmark(target, ["vllm", "bench", "serve"])
    thread.join()
    calls = (tmp_path / "calls").read_text()
    assert "os.kill" in calls and "daybox-bench.json" in calls
