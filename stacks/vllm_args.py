"""A stack's `vllmArgs`: more flags for `vllm serve`, checked against vLLM's own before anything is rented.

Refused is whatever vLLM's parser would not take, what another setting decides, and what would open the seal. vLLM's
development mode, which opens more than any flag does, is an environment variable and so is out of reach from here:
its container gets no environment but ours (stacks/bundle.py).
"""

import difflib
import json
import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from stacks.vllm_flags import FLAGS, JSON, LIST, SHORT, SWITCH, VERSION


def by_flag(rows: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Flag -> reason. rows: a reason, and the flags it is the reason of in one text."""
    return {flag: reason for reason, flags in rows for flag in flags.split()}


# What daybox sets itself, by what decides it. Parsers of tools and of reasoning may be overruled.
OWNED = by_flag(
    (
        ("daybox:model", "--model --revision --tokenizer"),
        ("daybox:servedName", "--served-model-name"),
        ("daybox:context", "--max-model-len"),
        ("daybox:maxNumSeqs", "--max-num-seqs"),
        ("daybox:maxNumBatchedTokens", "--max-num-batched-tokens"),
        ("daybox:tp", "--tensor-parallel-size"),
        ("daybox:tp", "--pipeline-parallel-size --prefill-context-parallel-size"),  # they take more cards
        ("daybox:gpuMemoryUtilization", "--gpu-memory-utilization --device-memory-utilization"),
        ("daybox:gpuMemoryUtilization", "--kv-cache-memory-bytes --num-gpu-blocks-override"),  # they overrule it
        ("daybox:kvCacheDtype", "--kv-cache-dtype"),
        ("a file on the box", "--api-key"),
    )
)

OPEN, TRUST = "opens more of vLLM's API", "lets a request do what only its owner may"
REACH, SPREAD = "reaches other hosts", "spreads vLLM over more processes than the box watches"
CODE, FILES = "runs code that is not vLLM's", "uses files other than the model's"
OUTWARD = "names a file, a host or code"
SIZED = "makes another model of what was sized"
LOG, CHAT = "may write prompts to the log", "leaves nothing that answers a chat"

# Source: the help of each flag in vLLM 0.33.0 and what its code does with it, read 2026-11-25. In doubt it is sealed.
# A switch is here in the form that does harm; --disable-lora and its like are what vLLM does anyway.
SEALED = by_flag(
    (
        ("decides who reaches vLLM", "--host --port --uds --root-path --grpc --grpc-port"),
        ("decides who reaches vLLM", "--allowed-origins --allowed-methods --allowed-headers --allow-credentials"),
        ("decides who reaches vLLM", "--ssl-keyfile --ssl-certfile --ssl-ca-certs --ssl-cert-reqs --ssl-ciphers"),
        ("decides who reaches vLLM", "--enable-ssl-refresh"),
        (OPEN, "--enable-offline-docs --enable-fastapi-docs --no-disable-fastapi-docs --enable-scale-out"),
        (OPEN, "--tokens-only --enable-tokenizer-info-endpoint --enable-lora --lora-modules --default-mm-loras"),
        (OPEN, "--enable-sleep-mode --sleep-mode-backend --sleep-mode-offload-cudagraph"),
        (OPEN, "--sleep-preserve-parameter-names --weight-transfer-config --profiler-config"),  # /start_profile
        (OPEN, "--enable-elastic-ep --elastic-ep-max-dp-size --enable-fault-tolerance --fault-tolerance-config"),
        (TRUST, "--trust-request-chat-template --trust-request-mm-kwargs --enable-trace-replay"),
        (TRUST, "--enable-prompt-embeds --enable-mm-embeds"),  # "only enable this flag for trusted users", says vLLM
        (CODE, "--trust-remote-code --no-trust-remote-code --code-revision --middleware --logits-processors"),
        (CODE, "--tool-parser-plugin --reasoning-parser-plugin --io-processor-plugin --model-class-overrides"),
        (CODE, "--worker-cls --worker-extension-cls --scheduler-cls --ec-manager-config"),
        (CODE, "--distributed-executor-backend"),  # a class by its name, or Ray
        (CODE, "--mm-processor-kwargs --media-io-kwargs"),  # handed on as they are; the latter choose a module
        (CODE, "--additional-config"),  # whatever a platform makes of it
        (CODE, "--numa-bind --numa-bind-nodes --numa-bind-cpus"),  # words of a command line, for numactl
        (CODE, "--ray-workers-use-nsight"),
        (REACH, "--tool-server --otlp-traces-endpoint --collect-detailed-traces --allowed-media-domains"),
        (REACH, "--no-language-model-only"),  # a request could name an image of any host
        (REACH, "--kv-transfer-config --kv-events-config --ec-transfer-config"),
        (REACH, "--kv-offloading-backend"),  # lmcache keeps prompts in another server; what is left is the default
        (SPREAD, "--headless --api-server-count --nnodes --node-rank --master-addr --master-port --all2all-backend"),
        (SPREAD, "--data-parallel-size --data-parallel-size-local --data-parallel-rank --data-parallel-start-rank"),
        (SPREAD, "--data-parallel-address --data-parallel-rpc-port --data-parallel-backend"),
        (SPREAD, "--data-parallel-hybrid-lb --data-parallel-external-lb --data-parallel-multi-port-external-lb"),
        (SPREAD, "--data-parallel-supervisor-port --dp-supervisor-probe-interval-s"),
        (SPREAD, "--dp-supervisor-probe-timeout-s --dp-supervisor-probe-failure-threshold"),
        (FILES, "--config --chat-template --hf-config-path --tokenizer-revision --allowed-local-media-path"),
        (FILES, "--download-dir --load-format --model-loader-extra-config --spec-model --watchdog-config"),
        (FILES, "--mm-encoder-fp8-scale-path --mm-encoder-fp8-scale-save-path"),
        (LOG, "--enable-log-requests --enable-log-outputs --enable-log-deltas --max-log-len"),
        (LOG, "--log-level --logging-config --log-config-file --log-error-stack"),
        (LOG, "--uvicorn-log-level --enable-uvicorn-access-log --no-disable-uvicorn-access-log"),
        (CHAT, "--runner --convert --skip-tokenizer-init --mm-encoder-only --help"),
        ("takes away the metrics that the watchdog reads", "--disable-log-stats"),
        (SIZED, "--hf-overrides --quantization --quantization-config --dtype --block-size"),
        (SIZED, "--mamba-block-size --mamba-cache-dtype --mamba-cache-mode --mamba-ssm-cache-dtype"),
        (SIZED, "--enable-mamba-shared-prefix-checkpoint --disable-hybrid-kv-cache-manager"),
        (SIZED, "--decode-context-parallel-size --device-ids"),
        (SIZED, "--spec-method --spec-tokens --disable-sliding-window --kv-cache-dtype-skip-layers"),
        (SIZED, "--no-enable-chunked-prefill --disable-chunked-prefill"),  # then no context is longer than a batch
        (SIZED, "--cpu-offload-gb --cpu-offload-params --kv-offloading-size"),
        ("is a secret, which no setting is", "--hf-token"),
    )
)

# Keys of JSON, at any depth and in any flag: draft models, and their own ways to load code.
SEALED_KEYS = {
    "code_revision": CODE,
    **dict.fromkeys(("model", "revision", "draft_load_config", "draft_model_config", "target_model_config"), FILES),
}
# These name code to import, or a compiler to start; elsewhere `backend` is a harmless choice.
SEALED_KEYS_OF = {
    "--compilation-config": dict.fromkeys(("backend", "inductor_passes", "inductor_compile_config"), CODE)
}
# No harmless key of vLLM 0.33's ends like this.
OUTWARD_KEY = re.compile(r"(^|_)(cls|plugin|path|dir|file|url|host|addr|port|endpoint)$")
DRAFTS = ("ngram", "ngram_gpu")  # all others need weights of their own, or a library that the image lacks
ONLY = {"--generation-config": ("auto", "vllm")}  # anything else is a folder
NEGATIVE = re.compile("-[0-9]+")  # vLLM takes every other word with a dash in front for a flag, -0.5 even for keys
REMOTE_CODE = "trust_remote_code"
IN_FULL = "write flags in full, as --name=value"


@dataclass(frozen=True)
class Fault:
    """What is wrong, and the way out."""

    fact: str
    hint: str


class Pairs(list[tuple[str, Any]]):
    """A JSON object with each of its keys, also where one comes twice: another reader may take the other one."""


@dataclass(frozen=True)
class Given:
    """One flag as it is written, whether there is such a flag or not, and the words up to the next.

    name: all before `=`. joined: whether there is a `=`; what comes behind it is the first of `values`.
    """

    name: str
    values: tuple[str, ...]
    joined: bool

    @property
    def flag(self) -> str:
        """Its long name as vLLM looks it up: underscores are dashes, keys do not count. Empty for none."""
        base, _, _ = self.name.partition(".")
        return base.replace("_", "-") if base.startswith("--") else long_name(base)

    @property
    def keys(self) -> list[str]:
        """The last two of `--kernel-config.ir_op_priority.rms_norm+`; the + only makes a list of its value."""
        return self.name.removesuffix("+").split(".")[1:]

    @property
    def loose(self) -> tuple[str, ...]:
        """The words that it does not take. What is joined to a switch is its value, though it takes none."""
        kind = FLAGS[self.flag]
        if kind == LIST and not self.joined:
            return ()
        return self.values if kind == SWITCH and not self.joined else self.values[1:]


def read(text: str) -> tuple[str, ...]:
    """The words as vLLM gets them, flags spelled with dashes. Raises ValueError(fact, hint) with every fault."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is cut off: {str(error).lower()}", "close every quote") from None
    faults = list(dict.fromkeys(all_faults(words)))
    if faults:
        hints = dict.fromkeys(fault.hint for fault in faults)
        raise ValueError(", ".join(fault.fact for fault in faults), ", ".join(hints))
    return tuple(with_dashes(word) for word in words)


def all_faults(words: Iterable[str]) -> Iterator[Fault]:
    """What is wrong, flag after flag."""
    first, flags = grouped(words)
    for word in first:
        yield alone(word)
    for given in flags:
        yield from faults_of(given)
    for word in words:
        if "$" in word or not word.isprintable():  # docker compose replaces what follows a $
            yield Fault(f"{word!r} holds a $ or what cannot be printed", "leave such characters out")


def grouped(words: Iterable[str]) -> tuple[list[str], list[Given]]:
    """The words before any flag, and each flag with those behind it."""
    first: list[str] = []
    flags: list[Given] = []
    for word in words:
        if begins_flag(word):
            name, equals, value = word.partition("=")
            flags.append(Given(name, (value,) if equals else (), joined=bool(equals)))
        elif flags:
            flags[-1] = replace(flags[-1], values=(*flags[-1].values, word))
        else:
            first.append(word)
    return first, flags


def begins_flag(word: str) -> bool:
    """Whether vLLM looks for a flag in it, wherever it stands."""
    return word.startswith("-") and not NEGATIVE.fullmatch(word)


def with_dashes(word: str) -> str:
    """`--max_num_seqs=1` -> `--max-num-seqs=1`; keys and values stay as they are."""
    return re.sub("^--[^.=]*", lambda name: name[0].replace("_", "-"), word)


def long_name(short: str) -> str:
    """`-tp` -> `--tensor-parallel-size`; empty if there is no such flag."""
    return "--optimization-level" if short.startswith("-O") else SHORT.get(short, "")  # vLLM itself takes -O3 apart


def faults_of(given: Given) -> Iterator[Fault]:
    """What is wrong with one flag."""
    flag = given.flag
    if flag not in FLAGS:
        yield unknown(given.name)
    elif flag in OWNED:
        yield Fault(f"{flag} is decided by {OWNED[flag]}", f"leave {flag} out")
    elif flag in SEALED:
        yield Fault(f"{flag} {SEALED[flag]}", f"leave {flag} out")
    elif not given.name.startswith("--"):
        yield Fault(f"{given.name!r} is short for {flag}", f"write {flag}")
    else:
        yield from faults_of_shape(given)
        for value in given.values:
            yield from faults_of_value(given, value)


def unknown(name: str) -> Fault:
    """No such flag. vLLM would complete an abbreviation; here nothing is meant that is not written."""
    near = difflib.get_close_matches(name.replace("_", "-"), FLAGS, n=3)
    said = f" (near it: {' or '.join(near)})" if near else ""
    return Fault(f"{name!r} is no flag of vLLM {VERSION}{said}", IN_FULL)


def alone(word: str) -> Fault:
    """A word that no flag takes. vLLM would take it for the model."""
    return Fault(f"{word!r} belongs to no flag", IN_FULL)


def faults_of_shape(given: Given) -> Iterator[Fault]:
    """Keys, or words behind it, that the flag does not take, or that it lacks."""
    flag, kind = given.flag, FLAGS[given.flag]
    if given.keys and (kind != JSON or "" in given.keys):
        yield Fault(f"{flag} does not take the keys of {given.name!r}", IN_FULL)
    if kind == SWITCH and given.joined:
        yield Fault(f"{flag} takes no value", f"write {flag} alone")
    if kind != SWITCH and not given.values:
        yield Fault(f"{flag} lacks its value", IN_FULL)
    for word in given.loose:
        yield alone(word)


def faults_of_value(given: Given, value: str) -> Iterator[Fault]:
    """What a value would do that no flag may, however deep in JSON it says so."""
    flag, content = given.flag, decoded(value)
    if flag in ONLY and value not in ONLY[flag]:
        yield Fault(f"{flag}={value!r} {FILES}", f"choose from: {', '.join(ONLY[flag])}")
    if FLAGS[flag] == JSON and not given.keys and not isinstance(content, Pairs):
        yield Fault(f"{flag}={value!r} is no JSON object", f"write {flag}='{{\"key\": value}}'")
    if flag == "--speculative-config" and (method := drafted(given, value, content)) not in (None, *DRAFTS):
        yield Fault(f"{flag} with method {method!r} {SIZED}", f"choose from: {', '.join(DRAFTS)}")
    keys, texts = pieces(content)
    for key in (*given.keys, *keys):
        if reason := why_key(flag, key) or why_text(key):
            yield Fault(f"{key!r} in {flag} {reason}", f"leave {key!r} out")
    for text in (value, *texts):
        if reason := why_text(text):
            yield Fault(f"{text!r} in {flag} {reason}", f"leave {text!r} out")


def drafted(given: Given, value: str, content: object) -> object:
    """The method of drafting that a value names; None if it names none."""
    if given.keys:
        return value if given.keys[-1] == "method" else None
    return dict(content).get("method", "") if isinstance(content, Pairs) else None


def why_key(flag: str, key: str) -> str:
    """Why no JSON of this flag may have the key; empty if it may."""
    name = with_underscores(key)
    found = SEALED_KEYS_OF.get(flag, {}).get(name) or SEALED_KEYS.get(name)
    return found or (OUTWARD if OUTWARD_KEY.search(name) else "")


def why_text(text: str) -> str:
    """Why no key and no value may say this; empty if it may."""
    if REMOTE_CODE in with_underscores(text):
        return CODE
    return REACH if "://" in text else ""


def with_underscores(text: str) -> str:
    """The text as keys are spelled: `Trust-Remote-Code` -> `trust_remote_code`."""
    return text.replace("-", "_").lower()


def decoded(value: str) -> object:
    """What the value says as JSON, objects as Pairs; None where it is no JSON."""
    try:
        return json.loads(value, object_pairs_hook=Pairs)
    except (ValueError, RecursionError):  # thousands of brackets: vLLM's parser gives up, too
        return None


def pieces(content: object) -> tuple[list[str], list[str]]:
    """All keys and all texts in it. Without recursion, which is bounded lower than that of the JSON reader."""
    keys: list[str] = []
    texts: list[str] = []
    waiting = [content]
    while waiting:
        found = waiting.pop()
        if isinstance(found, Pairs):
            keys += [key for key, _ in found]
            waiting += [inner for _, inner in found]
        elif isinstance(found, list):
            waiting += found
        elif isinstance(found, str):
            texts.append(found)
    return keys, texts
