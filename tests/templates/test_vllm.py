"""Stage vllm: compose is told to run one container, or two; the key is the box's own; nothing runs unsealed."""

import re
import stat

import pytest

from tests.templates.conftest import OnBox

# `up` starts the container: from then on it is running since the moment noted.
DOCKER = """
here=$(dirname "$0")/here
case "$1" in
inspect) [ -e "$here" ] && cat "$here" ;;
compose) {up} ;;
logs) echo "the last line of its log" ;;
esac
"""
STARTS = '[ -e "$here" ] || echo "true 2026-11-21T01:02:03Z" >"$here"'


ONE = """services:
  vllm:
    container_name: vllm
    volumes:
      - /var/lib/daybox/models/tiny:/model:ro
      - /var/lib/daybox/vllm-cache:/root/.cache/vllm
"""
TWO = f"""{ONE}  vllm-architect:
    container_name: vllm-architect
    volumes:
      - /var/lib/daybox/vllm-cache/architect:/root/.cache/vllm
"""


def box(onbox: OnBox, up: str = STARTS, sealed: bool = True, compose: str = ONE) -> OnBox:
    onbox.write("opt/daybox/compose.yaml", compose)
    onbox.command("docker", DOCKER.format(up=up))
    onbox.command("systemctl", "exit 0" if sealed else "exit 3")
    onbox.path("etc/daybox/nothing")
    return onbox


def test_the_container_is_started_as_the_compose_file_says(onbox: OnBox) -> None:
    assert box(onbox).run("vllm").stdout == "@word running as compose.yaml says\n"
    compose = f"{onbox.root}/opt/daybox/compose.yaml"
    assert f"docker compose --project-name daybox --file {compose} up --detach --remove-orphans" in onbox.calls()


def test_a_container_that_runs_as_it_should_is_not_touched_and_that_is_said(onbox: OnBox) -> None:
    box(onbox).run("vllm")
    assert onbox.run("vllm").stdout == "@outcome already\n@word running as compose.yaml says\n"


def test_the_box_makes_its_own_key_once_and_shows_it_to_root_only(onbox: OnBox) -> None:
    box(onbox).run("vllm")
    key = onbox.root / "etc/daybox/vllm-key"
    first = key.read_text()
    assert re.fullmatch("[0-9a-f]{64}", first)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    onbox.run("vllm")
    assert key.read_text() == first


def test_the_key_is_on_no_command_line(onbox: OnBox) -> None:
    box(onbox).run("vllm")
    assert (onbox.root / "etc/daybox/vllm-key").read_text() not in "".join(onbox.calls())


def test_an_unsealed_box_runs_no_container(onbox: OnBox) -> None:
    done = box(onbox, sealed=False).run("vllm")
    assert (done.returncode, done.stdout) == (1, "not sealed: daybox-seal.service\n")
    assert not [call for call in onbox.calls() if call.startswith("docker compose")]


def test_a_container_that_dies_at_once_shows_the_end_of_its_log(onbox: OnBox) -> None:
    done = box(onbox, up='echo "false 2026-11-21T01:02:03Z" >"$here"').run("vllm")
    assert (done.returncode, done.stdout) == (1, "the last line of its log\n")


def test_a_compose_that_fails_fails_the_stage(onbox: OnBox) -> None:
    done = box(onbox, up="echo network daybox0 is in use; exit 4").run("vllm")
    assert (done.returncode, done.stdout) == (4, "network daybox0 is in use\n")


def test_what_the_cloud_hands_in_of_vllms_cache_is_a_beginning_and_changes_nothing_that_is_there(onbox: OnBox) -> None:
    onbox.write("var/cache/daybox/vllm-cache/modelinfos/llama.json", "handed in")
    onbox.write("var/cache/daybox/vllm-cache/modelinfos/qwen.json", "handed in")
    mine = onbox.write("var/lib/daybox/vllm-cache/modelinfos/qwen.json", "its own")
    box(onbox).run("vllm")
    assert mine.read_text() == "its own"
    assert mine.with_name("llama.json").read_text() == "handed in"


def test_of_two_containers_both_must_run(onbox: OnBox) -> None:
    both = 'printf "true 2026-11-21T01:02:03Z\\ntrue 2026-11-21T01:02:04Z\\n" >"$here"'
    assert box(onbox, both, compose=TWO).run("vllm").stdout == "@word running as compose.yaml says\n"
    assert any(call.endswith("vllm vllm-architect") for call in onbox.calls())


@pytest.mark.parametrize("second", ["", "false 2026-11-21T01:02:04Z\\n"], ids=["absent", "dead"])
def test_a_second_container_that_does_not_run_fails_the_stage_and_shows_both_logs(onbox: OnBox, second: str) -> None:
    done = box(onbox, f'printf "true 2026-11-21T01:02:03Z\\n{second}" >"$here"', compose=TWO).run("vllm")
    assert (done.returncode, done.stdout) == (1, "the last line of its log\n" * 2)
    assert [call for call in onbox.calls() if "logs" in call] == [
        "docker logs --tail 3 vllm",
        "docker logs --tail 3 vllm-architect",
    ]


def test_each_of_two_has_a_cache_of_its_own_with_what_the_cloud_hands_in(onbox: OnBox) -> None:
    onbox.write("var/cache/daybox/vllm-cache/modelinfos/llama.json", "handed in")
    box(onbox, compose=TWO).run("vllm")
    for folder in ("vllm-cache", "vllm-cache/architect"):
        assert (onbox.root / "var/lib/daybox" / folder / "modelinfos/llama.json").read_text() == "handed in"
