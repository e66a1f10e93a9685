"""vllmArgs: what vLLM would not take, what another setting decides and what opens the seal never gets to the box."""

import json
import re
import shlex
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stacks.catalog import VLLM_GPU_IMAGE
from stacks.settings import KEYS
from stacks.vllm_args import ONLY, OWNED, SEALED, SEALED_KEYS, SEALED_KEYS_OF, read
from stacks.vllm_flags import FLAGS, JSON, OPTIONS, SHORT, SWITCH, SWITCHES, VERSION

IN_FULL = "write flags in full, as --name=value"


def refusal(text: str) -> tuple[str, str]:
    """Fact and hint of what is refused."""
    with pytest.raises(ValueError) as caught:
        read(text)
    fact, hint = caught.value.args
    return fact, hint


def test_the_flags_are_those_of_the_version_that_the_gpu_image_runs() -> None:
    assert VLLM_GPU_IMAGE.endswith(f":v{VERSION}")


def test_a_flag_is_a_switch_or_an_option_and_never_both() -> None:
    assert not SWITCHES & OPTIONS
    assert set(FLAGS) == SWITCHES | OPTIONS


def test_what_is_owned_or_sealed_is_a_flag_of_vllm_and_never_both() -> None:
    assert set(OWNED) | set(SEALED) <= set(FLAGS)
    assert not set(OWNED) & set(SEALED)


def test_every_owner_but_the_key_file_is_a_setting() -> None:
    assert {owner.removeprefix("daybox:") for owner in OWNED.values()} - {"a file on the box"} <= set(KEYS)


def test_every_short_flag_is_short_for_a_flag() -> None:
    assert set(SHORT.values()) <= set(FLAGS)


@pytest.mark.parametrize("flag", sorted(set(SEALED) & SWITCHES))
def test_a_sealed_switch_has_no_second_spelling_that_does_the_same(flag: str) -> None:
    """`--enable-x` is `--no-disable-x` where vLLM has both."""
    same = f"--no-disable-{flag.removeprefix('--enable-')}"
    assert same not in FLAGS or same in SEALED


@pytest.mark.parametrize("flag", sorted(name for name in set(FLAGS) - set(SEALED) if FLAGS[name] != SWITCH))
def test_an_option_that_names_a_file_a_class_or_an_address_is_sealed(flag: str) -> None:
    """A new version's may have such a name: then somebody has to look."""
    assert not re.search("-(cls|plugin|path|dir|file|url|host|addr|address|port|endpoint|token)$", flag)


def test_nothing_is_nothing() -> None:
    assert read("") == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("--enable-prefix-caching", ("--enable-prefix-caching",)),
        ("--no-enable-prefix-caching", ("--no-enable-prefix-caching",)),
        ("--disable-prefix-caching", ("--disable-prefix-caching",)),
        ("--stream-interval 4096", ("--stream-interval", "4096")),
        ("--stream_interval=4096", ("--stream-interval=4096",)),
        ("--seed -1", ("--seed", "-1")),
        ("--seed=-1", ("--seed=-1",)),
        ("--cudagraph-capture-sizes 1 2 4", ("--cudagraph-capture-sizes", "1", "2", "4")),
        (
            "--moe-backend 'auto' --seed=\"triton\"",
            ("--moe-backend", "auto", "--seed=triton"),
        ),
        ("--compilation_config.max_cudagraph_capture_size 8", ("--compilation-config.max_cudagraph_capture_size", "8")),
        ("--kernel-config.ir_op_priority.rms_norm+=a,b", ("--kernel-config.ir_op_priority.rms_norm+=a,b",)),
        ('--attention-config \'{"backend": "FLASHINFER"}\'', ("--attention-config", '{"backend": "FLASHINFER"}')),
        ("--tool-call-parser hermes", ("--tool-call-parser", "hermes")),
        ("--reasoning-parser=qwen3", ("--reasoning-parser=qwen3",)),
        ("--enable-auto-tool-choice", ("--enable-auto-tool-choice",)),
        ("--generation-config vllm", ("--generation-config", "vllm")),
        ("--speculative-config.method ngram", ("--speculative-config.method", "ngram")),
    ],
)
def test_a_harmless_flag_becomes_the_words_that_vllm_gets(text: str, words: tuple[str, ...]) -> None:
    assert read(text) == words


@pytest.mark.parametrize(
    ("text", "fact", "hint"),
    [
        ("--seed '1", "\"--seed '1\" is cut off: no closing quotation", "close every quote"),
        ("triton --attention-backend=triton", "'triton' belongs to no flag", IN_FULL),
        ("--attention-backend triton auto", "'auto' belongs to no flag", IN_FULL),
        ("--enforce-eager true", "'true' belongs to no flag", IN_FULL),
        ("--enforce-eager=true", "--enforce-eager takes no value", "write --enforce-eager alone"),
        ("--cudagraph-capture-sizes=1 2", "'2' belongs to no flag", IN_FULL),
        ("--attention-backend", "--attention-backend lacks its value", IN_FULL),
        ("--attention-backend --enforce-eager", "--attention-backend lacks its value", IN_FULL),
        ("--trust-remote", f"'--trust-remote' is no flag of vLLM {VERSION} (near it: --trust-remote-code or "
            "--no-trust-remote-code)", IN_FULL),
        ("--zzz=1", f"'--zzz' is no flag of vLLM {VERSION}", IN_FULL),
        ("--DTYPE=triton", f"'--DTYPE' is no flag of vLLM {VERSION}", IN_FULL),
        ("--", f"'--' is no flag of vLLM {VERSION}", IN_FULL),
        ("--seed -0.5", f"--seed lacks its value, '-0.5' is no flag of vLLM {VERSION}", IN_FULL),
        ("-ep", "'-ep' is short for --enable-expert-parallel", "write --enable-expert-parallel"),
        ("-cc.mode=3", "'-cc.mode' is short for --compilation-config", "write --compilation-config"),
        ("-O3", "'-O3' is short for --optimization-level", "write --optimization-level"),
        ("-tp 2", "--tensor-parallel-size is decided by daybox:tp", "leave --tensor-parallel-size out"),
        ("--max_model_len=1k", "--max-model-len is decided by daybox:context", "leave --max-model-len out"),
        ("--host 0.0.0.0", "--host decides who reaches vLLM", "leave --host out"),
        ("--hf_overrides.rope=1", "--hf-overrides makes another model of what was sized", "leave --hf-overrides out"),
        ("--seed.x 1", "--seed does not take the keys of '--seed.x'", IN_FULL),
        ("--kernel-config. 1", "--kernel-config does not take the keys of '--kernel-config.'", IN_FULL),
        ("--kernel-config 3", "--kernel-config='3' is no JSON object", "write --kernel-config='{\"key\": value}'"),
        ("--generation-config /etc", "--generation-config='/etc' uses files other than the model's",
            "choose from: auto, vllm"),
        ("--seed ${HOME}", "'${HOME}' holds a $ or what cannot be printed", "leave such characters out"),
    ],
)  # fmt: skip
def test_a_fault_is_a_fact_and_a_way_out(text: str, fact: str, hint: str) -> None:
    assert refusal(text) == (fact, hint)


def test_all_faults_are_reported_together_and_each_once() -> None:
    fact, hint = refusal("--host=a --port 1 --host=b --seed")
    assert fact == "--host decides who reaches vLLM, --port decides who reaches vLLM, --seed lacks its value"
    assert hint == f"leave --host out, leave --port out, {IN_FULL}"


@pytest.mark.parametrize("flag", sorted(SEALED))
def test_a_sealed_flag_is_refused_with_its_reason(flag: str) -> None:
    assert f"{flag} {SEALED[flag]}" in refusal(flag)[0]


@pytest.mark.parametrize("flag", sorted(OWNED))
def test_an_owned_flag_is_refused_and_the_setting_named(flag: str) -> None:
    assert f"{flag} is decided by {OWNED[flag]}" in refusal(f"{flag}=1")[0]


@pytest.mark.parametrize("short", sorted(SHORT))
def test_no_short_flag_is_taken(short: str) -> None:
    assert SHORT[short] in refusal(f"{short} 1")[0]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('--speculative-config \'{"model": "/other"}\'', "model"),
        ("--speculative-config.model=/other", "model"),
        ("--speculative-config.draft_load_config.load_format=tensorizer", "draft_load_config"),
        ('--speculative-config \'{"code_revision": "main"}\'', "code_revision"),
        ("--compilation-config.backend os.system", "backend"),
        ('--compilation-config \'{"inductor_passes": {"a": "os.system"}}\'', "inductor_passes"),
        ('--compilation-config \'{"inductor_compile_config": {"cpp.cxx": "sh"}}\'', "inductor_compile_config"),
        ("--compilation-config.debug_dump_path=/tmp", "debug_dump_path"),
        ("--structured-outputs-config.reasoning_parser_plugin=/x.py", "reasoning_parser_plugin"),
        ('--kernel-config \'{"a": [{"trust\\u005fremote-code": true}]}\'', "trust_remote-code"),
        ('--kernel-config \'{"Trust_Remote_Code": 1, "Trust_Remote_Code": 0}\'', "Trust_Remote_Code"),
        ('--override-generation-config \'{"a": {"proxy_host": "h"}}\'', "proxy_host"),
    ],
)
def test_a_key_that_opens_the_seal_is_refused_however_deep_it_is_in_json(text: str, key: str) -> None:
    assert f"{key!r} in --" in refusal(text)[0]


@pytest.mark.parametrize(
    "text",
    [
        "--attention-backend https://example.net",
        '--override-generation-config \'{"a": ["s3:\\/\\/bucket"]}\'',
        "--attention-backend trust_remote_code",
        "--default-chat-template-kwargs.a trust-remote-code",
        '--default-chat-template-kwargs \'{"a": "trust_remote_code=1"}\'',
    ],
)
def test_a_value_that_names_another_host_or_foreign_code_is_refused(text: str) -> None:
    assert re.search("reaches other hosts|runs code that is not vLLM's", refusal(text)[0])


def test_a_key_that_json_doubles_is_read_both_times() -> None:
    assert "'model'" in refusal('--speculative-config \'{"a": {"model": "x"}, "a": {}}\'')[0]


def test_json_too_deep_to_be_read_is_no_json() -> None:
    assert "is no JSON object" in refusal("--kernel-config " + "[" * 200_000)[0]


@pytest.mark.parametrize("text", ["'--seed=\\n1'", "--seed=\x00", "--seed=\udc80", "--seed=\u2028"])
def test_what_cannot_be_printed_never_gets_into_a_file_of_the_box(text: str) -> None:
    refusal(text.replace("\\n", "\n"))


# How a shell, or vLLM's own parser, would let somebody write a flag.
SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": lambda name: name,
    "underscores": lambda name: "--" + name[2:].replace("-", "_"),
    "cut": lambda name: name[:-1],
    "dotted": lambda name: f"{name}.key",
    "listed": lambda name: f"{name}.key+",
    "quoted": lambda name: f"'{name}'",
    "in pieces": lambda name: f'"{name[:4]}"{name[4:]}',
    "escaped": lambda name: "".join("\\" + letter for letter in name),
    "shouted": lambda name: name.upper(),
    "three dashes": lambda name: f"-{name}",
}
KEYS_IN_JSON = ("a", "mode", *SEALED_KEYS, *SEALED_KEYS_OF["--compilation-config"], "trust_remote_code")
CONTENT = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.sampled_from(["http://a", "trust-remote-code"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS_IN_JSON), inner, max_size=3),
    max_leaves=4,
)
STRANGE = st.sampled_from([*SHORT, "-O3", "-0.5", "--", "-", "''", "a.b"]) | st.text(max_size=6)
NAMES = st.builds(lambda name, how: SPELLINGS[how](name), st.sampled_from([*FLAGS]), st.sampled_from([*SPELLINGS]))
VALUES = (
    st.sampled_from(["", "=1", " 1", "={}", " {}"])
    | STRANGE.map(lambda word: f" {word}")
    | NAMES.map(lambda name: f" {name}")
)
TEXTS = st.lists(st.builds(lambda name, value: name + value, NAMES, VALUES) | STRANGE, max_size=3).map(" ".join)


def fitting(flag: str) -> str:
    """What may stand behind the flag."""
    if flag == "--speculative-config":
        return ".method=ngram"
    return {SWITCH: "", JSON: "={}"}.get(FLAGS[flag], f"={ONLY.get(flag, ('1',))[0]}")


@pytest.mark.parametrize(
    "text",
    [
        '--speculative-config \'{"method": "mtp"}\'',
        "--speculative-config={}",
        "--speculative-config.method suffix",
        "--dtype=float32",
        "--quantization awq",
        "--disable-hybrid-kv-cache-manager",
        "--spec-method mtp --spec-tokens 3",
        "--no-enable-chunked-prefill",
        "--disable-sliding-window",
        "--mamba_ssm_cache_dtype=float32",
    ],
)
def test_what_would_need_more_memory_than_was_sized_is_refused(text: str) -> None:
    assert "makes another model of what was sized" in refusal(text)[0]


def test_images_which_a_request_may_fetch_from_anywhere_stay_off() -> None:
    assert refusal("--no-language-model-only")[0] == "--no-language-model-only reaches other hosts"


def opened(word: str) -> bool:
    """Whether vLLM would see in it a flag that it must not, or one whose meaning it would have to guess."""
    name = re.split("[.=]", word)[0].replace("_", "-")
    return (
        word.startswith("-") and not re.fullmatch("-[0-9]+", word) and (name not in FLAGS or name in {*OWNED, *SEALED})
    )


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(sorted(SEALED)) | st.sampled_from(sorted(OWNED)), st.sampled_from([*SPELLINGS]))
def test_no_spelling_gets_a_sealed_or_owned_flag_through(flag: str, how: str) -> None:
    refusal(SPELLINGS[how](flag) + fitting(flag))


@settings(max_examples=500, deadline=None)
@given(TEXTS)
@example("--seed=--host")
@example("--cudagraph-capture-sizes 1 --host=a")
def test_no_text_that_is_accepted_says_what_is_sealed_or_owned_in_any_spelling(text: str) -> None:
    try:
        words = read(text)
    except ValueError as error:
        fact, hint = error.args
        assert fact and hint and "\n" not in fact + hint
        return
    assert not [word for word in words if opened(word)]
    assert "trust_remote_code" not in " ".join(words).replace("-", "_").lower()


def keys_in(content: object) -> set[str]:
    """Every key in it, at any depth."""
    if isinstance(content, dict):
        return set(content) | keys_in(list(content.values()))
    return set[str]().union(*(keys_in(inner) for inner in content)) if isinstance(content, list) else set()


@settings(deadline=None)
@given(st.sampled_from(sorted(name for name in FLAGS if FLAGS[name] == JSON)), CONTENT)
@example("--compilation-config", {"mode": 3})
@example("--speculative-config", {"a": [{"model": 1}]})
def test_no_json_that_is_accepted_has_a_sealed_key(flag: str, content: object) -> None:
    try:
        read(f"{flag}={shlex.quote(json.dumps(content))}")
    except ValueError:
        return
    assert isinstance(content, dict)
    assert not keys_in(content) & {*SEALED_KEYS, *SEALED_KEYS_OF.get(flag, ()), "trust_remote_code"}


@pytest.mark.parametrize("flag", sorted(set(FLAGS) - set(OWNED) - set(SEALED)))
def test_every_other_flag_is_accepted_as_vllm_writes_it(flag: str) -> None:
    assert read(flag + fitting(flag)) == (flag + fitting(flag),)
