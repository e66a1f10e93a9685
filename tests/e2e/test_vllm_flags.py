"""The flags that vllmArgs is checked against, and vLLM itself: the local cloud's, a version behind the GPU image's."""

import os
from typing import Any

import pytest

from scripts.cloud.prepare import parts
from scripts.vllm_flags import ask
from stacks.catalog import MODELS, VLLM_CPU_IMAGE, Model
from stacks.places import cache_dir
from stacks.vllm_args import read
from stacks.vllm_flags import FLAGS, SHORT

TAKEN = (
    "--enable-prefix-caching --stream-interval 4",
    "--stream_interval=4 --no-enable-prefix-caching --seed -1",
    "--cudagraph-capture-sizes 1 2 4 --stream-interval=2",
    "--compilation-config.mode 3 --compilation_config.pass_config.fuse_norm_quant=true",
    '--speculative-config \'{"method": "ngram", "num_speculative_tokens": 4, "prompt_lookup_max": 4}\'',
    "--default-chat-template-kwargs.enable_thinking=false --limit-mm-per-prompt '{\"image\": 0}'",
    "--kernel-config.ir_op_priority.rms_norm+=native --override-generation-config.temperature 0.2",
    "--tool-call-parser hermes --enable-auto-tool-choice --reasoning-parser=qwen3 --generation-config vllm",
)
REFUSED = (
    "--no-such-flag",
    "--DTYPE=half",
    "half --dtype=half",
    "--dtype",
    "--dtype --enforce-eager",
    "--enforce-eager=true",
    "--kernel-config 3",
    "--seed.x 3",
    "--cudagraph-capture-sizes=1 2",
)
ABBREVIATED = "--trust-remote"
NEW_IN_0_33 = {"--monokernel", "--no-monokernel", "--reasoning-effort-map", "--sleep-mode-backend", "--watchdog-config"}


@pytest.fixture(scope="module")
def answer() -> dict[str, Any]:
    """What vLLM's own parser says: asked once, since its packages take ten seconds to import."""
    if os.geteuid() != 0:
        pytest.fail("needs root, and: python -m scripts.cloud prepare rootfs site")
    given = (*map(read, TAKEN), *map(str.split, REFUSED), [ABBREVIATED], *(model.vllm_flags for model in MODELS))
    return ask([["/model", *words] for words in given])


def opposite(name: str) -> str:
    """`--enable-x` <-> `--disable-x`."""
    turned = {"--enable-": "--disable-", "--disable-": "--enable-"}
    return next((turned[start] + name.removeprefix(start) for start in turned if name.startswith(start)), "")


def test_the_local_clouds_vllm_is_what_answers(answer: dict[str, Any]) -> None:
    assert VLLM_CPU_IMAGE.endswith(f":{answer['version']}")


def test_0_33_has_every_flag_that_0_32_had_and_they_take_the_same(answer: dict[str, Any]) -> None:
    assert {name: FLAGS.get(name) for name in answer["flags"]} == answer["flags"]
    assert answer["short"] == SHORT


def test_0_33_added_five_flags_and_opposites_to_enable_and_disable(answer: dict[str, Any]) -> None:
    assert {name for name in set(FLAGS) - set(answer["flags"]) if opposite(name) not in answer["flags"]} == NEW_IN_0_33


def test_no_flag_of_0_33_is_an_abbreviation_of_another_in_0_32(answer: dict[str, Any]) -> None:
    """vLLM would complete it, so that it would mean something else on the local cloud."""
    assert not [
        name for name in set(FLAGS) - set(answer["flags"]) if any(old.startswith(name) for old in answer["flags"])
    ]


@pytest.mark.parametrize("text", TAKEN)
def test_vllm_takes_what_vllm_args_accepts(answer: dict[str, Any], text: str) -> None:
    assert answer["refusals"][TAKEN.index(text)] == ""


@pytest.mark.parametrize("text", REFUSED)
def test_vllm_refuses_what_vllm_args_refuses_as_wrong(answer: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError):
        read(text)
    assert answer["refusals"][len(TAKEN) + REFUSED.index(text)] != ""


def test_vllm_completes_an_abbreviation_which_is_why_vllm_args_takes_none(answer: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        read(ABBREVIATED)
    assert answer["refusals"][len(TAKEN) + len(REFUSED)] == ""


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_vllm_takes_what_it_is_told_of_every_model(answer: dict[str, Any], model: Model) -> None:
    assert answer["refusals"][len(TAKEN) + len(REFUSED) + 1 + MODELS.index(model)] == ""


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_vllm_has_the_parsers_of_every_model(model: Model) -> None:
    """It looks for them when it starts, after minutes of loading, not when it reads its command line."""
    site = parts(cache_dir())["site"].target
    for folder, name in (("tool_parsers", model.family.tool_parser), ("reasoning", model.family.reasoning_parser)):
        assert not name or f'"{name}"' in (site / f"vllm/{folder}/__init__.py").read_text()
