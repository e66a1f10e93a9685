"""Families of models as rows: what all weights of one architecture have in common, each with its source and date.

Read 2026-11-20 unless a row says otherwise. CONFIGS: config.json as NVIDIA's aiconfigurator and transformers 5.16 hold
it. RECALLED: from memory, not read anywhere; `fab fit org/name` reads the Hub's own config.json.
"""

from dataclasses import dataclass, replace

from stacks.aider_facts import (
    DEVSTRAL_AIDER,
    GEMMA_AIDER,
    GLM_AIDER,
    GPT_OSS_AIDER,
    QWEN3_AIDER,
    QWEN3_CODER_AIDER,
    QWEN3_CODER_NEXT_AIDER,
    QWEN3_SMALL_AIDER,
    QWEN25_CODER_AIDER,
    SMOLLM2_AIDER,
    SMOLLM2_TWIN_AIDER,
    AiderFacts,
)
from stacks.attention import Full, Latent, Layers, Sliding, delta_net

CONFIGS = "config.json through aiconfigurator and transformers 5.16, read 2026-11-20"
RECALLED = "recalled, not read, 2026-11-20"
APACHE, MIT = "Apache-2.0", "MIT"
NO_THINKING = '{"enable_thinking":false}'  # aider: 0 of 30 tasks with thinking, 20 of 30 without (club-3090)


@dataclass(frozen=True)
class Family:
    """One architecture: what sizing must know of it, and how vLLM and aider are told to use it.

    attention: its layers by kind. heads: of queries, which tensor parallelism must divide. window_tokens: the longest
    context it was made for. tool_parser, reasoning_parser: vLLM's names, empty for none. thinking_off: arguments of the
    chat template, as JSON. ngram: drafts looked up in the prompt; correct on full attention, and only there is it on.
    vision: has an image tower, which is not loaded.
    """

    attention: tuple[Layers, ...]
    heads: int
    window_tokens: int
    licence: str
    aider: AiderFacts
    source: str
    tool_parser: str = ""
    reasoning_parser: str = ""
    thinking_off: str = ""
    ngram: bool = False
    vision: bool = False


def qwen25_coder(layers: int, heads: int, kv_heads: int, *, dim: int = 128, licence: str = APACHE) -> Family:
    """Qwen2.5-Coder: dense, full attention."""
    attention = (Full(layers, kv_heads, dim),)
    return Family(attention, heads, 32_768, licence, QWEN25_CODER_AIDER, RECALLED, tool_parser="hermes", ngram=True)


def qwen3_hybrid(full: Full, recurrent: Layers, heads: int, aider: AiderFacts, source: str = CONFIGS) -> Family:
    """Qwen3.5, 3.6 and 3.8: hybrids that think unless told not to."""
    return Family(
        (full, recurrent),
        heads,
        262_144,
        APACHE,
        aider,
        source,
        tool_parser="qwen3_coder",
        reasoning_parser="qwen3",
        thinking_off=NO_THINKING,
        vision=True,
    )


def gpt_oss(layers: int) -> Family:
    """gpt-oss: every other layer looks back 128 tokens only; it thinks, and cannot be told not to."""
    attention = (Full(layers // 2, 8, 64), Sliding(layers // 2, 8, 64, window=128))
    return Family(
        attention,
        64,
        131_072,
        APACHE,
        GPT_OSS_AIDER,
        CONFIGS,
        tool_parser="openai",
        reasoning_parser="openai_gptoss",
    )


SMOLLM2_135M = Family(  # no n-gram: the form of its answers is given, see aider_facts
    (Full(30, 3, 64),), 9, 8_192, APACHE, SMOLLM2_AIDER, "its own config.json, converted by scripts/cloud, 2026-11-21"
)
# The same weights in the role of the architect: its plan is free text, so no form is given.
SMOLLM2_135M_TWIN = replace(SMOLLM2_135M, aider=SMOLLM2_TWIN_AIDER)
QWEN25_CODER_05B = qwen25_coder(24, 14, 2, dim=64)
QWEN25_CODER_15B = qwen25_coder(28, 12, 2)
QWEN25_CODER_3B = qwen25_coder(36, 16, 2, licence="Qwen research: no commercial use")
QWEN25_CODER_7B = qwen25_coder(28, 28, 4)
QWEN25_CODER_14B = qwen25_coder(48, 40, 8)
QWEN25_CODER_32B = qwen25_coder(64, 40, 8)
QWEN3_CODER_30B = Family(
    (Full(48, 4, 128),), 32, 262_144, APACHE, QWEN3_CODER_AIDER, CONFIGS, tool_parser="qwen3_coder", ngram=True
)
QWEN3_CODER_480B = Family(
    (Full(62, 8, 128),), 96, 262_144, APACHE, QWEN3_CODER_AIDER, CONFIGS, tool_parser="qwen3_coder", ngram=True
)
QWEN3_CODER_NEXT = Family(
    (Full(12, 2, 256), delta_net(36, key_heads=16, value_heads=32, number_bytes=2)),
    16,
    262_144,
    APACHE,
    QWEN3_CODER_NEXT_AIDER,
    CONFIGS,
    tool_parser="qwen3_coder",
)
QWEN3_27B = qwen3_hybrid(Full(16, 4, 256), delta_net(48, key_heads=16, value_heads=48), 24, QWEN3_AIDER)
QWEN3_35B = qwen3_hybrid(Full(10, 2, 256), delta_net(30, key_heads=16, value_heads=32), 16, QWEN3_AIDER)
QWEN35_9B = qwen3_hybrid(Full(8, 4, 256), delta_net(24, key_heads=16, value_heads=32), 16, QWEN3_SMALL_AIDER, RECALLED)
GPT_OSS_20B, GPT_OSS_120B = gpt_oss(24), gpt_oss(36)
DEVSTRAL_SMALL_2 = Family(
    (Full(40, 8, 128),), 32, 262_144, APACHE, DEVSTRAL_AIDER, RECALLED, tool_parser="mistral", ngram=True, vision=True
)
DEVSTRAL_2 = Family(
    (Full(88, 8, 128),), 96, 262_144, "modified MIT: check", DEVSTRAL_AIDER, RECALLED, tool_parser="mistral", ngram=True
)
GEMMA_4_31B = Family(  # its cards say Apache-2.0, a user that a licence must be accepted
    (Full(10, 4, 512), Sliding(50, 16, 256, window=1024)),
    32,
    262_144,
    "Apache-2.0: check",
    GEMMA_AIDER,
    CONFIGS,
    tool_parser="gemma4",
    reasoning_parser="gemma4",
    thinking_off=NO_THINKING,
    vision=True,
)
GLM_47_FLASH = Family(
    (Latent(47, 512 + 64),),
    20,
    202_752,
    MIT,
    GLM_AIDER,
    CONFIGS,
    tool_parser="glm47",
    reasoning_parser="glm47",
    thinking_off=NO_THINKING,
)
GLM_45_AIR = Family(
    (Full(46, 8, 128),),
    96,
    131_072,
    MIT,
    GLM_AIDER,
    CONFIGS,
    tool_parser="glm45",
    reasoning_parser="glm45",
    thinking_off=NO_THINKING,
    ngram=True,
)
