"""What a box says of itself, as a line of the ledger has it."""

import json
import os
import signal
import subprocess
import sys

import pytest

from playbooks.bench_facts import NO_GPU, ask_box, commit, parse
from playbooks.bench_vllm import completed, end, ending, on_box, words_of
from stacks.errors import ModelError

ARGS = [
    *("-c", 'VLLM_API_KEY=$(cat /run/secrets/vllm-key); export VLLM_API_KEY; exec "$0" "$@"'),
    *("vllm", "serve", "/model", "--served-model-name", "daybox-qwen3-coder-30b", "--max-num-seqs=8"),
]
CONTAINER = {"args": ARGS, "image": "vllm/vllm-openai:v0.33.0", "image_id": "sha256:77"}
# nvidia-smi's form is recorded, its cards are not ours: no GPU was at hand.
ON_CARDS = f"""vllm {{"version":"0.33.0"}}
container {json.dumps(CONTAINER)}
gpu NVIDIA RTX 4000 Ada Generation, 580.95.05, 20475 MiB;NVIDIA RTX 4000 Ada Generation, 580.95.05, 20475 MiB
weights ["Qwen/Qwen3-Coder-30B-A3B-Instruct-FP8", "main", "dcaee4d4dfc5ee71ad501f01f530e5652438fde0"]
bundle {"b" * 64}
"""
ON_CPU = f"""vllm {{"version":"0.32.0+cpu"}}
container {json.dumps(CONTAINER | {"args": [*ARGS[:2], "python3", "-m", "vllm.entrypoints.cli.main", *ARGS[3:]]})}
gpu\x20
weights\x20
bundle {"b" * 64}
"""


def test_flags_are_those_that_the_container_runs_with() -> None:
    facts = parse(ON_CARDS)
    assert facts.flags == ("--served-model-name", "daybox-qwen3-coder-30b", "--max-num-seqs=8")
    assert (facts.vllm, facts.image, facts.image_id) == ("0.33.0", "vllm/vllm-openai:v0.33.0", "sha256:77")


def test_each_card_is_told_with_its_driver() -> None:
    assert parse(ON_CARDS).gpu.count("580.95.05, 20475 MiB") == 2


def test_the_revision_is_the_one_that_the_box_resolved() -> None:
    assert parse(ON_CARDS).revision == "dcaee4d4dfc5ee71ad501f01f530e5652438fde0"


def test_without_cards_and_with_weights_handed_in_it_says_so() -> None:
    facts = parse(ON_CPU)
    assert (facts.gpu, facts.revision) == (NO_GPU, "")
    assert facts.entry == ("python3", "-m", "vllm.entrypoints.cli.main")


@pytest.mark.parametrize("text", ["", "vllm \ncontainer \ngpu \nweights \nbundle \n", "container {}", "container ["])
def test_a_box_that_does_not_say_what_it_runs_gives_no_facts(text: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        parse(text)


def test_a_models_name_is_quoted_for_the_shell() -> None:
    assert "'/var/lib/daybox/models/a b;c/.daybox.json'" in ask_box("a b;c")


def test_this_checkouts_commit_is_short_or_unknown() -> None:
    assert len(commit().rstrip("+")) in (0, 12)


def test_vllms_own_benchmark_runs_beside_it_with_the_tokenizer_that_is_there() -> None:
    words = words_of(parse(ON_CPU), "coder", 4096, 2, ())
    assert words[:5] == ["python3", "-m", "vllm.entrypoints.cli.main", "bench", "serve"]
    assert words[words.index("--tokenizer") + 1] == "/model"
    assert words[words.index("--max-concurrency") + 1] == "2"


def test_what_the_user_says_of_it_wins() -> None:
    words = words_of(parse(ON_CPU), "coder", 4096, 1, ["--num-prompts", "3"])
    assert [words[at + 1] for at, word in enumerate(words) if word == "--num-prompts"] == ["10", "3"]
    assert words.index("--result-filename") > words.index("3")


def test_a_small_window_gets_shorter_prompts() -> None:
    words = words_of(parse(ON_CPU), "coder", 1024, 1, ())
    assert words[words.index("--random-input-len") + 1] == "768"


def test_its_key_is_on_no_command_line_but_read_where_it_lies() -> None:
    command = on_box(["vllm", "bench"])
    assert "OPENAI_API_KEY=$(cat /run/secrets/vllm-key)" in command
    assert "key-" not in command.replace("vllm-key", "")
    assert "daybox-bench.json" in end()


def test_ctrl_c_ends_what_runs_in_the_container_and_nothing_else() -> None:
    word = f"result-{os.getpid()}.json"
    sleep = [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"]
    ours, other = (subprocess.Popen([*sleep, name], stdout=subprocess.PIPE) for name in (word, f"{word}.other"))
    for process in (ours, other):
        assert process.stdout is not None
        process.stdout.readline()
    subprocess.run([sys.executable, "-c", ending(word)], check=True)
    assert ours.wait(20) == -signal.SIGTERM
    assert other.poll() is None
    other.kill()
    other.wait()


@pytest.mark.parametrize("given", [{"failed": 1}, {"completed": 9}, {"failed": 1, "completed": 10}], ids=str)
def test_a_benchmark_of_which_a_part_failed_is_no_result(given: dict[str, int]) -> None:
    """vLLM ends it with 0 all the same; older ones count no failures."""
    with pytest.raises(ModelError, match="1 of 10 requests failed"):
        completed({"num_prompts": 10, "completed": 10} | given)


def test_a_whole_one_is_kept_without_its_longest_lists() -> None:
    given = {"num_prompts": 10, "completed": 10, "failed": 0, "output_throughput": 31.2, "ttfts": [0.1] * 10}
    assert set(given) - set(completed(given)) == {"ttfts"}
