"""Stage ready: a completion, or the reason why none will come, early."""

import json
import re
from collections.abc import Iterator

import pytest

from tests.templates.conftest import OnBox
from tests.templates.vllm import Vllm, running

LOG = "ValueError: no room for the model\\n  at the cleanup\\nexited"


@pytest.fixture
def vllm(onbox: OnBox) -> Iterator[Vllm]:
    """A vLLM that answers at once, in a container that runs."""
    onbox.write("etc/daybox/vllm-key", "box-key")
    container(onbox, "running 0")
    with running(Vllm()) as vllm:
        onbox.environment["DAYBOX_VLLM"] = vllm.url
        yield vllm


def container(onbox: OnBox, *states: str) -> None:
    """What `docker inspect` says, one state after the other; the last stays."""
    (onbox.commands / "states").write_text("".join(f"{state}\n" for state in states))
    onbox.command(
        "docker",
        'cd "$(dirname "$0")"; case "$1" in'
        f' logs) printf "%b\\n" "{LOG}" ;;'
        ' inspect) head -n 1 states; [ "$(wc -l <states)" -gt 1 ] && sed -i 1d states ;; esac',
    )


def test_one_completion_of_one_token_is_asked_for_with_the_key_of_the_box(onbox: OnBox, vllm: Vllm) -> None:
    vllm.statuses = [503]
    assert re.fullmatch(r"@word daybox-tiny answered after \d\.\d s\n", onbox.run("ready").stdout)
    assert (vllm.asked[0]["model"], vllm.asked[0]["max_tokens"]) == ("daybox-tiny", 1)
    assert vllm.asked[0]["path"] == "/v1/chat/completions"


def test_a_box_that_answers_at_the_first_question_was_ready_already(onbox: OnBox, vllm: Vllm) -> None:
    assert onbox.run("ready").stdout.startswith("@outcome already\n@word daybox-tiny answered after 0.")


def test_a_wrong_key_does_not_mend_itself_so_nobody_waits_for_it(onbox: OnBox, vllm: Vllm) -> None:
    vllm.key = "another"
    done = onbox.run("ready")
    assert (done.returncode, done.stderr) == (
        1, "vLLM refuses: HTTP Error 401: Unauthorized: b'{\"error\": \"Unauthorized\"}'\n"
    )  # fmt: skip


@pytest.mark.parametrize("end", ["exited 0", "dead 0", "restarting 2", "running 2"])
def test_a_container_that_ended_or_starts_again_and_again_fails_with_the_error_of_its_log(
    onbox: OnBox, vllm: Vllm, end: str
) -> None:
    onbox.environment["DAYBOX_VLLM"] = "http://127.0.0.1:1"
    container(onbox, "running 0", end)
    done = onbox.run("ready")
    assert done.returncode == 1
    assert "ValueError: no room for the model\n" in done.stdout
    assert done.stderr.startswith(f"vllm is {end.split()[0]} after {end.split()[1]} restarts: ")


def test_restarts_of_an_earlier_day_are_not_held_against_it(onbox: OnBox, vllm: Vllm) -> None:
    container(onbox, "running 9")
    vllm.statuses = [503] * 25
    assert onbox.run("ready").returncode == 0


def test_a_container_that_is_gone_fails(onbox: OnBox, vllm: Vllm) -> None:
    onbox.environment["DAYBOX_VLLM"] = "http://127.0.0.1:1"
    onbox.command("docker", "exit 1")
    assert onbox.run("ready").stderr.startswith("vllm is absent after 0 restarts: ")


@pytest.fixture
def architect(onbox: OnBox, vllm: Vllm) -> Iterator[Vllm]:
    """A second vLLM beside the first."""
    onbox.facts(architect={"served": "daybox-planner"})
    with running(Vllm()) as architect:
        onbox.environment["DAYBOX_ARCHITECT"] = architect.url
        yield architect


def test_a_box_with_two_models_is_ready_when_each_has_answered(onbox: OnBox, vllm: Vllm, architect: Vllm) -> None:
    architect.statuses = [503]
    said = onbox.run("ready").stdout
    assert re.fullmatch(r"@word daybox-tiny and daybox-planner answered after \d\.\d s\n", said)
    assert [one["model"] for one in (*vllm.asked, *architect.asked)] == ["daybox-tiny"] + ["daybox-planner"] * 2


def test_a_second_model_that_ends_again_and_again_keeps_the_box_from_being_ready(
    onbox: OnBox, vllm: Vllm, architect: Vllm
) -> None:
    onbox.environment["DAYBOX_ARCHITECT"] = "http://127.0.0.1:1"
    container(onbox, "running 0", "running 0", "exited 1")
    done = onbox.run("ready")
    assert (done.returncode, done.stdout) == (
        1,
        LOG.replace("\\n", "\n") + "\n" + "ValueError: no room for the model\n",
    )
    assert done.stderr.startswith("vllm-architect is exited after 1 restarts: ")
    assert any(call == "docker logs --tail 3 vllm-architect" for call in onbox.calls())


def test_what_was_asked_of_each_model_is_noted_for_the_watchdog(onbox: OnBox, vllm: Vllm, architect: Vllm) -> None:
    vllm.metrics, architect.metrics = (f"process_start_time_seconds {began}\n" for began in (7, 8))
    onbox.run("ready")
    files = {name: onbox.root / f"var/lib/daybox/own-work{name}.json" for name in ("", "-architect")}
    known = {name: json.loads(file.read_text()) for name, file in files.items()}
    assert {name: (row["began"], row["work"]) for name, row in known.items()} == {"": (7, 11), "-architect": (8, 11)}
