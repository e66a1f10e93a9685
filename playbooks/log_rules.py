"""What vLLM's logs say when something is wrong, one row a text: pattern, cause, cure, and where the text stands.

The first row that a line meets counts, so the order matters within one line only. Named groups become the details, and
fill the cure; what stands behind ` || ` in a cure is for a text that names no value. Sources: `0.33 FILE:LINE` is read
in vLLM 0.33.0 (below vllm/), `0.32 CPU` was provoked with vLLM 0.32.0 (tests/playbooks/vllm_logs/provoked), #N is an
issue of vLLM. A pattern must be linear in the line: no repetition within a repetition.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Rule:
    """One text.

    serving: it may also come while the server serves; all others are ignored then, since clients make errors, too.
    consequence: something else may have brought it about; it counts only where nothing else is found.
    """

    cause: str
    pattern: str
    cure: str
    source: str
    serving: bool = False
    consequence: bool = False
    details: Mapping[str, object] = field(default_factory=dict)


SMALLER = "a smaller or more quantised model, or a plan with more GPU memory (fab models, fab plans)"
FEWER_CARDS = (
    "the weights do not divide by that many cards: set another tp (fab switch --tp N), as a divisor of {heads}"
)
ANOTHER_TP = "the weights do not divide by that many cards: set half as many (fab switch --tp N)"
NEWER_GPU = (
    "this card is too old for {quantization}: take a model in another format (AWQ, GPTQ or 16 bits) or a newer card"
)
NOT_QUANTISED = "the weights are not quantised that way: take --quantization out of vllmArgs, vLLM finds out by itself"
LICENCE = "accept the model's licence on its page, then set HF_TOKEN to a token of the account that did"
NAME = "check the model's name (fab models); for a private one set HF_TOKEN"
FETCH = "the weights are not on the box, and vLLM may not fetch them: fab bootstrap brings them"
AGAIN = "a file of the weights is damaged: delete it and fetch it again (fab doctor --fix)"
ROOM = (
    "the disk is full: remove old images and models (docker system prune, fab doctor --fix), or take a plan with more"
)
NEWER = "this vLLM does not know the model yet: take a newer image, or another model (fab models)"
TOKENIZER = "files of the tokenizer are missing beside the weights: fetch the model again (fab doctor --fix)"
PORT = "another server has the port: stop it (docker ps, docker rm --force NAME), then fab bootstrap"
NO_GPU = "the container sees no GPU: does nvidia-smi work on the box? then: docker compose up --force-recreate, else reboot it"
RUNTIME = "Docker cannot hand out the GPU: nvidia-ctk runtime configure --runtime=docker, then systemctl restart docker"
DRIVER = "the box's driver is too old for this image: install a newer driver (R580 or later) or take an older image"
KERNELS = "this image has no kernels for this card: take an image built for it, or another plan"
CARDS_TALK = "the cards cannot talk to each other: set NCCL_P2P_DISABLE=1, or share the model with fewer cards (fab switch --tp 1)"
SHARED = "/dev/shm is too small: give the container the host's (ipc: host in compose.yaml), or shm_size"
NVCC = "kernels cannot be compiled without nvcc: set VLLM_USE_FLASHINFER_SAMPLER=0, or use the image vllm/vllm-openai"
SPECULATION = (
    "a kernel read beyond its memory: take --speculative-config out of vllmArgs, start again; should it return, reboot"
)
FLAG = "correct the flag in vllmArgs; all of them: vllm serve --help=all"
EXTRA = (
    "this vLLM lacks {package}: take the flag that needs it out of vllmArgs || a package is missing: see the line above"
)
MEMORY = ""  # by the phase: PHASE_CURES
REFUSED = "the Hub refuses it: check the model's name (fab models), accept its licence, set HF_TOKEN to a valid token"
HOST_MEMORY = "the box itself, not its card, is out of memory: take a plan with more, or a smaller model"
TEMPLATE = "the model has no chat template: take its Instruct variant, or give one with --chat-template in vllmArgs"
PARSER = "{parser!r} is no parser of this vLLM: correct it in vllmArgs || name a parser in vllmArgs: --tool-call-parser hermes"
GGUF = "vLLM does not serve GGUF: take the same model as safetensors (AWQ, GPTQ, FP8 or 16 bits)"

# Out of memory, by the phase in which it happened. Source: vLLM's docs/configuration/conserving_memory.md.
PHASE_CURES = {
    "load": f"the weights do not fit: take {SMALLER}, or more cards (fab switch --tp N)",
    "profile": "the trial run does not fit beside the weights: lower maxNumBatchedTokens, or gpuMemoryUtilization to 0.85",
    "capture": "the cache and the CUDA graphs do not fit: lower maxNumSeqs, or gpuMemoryUtilization to 0.85; at last --enforce-eager",
    "run": "the cache leaves too little for the work itself: lower gpuMemoryUtilization by 0.05, or maxNumSeqs",
}
NO_PHASE_CURE = (
    "the card's memory is full: lower gpuMemoryUtilization or maxNumSeqs; while weights are loaded take a smaller model"
)

NO_RULE = {
    "healthy": "nothing: vLLM serves",
    "stopped-cleanly": "nothing is wrong: vLLM was told to stop; fab bootstrap starts it again",
    "dead": "a process of vLLM ended without a word, mostly by the kernel for lack of memory: dmesg | grep -i 'killed process'",
    "starting": "no failure so far: vLLM is starting; fab logs --of vllm --follow shows how it goes on",
    "again": "vLLM is starting once more: the start before failed with {before}; what that says counts (fab logs --of vllm)",
    "unknown": "no rule knows this; is it a log of vLLM? The whole of it: fab logs --of vllm",
    "empty": "the log is empty: the container has not started; see fab status, fab logs --of bootstrap",
    "failed": "no rule knows this failure: see the whole log (fab logs --of vllm)",
}

# fmt: off
RULES = (
    # Memory for the cache.
    Rule("kv-too-small", r"max seq len \((?P<context>\d+)\), \((?P<needed_gib>[\d.]+) GiB KV cache is needed, which is larger than the available KV cache memory \((?P<available_gib>[\d.]+) GiB\)(?:.{0,80}estimated maximum model length is (?P<longest_context>\d+))?", f"set the context to {{longest_context}}: fab switch --context {{longest_context}}, or kvCacheDtype to fp8 || not even one token fits: take {SMALLER}", "0.33 v1/core/kv_cache_planning.py:78; 0.32 CPU"),
    Rule("kv-too-small", r"max seq len \((?P<context>\d+)\) is larger than the maximum number of tokens that can be stored in KV cache \((?P<longest_context>\d+)\)", "set the context to {longest_context}: fab switch --context {longest_context}, or kvCacheDtype to fp8", "vLLM up to 0.9, #2418"),
    Rule("kv-none", r"No available memory for the cache blocks", f"the weights leave nothing for the cache: take {SMALLER}", "0.33 v1/core/kv_cache_planning.py:58; 0.32 CPU"),
    Rule("kv-none", r"Cannot auto-fit max_model_len: not enough GPU memory", f"the weights leave nothing for the cache: take {SMALLER}", "0.33 v1/core/kv_cache_planning.py:1382; 0.32 CPU"),
    Rule("context-above-model", r"max_model_len \((?P<context>\d+)\) is greater than the derived max_model_len \(\w+=(?P<longest_context>\d+)", "the model takes {longest_context} tokens at most: fab switch --context {longest_context}", "0.33 config/model.py:2664; 0.32 CPU"),
    Rule("mamba-blocks", r"max_num_seqs \((?P<sequences>\d+)\) exceeds available Mamba cache blocks \((?P<blocks>\d+)\)", "set maxNumSeqs to {blocks}", "0.33 config/compilation.py:1526"),
    # Memory of the card, and of the box.
    Rule("gpu-memory-taken", r"Free memory on device (?:(?P<device>[\w:]+) )?\((?P<free_gib>[\d.]+)/(?P<total_gib>[\d.]+) GiB\) on startup is less than", "something else holds the card's memory: nvidia-smi on the box shows what; stop the old container (docker rm --force NAME), or wait until it has ended", "0.33 v1/worker/utils.py:763, gpu_worker.py:1045"),
    Rule("out-of-memory", r"Failed to load model - not enough GPU memory", MEMORY, "0.33 v1/worker/gpu_model_runner.py:5079, the V1 runner's", details={"phase": "load"}),
    Rule("out-of-memory", r"OutOfMemoryError: CUDA out of memory\.(?: Tried to allocate (?P<wanted>[\d.]+ [KMGT]iB))?(?:.{0,20}GPU (?P<gpu>\d+) has a total capacity of (?P<total_gib>[\d.]+) GiB)?", MEMORY, "torch, #15598", serving=True),
    Rule("out-of-memory", r"CUDA out of memory occurred when warming up (?P<what>sampler|pooler)", MEMORY, "0.33 v1/worker/gpu_model_runner.py:5930", details={"phase": "profile"}),
    Rule("out-of-memory", r"ray\.exceptions\.OutOfMemoryError|node running low on memory", HOST_MEMORY, "Ray's monitor of memory", serving=True, details={"memory": "host"}),
    Rule("out-of-memory", r"OutOfMemoryError|CUDA out of memory|CUDA (?:driver )?error: out of memory|Triton Error \[CUDA\]: out of memory|CUDA_ERROR_OUT_OF_MEMORY|Cuda failure 2 'out of memory'|CUBLAS_STATUS_ALLOC_FAILED", MEMORY, "torch, NCCL, cuBLAS, Triton; #18446", serving=True),
    Rule("out-of-memory", r"DefaultCPUAllocator: (?:can't allocate memory|not enough memory)|OSError: \[Errno 12\] Cannot allocate memory|^MemoryError\b|std::bad_alloc", HOST_MEMORY, "torch c10/core/CPUAllocator.cpp, Python; 0.32 CPU", serving=True, details={"memory": "host"}),
    # Cards, and how the model is shared among them.
    Rule("tp-does-not-divide", r"Total number of attention heads \((?P<heads>\d+)\) must be divisible by tensor parallel size \((?P<tp>\d+)\)", FEWER_CARDS, "0.33 config/model.py:1561; 0.32 CPU"),
    Rule("tp-does-not-divide", r"is not divisible by +(?:weight quantization block_[nk] = |min_thread_[nk] = |group_size=)(?P<block>\d+)", ANOTHER_TP, "0.33 layers/quantization/utils/fp8_utils.py:1326, marlin_utils.py:183; distributed/utils.py:148"),
    Rule("tp-does-not-divide", r"This can be caused by too large tensor parallel size", ANOTHER_TP, "0.33 layers/quantization/quark/schemes/quark_w4a16_int4.py:93"),
    Rule("tp-does-not-divide", r"AssertionError: (?P<size>\d+) is not divisible by (?P<tp>\d+)", ANOTHER_TP, "0.33 distributed/utils.py:53"),
    Rule("tp-does-not-divide", r"^ +assert (?:self\.)?(?:tp_size|total_num_(?:kv_)?heads) % (?:self\.)?(?:tp_size|total_num_kv_heads) == 0", ANOTHER_TP, "0.33 model_executor/models/llama.py; its AssertionError says nothing; 0.32 CPU"),
    Rule("too-few-gpus", r"World size \((?P<tp>\d+)\) is larger than the number of available GPUs \((?P<gpus>\d+)\)", "this box has fewer cards than tp asks for: fab switch --tp {gpus}", "0.33 config/parallel.py:1072"),
    Rule("too-few-gpus", r"local rank (?P<rank>\d+) is out of bounds for (?P<gpus>[1-9]\d*) devices", "this box has fewer cards than tp asks for: fab switch --tp {gpus}", "0.26 v1/worker/gpu_worker.py"),
    Rule("too-few-gpus", r"local_rank \(?(?P<rank>\d+)\)? (?:is out of bounds for|must be less than)|CUDA error: invalid device ordinal", "this box has fewer cards than tp asks for: lower it (fab switch --tp N)", "0.33 v1/worker/gpu_worker.py:464; torch"),
    Rule("no-bf16", r"Bfloat16 is only supported on GPUs with compute capability of at least 8\.0\. Your (?P<gpu>.{1,60}?) GPU (?:has compute capability (?P<capability>[\d.]+\d))?", "this card computes no bfloat16: put --dtype=half into vllmArgs", "0.33 platforms/cuda.py:651"),
    Rule("no-bf16", r"bfloat16 KV cache is not supported on (?P<gpu>.{1,60}?) \(compute capability (?P<capability>[\d.]+)\)", "this card computes no bfloat16: put --dtype=half into vllmArgs", "0.33 v1/attention/backends/triton_attn.py:528"),
    Rule("quantization-needs-newer-gpu", r"The quantization method (?P<quantization>\S+) is not supported for the current GPU\. Minimum capability: (?P<needed>\d+)\. Current capability: (?P<capability>\d+)", NEWER_GPU, "0.33 config/vllm.py:933"),
    Rule("quantization-needs-newer-gpu", r"Quantization scheme is not supported for the current GPU\. (?:Min|Required) capability: (?P<needed>\d+)\. Current capability: (?P<capability>\d+)", NEWER_GPU.replace("{quantization}", "its quantisation"), "0.33 layers/quantization/compressed_tensors/compressed_tensors.py:403"),
    Rule("quantization-needs-newer-gpu", r"FP8 KV cache is not supported by .{1,60} on (?P<gpu>.{1,60}?) \(compute capability (?P<capability>[\d.]+)\)|type fp8e4nv not supported in this architecture", "this card computes no fp8: set kvCacheDtype to auto", "0.33 v1/attention/backends/triton_attn.py:520; Triton"),
    # What the model is.
    Rule("not-that-quantization", r"Cannot find the config file for (?P<quantization>\w+)", NOT_QUANTISED, "0.33 model_loader/weight_utils.py:380; 0.32 CPU"),
    Rule("not-that-quantization", r"Quantization method specified in the model config \((?P<model>[\w-]+)\) does not match the quantization method specified in the `quantization` argument \((?P<quantization>[\w-]+)\)", NOT_QUANTISED, "0.33 config/model.py:1458; 0.32 CPU"),
    Rule("not-that-quantization", r"Unknown quantization method: (?P<quantization>[\w-]+)", NOT_QUANTISED, "0.33 config/model.py:1467"),
    Rule("unknown-architecture", r"Model architectures \['(?P<architecture>[^']{1,80})'.{0,200}\] are not supported for now", NEWER, "0.33 model_executor/models/registry.py:1250; 0.32 CPU"),
    Rule("unknown-architecture", r"Model architecture (?P<architecture>\w+) (?:was supported in vLLM until v(?P<until>[\d.]+\d)|is not supported in-tree anymore)", "this vLLM no longer knows the model: take an older image, or another model (fab models)", "0.33 model_executor/models/registry.py:1235"),
    Rule("unknown-architecture", r"Model architectures \['(?P<architecture>[^']{1,80})'.{0,200}\] failed to be inspected", NEWER, "0.33 model_executor/models/registry.py:1222", consequence=True),
    Rule("transformers-too-old", r"model type `(?P<model_type>[^`]{1,80})` but Transformers does not recognize this architecture", NEWER, "transformers 5 models/auto/configuration_auto.py; 0.32 CPU"),
    Rule("transformers-too-old", r"Failed to load the tokenizer\. If the tokenizer is a custom tokenizer not yet available", NEWER, "0.33 tokenizers/hf.py:200"),
    Rule("gguf", r"Triton dequant kernels require CUDA tensors", GGUF, "vllm-gguf-plugin 0.0.5 on the CPU", serving=True),
    Rule("gguf", r"the config file at '[^']{1,200}\.gguf' is not a valid JSON|Failed to map GGUF parameters|GGUF.{0,80}not supported|(?:U|u)nsupported .{0,40}GGUF|gguf.{0,80}not (?:supported|installed)", GGUF, "#7291, #28691; vllm-gguf-plugin#75; 0.32 CPU"),
    # Whether it is there.
    Rule("gated", r"Cannot access gated repo for url \S{1,120}?//[^/\s]+/(?:api/models/)?(?P<model>[\w.-]+/[\w.-]*\w)", LICENCE, "huggingface_hub utils/_http.py; 0.32 CPU"),
    Rule("gated", r"You are trying to access a gated repo|(?P<model>[\w.-]+/[\w.-]+) is a gated repository", LICENCE, "transformers utils/hub.py:611, 708; 0.32 CPU"),
    Rule("gated", r"Access to model (?P<model>[\w.-]+/[\w.-]+) is restricted", LICENCE, "the Hub's answer"),
    Rule("gated", r"Invalid credentials in Authorization header", "the Hub does not know this token: set HF_TOKEN to a valid one, or unset it", "huggingface_hub utils/_http.py:935"),
    Rule("gated", r"\b40[13] .{0,40} for url:? '?\S{1,60}?//[^/\s]+/(?:api/models/)?(?P<model>[\w.-]+/[\w.-]*\w)", REFUSED, "requests, httpx, as huggingface_hub lets them through", consequence=True),
    Rule("no-such-model", r"Repository Not Found for url: \S{1,60}?//[^/\s]+/(?:api/models/)?(?P<model>[\w.-]+/[\w.-]*\w)", NAME, "huggingface_hub utils/_http.py:947; 0.32 CPU"),
    Rule("no-such-model", r"(?P<model>\S{1,200}) is not a local folder and is not a valid model identifier", NAME, "transformers utils/hub.py:570; 0.32 CPU"),
    Rule("no-such-model", r"Repo id must (?:be in the form|use alphanumeric).{0,120}?'(?P<model>/[^']{1,200})'", "the folder {model} is not in the container: is it mounted? fab bootstrap brings the weights", "huggingface_hub utils/_validators.py:133; 0.32 CPU"),
    Rule("no-such-model", r"Invalid repository ID or local directory specified: '(?P<model>/[^']{1,200})'", "the folder {model} holds no model: fab bootstrap brings the weights", "0.33 transformers_utils/config.py:912; 0.32 CPU"),
    Rule("no-such-model", r"Invalid repository ID or local directory specified: '(?P<model>[^']{1,200})'|Revision Not Found for url|is not a valid git identifier", NAME, "0.33 transformers_utils/config.py:912; transformers utils/hub.py:577; 0.32 CPU"),
    Rule("not-downloaded", r"Cannot find an appropriate cached snapshot folder|outgoing traffic has been disabled|offline mode is enabled|We couldn't connect to '(?P<hub>[^']{1,80})' to load", FETCH, "huggingface_hub _snapshot_download.py, file_download.py; transformers utils/hub.py:621; 0.32 CPU"),
    Rule("no-weights", r"Cannot find any model weights with `(?P<model>[^`]{1,200})`", "there are no safetensors in the model's folder: is it GGUF only, or broken off? fetch it again (fab doctor --fix)", "0.33 model_loader/default_loader.py:260; 0.32 CPU"),
    Rule("weights-damaged", r"SafetensorError|Error while deserializing header|struct\.error: unpack requires a buffer of 8 bytes|PytorchStreamReader failed|Consistency check failed: file should be of size", AGAIN, "safetensors, torch, huggingface_hub; 0.32 CPU"),
    Rule("weights-damaged", r"the config file at '(?P<file>[^']{1,200})' is not a valid JSON file|not a valid JSON file", AGAIN, "transformers configuration_utils.py; 0.32 CPU"),
    Rule("weights-damaged", r"Following weights were not initialized from checkpoint|There is no module or parameter named|Attempted to load weight .{1,80} into parameter", AGAIN, "0.33 model_loader/default_loader.py, model_executor/models/utils.py:443", consequence=True),
    Rule("no-tokenizer", r"Couldn't instantiate the backend tokenizer|Can't load tokenizer for '(?P<model>[^']{1,200})'|does not appear to have a file named tokenizer", TOKENIZER, "transformers tokenization_utils_tokenizers.py; 0.32 CPU"),
    Rule("no-chat-template", r"default chat template is no longer allowed", TEMPLATE, "0.33 renderers/hf.py:887; 0.32 CPU", serving=True),
    Rule("shm", r"Insufficient space in (?:/dev/shm|\S+) for|(?:/dev/shm|/torch_\d|shared memory|posix_fallocate|shm_open|shm_broadcast).{0,120}No space left on device|No space left on device.{0,120}/dev/shm|Error while [a-z ]{1,20} shared memory segment|unable to (?:mmap|open|allocate|write).{0,60}(?:</torch_|shared memory)|Bus error", SHARED, "0.33 distributed/device_communicators/shm_broadcast.py:265; NCCL misc/shmutils.cc; torch MapAllocator.cpp; 0.32 CPU", serving=True),
    Rule("disk-full", r"No space left on device|no space left on device|os error 28|Disk quota exceeded", ROOM, "Linux; huggingface_hub file_download.py:774; 0.32 CPU", serving=True),
    Rule("disk-full", r"Not enough free disk space to download the file", ROOM, "huggingface_hub file_download.py:774, a warning before it tries", consequence=True),
    # How it is told to start.
    Rule("port-taken", r"\('[^']{0,80}', (?P<port>\d+)\).{0,40}address already in use", PORT, "Python asyncio; 0.32 CPU"),
    Rule("port-taken", r"Bind for [\d.\[\]:]{0,40}:(?P<port>\d+) failed: port is already allocated", PORT, "dockerd"),
    Rule("port-taken", r"listen tcp\d? [\d.\[\]:]{0,40}:(?P<port>\d+): bind: address already in use", PORT, "dockerd"),
    Rule("port-taken", r"Address already in use|EADDRINUSE", PORT, "Linux; 0.33 v1/utils.py; 0.32 CPU"),
    Rule("bad-parser", r"invalid (?P<kind>tool call|reasoning) parser: (?P<parser>[^ (]{1,80})", PARSER, "0.33 entrypoints/common/cli_args.py:621, 630; 0.32 CPU"),
    Rule("bad-parser", r"(?P<kind>Tool|Reasoning) parser '(?P<parser>[^']{1,80})' not found", PARSER, "0.33 reasoning/abs_reasoning_parsers.py:257, tool_parsers/abstract_tool_parser.py:260; 0.32 CPU"),
    Rule("bad-parser", r"tool_parser:'(?P<parser>[^']{1,80})' which has not been registered", PARSER, "0.33 parser/parser_manager.py:50"),
    Rule("bad-parser", r"--enable-auto-tool-choice requires --tool-call-parser", PARSER, "0.33 entrypoints/common/cli_args.py:554; 0.32 CPU"),
    Rule("bad-argument", r"^[\w.-]+(?: [\w-]+)?: error: unrecognized arguments: (?P<flag>--?[\w.-]+)", "this vLLM knows no {flag}: take it out of vllmArgs", "argparse; 0.32 CPU"),
    Rule("bad-argument", r"^(?:vllm|main\.py|api_server\.py)(?: [\w-]+){0,2}: error: (?:argument )?(?P<flag>--[\w.-]+)?", FLAG, "argparse; 0.32 CPU"),
    Rule("bad-argument", r"(?:pass the (?:argument|option) `|contains custom code.{0,200})trust_remote_code|using the `--trust-remote-code` flag", "the model brings its own code: if you trust it, put --trust-remote-code into vllmArgs", "transformers dynamic_module_utils.py; 0.33 transformers_utils/config.py:461", details={"flag": "--trust-remote-code"}),
    Rule("bad-argument", r"The supplied chat template .{0,300}(?:looks like a file path|appears path-like), but", "there is no such file in the container: correct --chat-template in vllmArgs", "0.33 renderers/chat_utils/chat_template.py:93; 0.32 CPU", details={"flag": "--chat-template"}),
    # What the image, the box and its driver are.
    Rule("no-nvidia-runtime", r"could not select device driver \"\w*\" with capabilities|unknown or invalid runtime name: nvidia|Unknown runtime specified nvidia|failed to discover GPU vendor from CDI|unresolvable CDI devices nvidia", RUNTIME, "dockerd; github.com/NVIDIA/nvidia-docker#1352, nvidia-container-toolkit#150"),
    Rule("driver-too-old", r"unsatisfied condition: (?:cuda|driver|brand)\W{1,3}(?P<cuda>[\d.]+\d)", DRIVER, "nvidia-container-cli; #5635, #18813"),
    Rule("driver-too-old", r"The NVIDIA driver on your system is too old(?: \(found version (?P<found>\d+)\))?|provided PTX was compiled with an unsupported toolchain|driver version is insufficient for CUDA runtime|forward compatibility was attempted on non supported HW|unsupported display driver / cuda driver combination", DRIVER, "torch c10/cuda; docs/usage/troubleshooting.md"),
    Rule("no-gpu-in-container", r"local rank \d+ is out of bounds for 0 devices", NO_GPU, "0.26 v1/worker/gpu_worker.py, on an H100 that was hidden"),
    Rule("no-gpu-in-container", r"nvidia-container-cli: (?:initialization|detection|device) error|nvml error: driver not loaded|Failed to infer device type|Found no NVIDIA driver on your system|No CUDA GPUs are available|no CUDA-capable device is detected|NVML Shared Library Not Found|libcuda\.so\.1: cannot open shared object", NO_GPU, "0.33 config/device.py:56; torch cuda/__init__.py; nvidia-container-cli; 0.32 CPU"),
    Rule("no-gpu-in-container", r"Failed to initialize NVML|GPU is lost|has fallen off the bus|CUDA error: (?:initialization error|unknown error)", NO_GPU, "NVML, torch", serving=True),
    Rule("no-kernel-image", r"no kernel image is available for execution|with CUDA capability (?P<capability>sm_\d+) is not compatible with the current PyTorch", KERNELS, "torch cuda/__init__.py; #14452, #19906", serving=True),
    Rule("no-nvcc", r"Could not find nvcc|\bnvcc'?: (?:command )?not found|No such file or directory: '[^']{0,120}\bnvcc'|CUDA_HOME environment variable is not set", NVCC, "flashinfer jit/cpp_ext.py; torch utils/cpp_extension.py"),
    Rule("illegal-access", r"illegal memory access|misaligned address|unspecified launch failure|device-side assert triggered|Xid \(PCI:[^)]{1,40}\): (?:13|31)\b", SPECULATION, "torch, the kernel's log; #50021", serving=True),
    Rule("nccl", r"NCCL error|ncclUnhandledCudaError|ncclSystemError|ncclInternalError|ncclRemoteError|ncclInvalidUsage|NCCL operation .{0,80}failed|Watchdog caught collective operation timeout|DistBackendError", CARDS_TALK, "0.33 distributed/device_communicators/pynccl_wrapper.py:464; torch ProcessGroupNCCL.cpp", serving=True, consequence=True),
    Rule("missing-extra", r"Arctic Inference is required.{0,60}pip install (?P<package>[\w.=-]+)", EXTRA, "0.33 config/speculative.py:1729; 0.32 CPU"),
    Rule("missing-extra", r"(?:Error|rror executing).{0,300}?pip install (?:-U |--upgrade |-q )*['\"`]?(?P<package>[A-Za-z][\w.\[\]=<>-]{0,60})", EXTRA, "0.33, 40 places, as model_loader/weight_utils.py:1406; 0.32 CPU"),
    Rule("missing-extra", r"No module named '(?P<package>[\w.]{1,80})'", EXTRA, "Python; 0.32 CPU", consequence=True),
    Rule("missing-extra", r"No package metadata was found for (?P<package>[\w.-]{1,80})", EXTRA, "Python", consequence=True),
    # vLLM's own checks of its configuration: pydantic says what, under `1 validation error for …`.
    Rule("bad-argument", r"^ *Value error, (?P<what>.{1,200})", FLAG, "0.33 config/*.py; 0.32 CPU", consequence=True),
)
# fmt: on
CAUSES = (*dict.fromkeys(rule.cause for rule in RULES), "healthy", "stopped-cleanly", "unknown")
