"""Models as rows: weights on the Hub, one row a line, each with the source of its size and of its revision."""

from dataclasses import dataclass

from stacks.families import (
    DEVSTRAL_2,
    DEVSTRAL_SMALL_2,
    GEMMA_4_31B,
    GLM_45_AIR,
    GLM_47_FLASH,
    GPT_OSS_20B,
    GPT_OSS_120B,
    QWEN3_27B,
    QWEN3_35B,
    QWEN3_CODER_30B,
    QWEN3_CODER_480B,
    QWEN3_CODER_NEXT,
    QWEN25_CODER_05B,
    QWEN25_CODER_3B,
    QWEN25_CODER_7B,
    QWEN25_CODER_14B,
    QWEN25_CODER_15B,
    QWEN25_CODER_32B,
    QWEN35_9B,
    SMOLLM2_135M,
    SMOLLM2_135M_TWIN,
    Family,
)


@dataclass(frozen=True)
class Quantization:
    """How weights are kept. capability: the least with which a card computes on them as they are meant to be."""

    name: str
    capability: int


@dataclass(frozen=True)
class Model:
    """Weights on the Hub, and how they are served.

    revision: 40 hexadecimal digits, or `main`: then the box resolves it once and records it.
    billions: parameters. weights_gb: all of them, in GB (10**9 bytes), as `source` gives it.
    """

    name: str
    hub_id: str
    family: Family
    billions: float
    weights_gb: float
    quantization: Quantization
    source: str
    revision: str = "main"

    @property
    def weights_gib(self) -> float:
        """All weights, GiB."""
        return self.weights_gb * 1e9 / 2**30

    @property
    def vllm_flags(self) -> tuple[str, ...]:
        """What vLLM must be told of it: parsers, no thinking, no image tower, drafts from the prompt."""
        family = self.family
        tools = ("--enable-auto-tool-choice", f"--tool-call-parser={family.tool_parser}")
        return (
            *(tools if family.tool_parser else ()),
            *((f"--reasoning-parser={family.reasoning_parser}",) if family.reasoning_parser else ()),
            *((f"--default-chat-template-kwargs={family.thinking_off}",) if family.thinking_off else ()),
            *(("--language-model-only",) if family.vision else ()),
            *((f"--speculative-config={NGRAM}",) if family.ngram else ()),
        )


# Source: the least that vLLM 0.33 asks for (config/vllm.py): AWQ and GPTQ 75, MXFP4 80. FP8 and NVFP4 also run
# weight-only on older cards, which nobody measured here: these are the cards that compute in them. 16-bit weights and
# W4A16 are bfloat16, which vLLM refuses below 80 ("Bfloat16 is only supported on GPUs with compute capability of at
# least 8.0").
BF16, INT4, MXFP4 = Quantization("bf16", 80), Quantization("int4", 80), Quantization("mxfp4", 80)
AWQ, GPTQ = Quantization("awq", 75), Quantization("gptq", 75)
FP8, NVFP4 = Quantization("fp8", 89), Quantization("nvfp4", 100)
QUANTIZATIONS = (BF16, INT4, MXFP4, AWQ, GPTQ, FP8, NVFP4)

# Drafts looked up in the prompt: an edit repeats what it edits. Source: vLLM 0.33, config/speculative.py; from 5 tokens
# on, because matches of 2 mangle tool calls (vLLM issue 40875).
NGRAM = '{"method":"ngram","num_speculative_tokens":8,"prompt_lookup_min":5,"prompt_lookup_max":8}'

# Where sizes and revisions come from. HUB: revision and size as public files pin and quote them, which were read in place
# of the Hub. COMPUTED: from the shapes of all tensors.
HUB = "pinned and quoted in public repositories, read 2026-11-25"
RECIPES = "vLLM 0.33's recipes, read 2026-11-20"
HUB_BYTES = "the Hub's byte counts, in a GB10 study, read 2026-11-20"
COMPUTED = "computed from its shapes, 2026-11-25"
RECALLED = "recalled, not read, 2026-11-20"
# fmt: off
MODELS = (
    Model("smollm2-135m", "HuggingFaceTB/SmolLM2-135M-Instruct", SMOLLM2_135M, 0.135, 0.269, BF16, "measured, 2026-11-21"),
    # The same weights under a second name: what lets two models serve on one box of the local cloud, which has no others.
    Model("smollm2-135m-twin", "HuggingFaceTB/SmolLM2-135M-Instruct", SMOLLM2_135M_TWIN, 0.135, 0.269, BF16, "as smollm2-135m, 2026-11-26"),
    Model("qwen2.5-coder-0.5b", "Qwen/Qwen2.5-Coder-0.5B-Instruct", QWEN25_CODER_05B, 0.494, 0.988, BF16, COMPUTED, "ea3f2471cf1b1f0db85067f1ef93848e38e88c25"),
    Model("qwen2.5-coder-1.5b", "Qwen/Qwen2.5-Coder-1.5B-Instruct", QWEN25_CODER_15B, 1.54, 3.09, BF16, HUB, "2e1fd397ee46e1388853d2af2c993145b0f1098a"),
    Model("qwen2.5-coder-3b", "Qwen/Qwen2.5-Coder-3B-Instruct", QWEN25_CODER_3B, 3.09, 6.17, BF16, COMPUTED, "488639f1ff808d1d3d0ba301aef8c11461451ec5"),
    Model("qwen2.5-coder-7b", "Qwen/Qwen2.5-Coder-7B-Instruct", QWEN25_CODER_7B, 7.62, 15.23, BF16, HUB, "c03e6d358207e414f1eca0bb1891e29f1db0e242"),
    Model("qwen2.5-coder-7b-awq", "Qwen/Qwen2.5-Coder-7B-Instruct-AWQ", QWEN25_CODER_7B, 7.62, 5.57, AWQ, COMPUTED, "8e8ed243bbe6f9a5aff549a0924562fc719b2b8a"),
    Model("qwen2.5-coder-14b", "Qwen/Qwen2.5-Coder-14B-Instruct-AWQ", QWEN25_CODER_14B, 14.8, 9.98, AWQ, COMPUTED, "eb3172f06a6d6b3a15f08947b0668d782e4d2d2c"),
    Model("qwen2.5-coder-14b-bf16", "Qwen/Qwen2.5-Coder-14B-Instruct", QWEN25_CODER_14B, 14.8, 29.54, BF16, COMPUTED, "aedcc2d42b622764e023cf882b6652e646b95671"),
    Model("qwen2.5-coder-32b", "Qwen/Qwen2.5-Coder-32B-Instruct-AWQ", QWEN25_CODER_32B, 32.8, 19.33, AWQ, COMPUTED, "1ed0a6145da0ce550c628e8e8b678f51e695995d"),
    Model("qwen2.5-coder-32b-bf16", "Qwen/Qwen2.5-Coder-32B-Instruct", QWEN25_CODER_32B, 32.8, 65.53, BF16, COMPUTED),
    Model("qwen3-coder-30b", "Qwen/Qwen3-Coder-30B-A3B-Instruct-FP8", QWEN3_CODER_30B, 30.5, 31.17, FP8, HUB, "dcaee4d4dfc5ee71ad501f01f530e5652438fde0"),
    Model("qwen3-coder-30b-bf16", "Qwen/Qwen3-Coder-30B-A3B-Instruct", QWEN3_CODER_30B, 30.5, 61.06, BF16, HUB, "b2cff646eb4bb1d68355c01b18ae02e7cf42d120"),
    Model("qwen3-coder-30b-awq", "cyankiwi/Qwen3-Coder-30B-A3B-Instruct-AWQ-4bit", QWEN3_CODER_30B, 30.5, 19.26, INT4, "17.94 GiB on the card, fleet-p0, read 2026-11-20", "4bd30395b72ea6045edd04806c4fea448d4467b3"),
    Model("qwen3-coder-30b-awq-g128", "QuantTrio/Qwen3-Coder-30B-A3B-Instruct-AWQ", QWEN3_CODER_30B, 30.5, 16.8, AWQ, HUB, "c58857a7f41c0920f73d1b56678640f9c02017d7"),
    Model("qwen3-coder-next", "Qwen/Qwen3-Coder-Next-FP8", QWEN3_CODER_NEXT, 80, 80.38, FP8, HUB, "da6e2ed27304dd39abadd9c82ef50e8de67bdd4c"),
    Model("qwen3-coder-next-bf16", "Qwen/Qwen3-Coder-Next", QWEN3_CODER_NEXT, 80, 159.36, BF16, HUB, "a7fbcb5c0e12d62a448eaa0e260346bf5dcc0feb"),
    Model("qwen3-coder-next-nvfp4", "RedHatAI/Qwen3-Coder-Next-NVFP4", QWEN3_CODER_NEXT, 80, 47.6, NVFP4, HUB_BYTES),
    Model("qwen3-coder-next-awq", "cyankiwi/Qwen3-Coder-Next-AWQ-4bit", QWEN3_CODER_NEXT, 80, 48.2, INT4, HUB_BYTES),
    Model("qwen3-coder-480b", "Qwen/Qwen3-Coder-480B-A35B-Instruct-FP8", QWEN3_CODER_480B, 480, 483.0, FP8, HUB, "003f183a92fbe5b9a8325aaa8b2ae797c91dd90f"),
    Model("qwen3.8-27b", "Qwen/Qwen3.8-27B-FP8", QWEN3_27B, 27, 30.87, FP8, HUB, "017b9c7af6b5689d5dd426a76e0bc077eb5ca20a"),
    Model("qwen3.8-27b-bf16", "Qwen/Qwen3.8-27B", QWEN3_27B, 27, 55.56, BF16, HUB, "1d4bf0f2ff6012fd82039f2fa52739d0dd7c60c0"),
    Model("qwen3.8-27b-int4", "RedHatAI/Qwen3.8-27B-INT4", QWEN3_27B, 27, 19.5, INT4, HUB, "91bd022d5b49442a868bc35008f6c21e1860edfa"),
    Model("qwen3.8-27b-mxfp4", "RedHatAI/Qwen3.8-27B-MXFP4", QWEN3_27B, 27, 19.8, MXFP4, RECIPES),
    Model("qwen3.8-27b-nvfp4", "nvidia/Qwen3.8-27B-NVFP4", QWEN3_27B, 27, 21.92, NVFP4, HUB, "482ca0f3832238542f8f5295dde86b5f22711d80"),
    Model("qwen3.6-35b", "Qwen/Qwen3.6-35B-A3B-FP8", QWEN3_35B, 35, 37.46, FP8, HUB, "95a723d08a9490559dae23d0cff1d9466213d989"),
    Model("qwen3.6-35b-nvfp4", "nvidia/Qwen3.6-35B-A3B-NVFP4", QWEN3_35B, 35, 23.42, NVFP4, HUB, "1355db6a052410cfd62085d94b58866fd0f2c3c5"),
    Model("qwen3.5-9b", "Qwen/Qwen3.5-9B", QWEN35_9B, 9.65, 19.3, BF16, HUB, "c202236235762e1c871ad0ccb60c8ee5ba337b9a"),
    Model("gpt-oss-20b", "openai/gpt-oss-20b", GPT_OSS_20B, 21, 13.76, MXFP4, HUB, "6cee5e81ee83917806bbde320786a8fb61efebee"),
    Model("gpt-oss-120b", "openai/gpt-oss-120b", GPT_OSS_120B, 117, 65.25, MXFP4, HUB, "b5c939de8f754692c1647ca79fbf85e8c1e70f8a"),
    Model("devstral-small-2", "mistralai/Devstral-Small-2-24B-Instruct-2512", DEVSTRAL_SMALL_2, 24, 25.83, FP8, HUB, "55c5b41e98c2dbd21b0c8afffc540dcfc9eb5128"),
    Model("devstral-small-2-awq", "cyankiwi/Devstral-Small-2-24B-Instruct-2512-AWQ-4bit", DEVSTRAL_SMALL_2, 24, 17.2, INT4, "16 GiB in one public file, 14-15 GB in the recipes, read 2026-11-25"),
    Model("devstral-2", "mistralai/Devstral-2-123B-Instruct-2512", DEVSTRAL_2, 123, 125.0, FP8, RECALLED, "1613bf01adb5e1c6fdc196b46e6b173eae75eb4a"),
    Model("gemma-4-31b", "google/gemma-4-31B-it-qat-w4a16-ct", GEMMA_4_31B, 31, 23.27, INT4, HUB, "52f3f65bc7a02d555763bc923bd1d9094898219d"),
    Model("glm-4.7-flash", "zai-org/GLM-4.7-Flash", GLM_47_FLASH, 31.2, 62.5, BF16, HUB, "7dd20894a642a0aa287e9827cb1a1f7f91386b67"),
    Model("glm-4.7-flash-awq", "QuantTrio/GLM-4.7-Flash-AWQ", GLM_47_FLASH, 31.2, 19.8, AWQ, RECIPES, "88e3d3d913c0d97c8f505cdc03433c48226bedc3"),
    Model("glm-4.5-air", "zai-org/GLM-4.5-Air", GLM_45_AIR, 106, 214.0, BF16, RECALLED, "a24ceef6ce4f3536971efe9b778bdaa1bab18daa"),
    Model("glm-4.5-air-awq", "QuantTrio/GLM-4.5-Air-AWQ-FP16Mix", GLM_45_AIR, 106, 73.1, AWQ, RECIPES),
)
# fmt: on
