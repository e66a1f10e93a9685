"""How each of vLLM's failures is provoked: the name of a log is its cause, and after a dot, which of several ways."""

from typing import Any

Start = dict[str, Any]  # what provoke_vllm.py reads
BATCH = "--max-num-seqs=2 --max-num-batched-tokens=512 --enforce-eager"
SERVED = f"--served-model-name=coder --host=127.0.0.1 --port=8000 {BATCH}"
HELLO = {"max_tokens": 4, "messages": [{"role": "user", "content": "Hello"}]}
CHAT = {"path": "/v1/chat/completions", "body": HELLO}
HUB = {"HF_ENDPOINT": "http://127.0.0.1:9000", "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1"}
MAIN = "vllm.entrypoints.cli.main"
UNI = "--distributed-executor-backend uni"
ONE_PROCESS = {"VLLM_ENABLE_V1_MULTIPROCESSING": "0"}
# The pool of the cache as on a GPU: by what is asked for, not by the CPU's own variable.
POOL: Start = {"unset": ["VLLM_CPU_KVCACHE_SPACE"]}
SMALL_DISK: Start = {
    "before": "mkdir -p /mnt/small; mount -t tmpfs -o size=20M none /mnt/small",
    "after": "umount /mnt/small",
}
SMALL_SHM: Start = {"before": "mount -t tmpfs -o size=64k,mode=1777 none /dev/shm", "after": "umount /dev/shm"}
# vLLM takes its platform from its own version, which has no `cpu` in it then.
METADATA = "vllm-0.32.0.dist-info/METADATA"
NO_CPU: Start = {
    "before": f"mkdir -p /tmp/gpu/{METADATA[:-9]}; sed s/+cpu// /mnt/site/{METADATA} > /tmp/gpu/{METADATA}",
    "environment": {"PYTHONPATH": "/tmp/gpu:/mnt/site", "VLLM_PLUGINS": ""},
}
GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": False}
CLIENT_ERRORS = [
    CHAT,
    {"path": "/v1/chat/completions", "body": HELLO | {"model": "nope"}},
    {"path": "/v1/chat/completions", "body": HELLO | {"max_tokens": 5000}},
    {"path": "/v1/completions", "body": {"prompt": "CUDA out of memory. " * 2000, "max_tokens": 5}},
    {"path": "/v1/chat/completions", "body": HELLO | {"tools": [{"type": "function", "function": {"name": "f"}}]}},
    {"path": "/v1/no/such/path", "body": {}},
]


def serve(flags: str = "", *, of: str = "/tmp/model", context: str = "1024", **more: Any) -> Start:
    """One start: as a box starts it, but for `flags` and what is in `more`."""
    return {"flags": [of, *SERVED.split(), "--max-model-len", context, *flags.split()], **more}


def config(**changes: Any) -> Start:
    """The model with another config.json."""
    return {"model": {"config.json": changes}}


def without(*names: str) -> Start:
    """The model without some of its files."""
    return {"model": {"without": names}}


def cut(size: int) -> Start:
    """The model with the first `size` bytes of its weights."""
    return {"model": {"cut": {"model.safetensors": size}}}


HEALTHY = serve(requests=[CHAT])
STOPPED = serve(requests=[CHAT], end="stop")
CASES: dict[str, list[Start]] = {
    "kv-none": [serve("--kv-cache-memory-bytes 1", **POOL)],
    "kv-none.auto": [serve("--kv-cache-memory-bytes 1", context="-1", **POOL)],
    "kv-too-small": [serve("--kv-cache-memory-bytes 48M", context="8192", **POOL)],
    "kv-too-small.tp3": [serve("--kv-cache-memory-bytes 12M -tp 3", context="8192", **POOL)],
    "kv-too-small.one-process": [
        serve(f"--kv-cache-memory-bytes 24M {UNI}", environment=ONE_PROCESS, **POOL, context="4096")
    ],
    "context-above-model": [serve(context="100000")],
    "tp-does-not-divide": [serve("-tp 2")],
    "tp-does-not-divide.kv-heads": [serve("-tp 2", **config(num_attention_heads=8))],
    "not-that-quantization": [serve("--quantization awq")],
    "not-that-quantization.mismatch": [serve("--quantization awq", **config(quantization_config=GPTQ))],
    "not-that-quantization.unknown": [serve("--quantization nosuch")],
    "unknown-architecture": [serve(**config(architectures=["NoSuchForCausalLM"]))],
    "transformers-too-old": [serve(**config(model_type="qwen9", architectures=["Qwen9ForCausalLM"]))],
    "no-such-model.folder": [serve(of="/no/such/dir")],
    "no-such-model.empty-folder": [serve(**without("config.json", "generation_config.json"))],
    "no-such-model": [serve(of="acme/nope", environment=HUB)],
    "no-such-model.401": [serve(of="acme/private", environment=HUB)],
    "not-downloaded": [serve(of="acme/coder-7b")],
    "not-downloaded.no-network": [serve(of="acme/coder-7b", environment={"HF_HUB_OFFLINE": "0"})],
    "gated": [serve(of="acme/gated", environment=HUB)],
    "disk-full": [serve(of="acme/big", environment=HUB | {"HF_HOME": "/mnt/small"}, **SMALL_DISK)],
    "no-weights": [serve(**without("model.safetensors"))],
    "weights-damaged": [serve(**cut(1_000_000))],
    "weights-damaged.tp3": [serve("-tp 3", **cut(200_000_000))],
    "weights-damaged.empty": [serve(**cut(0))],
    "weights-damaged.config": [serve(model={"without": ["config.json"], "with": {"config.json": '{"archi'}})],
    "no-tokenizer": [serve(**without("tokenizer.json", "tokenizer_config.json"))],
    # Its log says nothing of it, not even with --log-error-stack: only what the client is answered.
    "no-chat-template.answer": [serve(model={"no_template": True}, requests=[CHAT | {"keep_refusal": True}])],
    "port-taken": [serve(beside="port")],
    "bad-argument": [serve("--no-such-flag")],
    "bad-argument.value": [serve("--dtype float12")],
    "bad-argument.json": [serve("--speculative-config {method:ngram}")],
    "bad-argument.conflict": [serve("--max-num-seqs 600")],
    "bad-argument.template": [serve("--chat-template /no/such/template.jinja")],
    "bad-parser": [serve("--enable-auto-tool-choice --tool-call-parser nosuch")],
    "bad-parser.none": [serve("--enable-auto-tool-choice")],
    "bad-parser.reasoning": [serve("--reasoning-parser nosuch")],
    "missing-extra": [serve('--speculative-config {"method":"suffix","num_speculative_tokens":8}')],
    "missing-extra.tensorizer": [serve("--load-format tensorizer")],
    "missing-extra.runai": [serve("--load-format runai_streamer")],
    "gguf": [serve(of="/tmp/model/model.gguf", model={"with": {"model.gguf": "GGUF"}})],
    "no-gpu-in-container": [serve(**NO_CPU)],
    "no-gpu-in-container.torch": [{"words": ["python3", "-c", "import torch; torch.zeros(1, device='cuda')"]}],
    "shm": [serve("-tp 3", **SMALL_SHM)],
    "out-of-memory.host": [
        {"words": ["sh", "-c", f"ulimit -v 6000000; exec python3 -m {MAIN} serve /tmp/model {SERVED}"]}
    ],
    "unknown.engine-killed": [serve(requests=[CHAT], end="kill-engine")],
    "unknown.too-many-processes": [serve("-tp 9")],
    "unknown.starting": [serve(stop_at="Starting to load model", end="running")],
    "healthy": [HEALTHY],
    "healthy.client-errors": [serve(requests=CLIENT_ERRORS)],
    "healthy.client-errors-at-length": [serve("--log-error-stack", requests=CLIENT_ERRORS)],
    "stopped-cleanly": [STOPPED],
    "stopped-cleanly.one-process": [
        serve(UNI, requests=[CHAT], end="stop", environment=ONE_PROCESS)
    ],
    # It does not listen while it loads; Docker kills it after 10 s, and there is no word of that.
    "unknown.stopped-while-loading": [serve(stop_at="Starting to load model", end="stop")],
    "healthy.after-a-failure": [serve(context="100000"), HEALTHY],
    "no-weights.after-a-stop": [STOPPED, serve(**without("model.safetensors"))],
    "bad-argument.after-a-stop": [STOPPED, serve("--no-such-flag")],
}  # fmt: skip
