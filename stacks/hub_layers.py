"""What config.json says of a model's layers, for sizing: the kind of each, their heads, how far they reach. Pure.

What it may leave out was read in transformers 5.19 (models/*/configuration_*.py), what vLLM makes of it in vLLM 0.32
(config/model.py, transformers_utils/model_arch_config_convertor.py), 2026-11-25.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from stacks.attention import Full, Latent, Layers, Recurrent, Sliding, delta_net, mamba2
from stacks.errors import ModelError

ANOTHER = "choose another form of it, or a model that `fab models` lists"
MOST, MOST_LAYERS = 10**8, 1_000  # no number of a model is larger; one that claims more must not cost memory

# What config.json may leave out, by model_type.
QWEN, HYBRID = {"use_sliding_window": False}, {"full_attention_interval": 4}
GEMMA = {"num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "max_position_embeddings": 131_072}
LEFT_OUT: Mapping[str, Mapping[str, Any]] = {
    "qwen2": QWEN,
    "qwen2_moe": QWEN,
    "qwen3": QWEN,
    "qwen3_moe": QWEN,
    "qwen3_next": HYBRID,
    "qwen3_5_text": HYBRID,
    "qwen3_5_moe_text": HYBRID,
    "gpt_oss": {"head_dim": 64, "sliding_window": 128, "sliding_window_pattern": 2},
    "cohere2": {"sliding_window": 4096, "sliding_window_pattern": 4},
    "gemma2": {"head_dim": 256, "sliding_window": 4096, "sliding_window_pattern": 2},
    "gemma3_text": {**GEMMA, "sliding_window": 4096, "sliding_window_pattern": 6},
    "gemma4_text": {
        **GEMMA, "sliding_window": 512, "sliding_window_pattern": 6, "global_head_dim": 512, "attention_k_eq_v": False,
    },
    "nemotron_h": {"head_dim": 128},
}  # fmt: skip

FULL, SLIDING, RECURRENT, NONE = "full", "sliding", "recurrent", "none"
KINDS = {
    "full_attention": FULL, "attention": FULL, "*": FULL, "sliding_attention": SLIDING,
    "linear_attention": RECURRENT, "mamba": RECURRENT, "M": RECURRENT, "moe": NONE, "mlp": NONE, "E": NONE, "-": NONE,
}  # fmt: skip
NAMED = ("layer_types", "layers_block_type", "hybrid_override_pattern")
MAMBA_HEADS = ("mamba_num_heads", "mamba_n_heads")
# Those of whose compressed cache vLLM keeps one vector a token and no more.
LATENT = ("deepseek_v2", "deepseek_v3", "glm4_moe_lite", "kimi_k2", "axk1", "pangu_ultra_moe")
# Each means a cache of another shape: sparse indexes, lightning and delta attention, layers that differ one by one.
UNSIZED = ("compress_ratios", "index_head_dim", "linear_attn_config", "attn_type_list", "block_configs")
WINDOW = (
    "max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "max_sequence_length", "max_seq_length",
    "seq_len",
)  # fmt: skip
# Ways of stretching positions with which max_position_embeddings is the stretched window already.
STRETCHED = ("su", "longrope", "llama3", "yarn", "deepseek_yarn", "deepseek_llama_scaling")


@dataclass(frozen=True)
class Config:
    """The fields of the language model, with what they may leave out. path: of config.json, for errors."""

    path: str
    fields: Mapping[str, Any]

    @classmethod
    def from_json(cls, path: str, config: Mapping[str, Any]) -> "Config":
        """From all of config.json: models that also see keep the language model in `text_config`."""
        text = config.get("text_config")
        fields = text if isinstance(text, Mapping) else config
        return cls(path, {**LEFT_OUT.get(name_in(fields, "model_type"), {}), **fields})

    def says(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self.fields.get(name) is not None

    def number(self, *names: str, least: int = 1, most: int = MOST) -> int:
        """The first of these fields that is there. Raises ModelError if none is, or if it is no such number."""
        name = next((name for name in names if self.says(name)), "")
        if not name:
            raise self.error(f"{names[0]} is missing, without which its cache cannot be sized")
        value = self.fields[name]
        if type(value) is not int or not least <= value <= most:  # True is an int, too
            raise self.error(f"{name} is no whole number from {least} to {most}")
        return value

    def error(self, fact: str) -> ModelError:
        """An error about this file."""
        return ModelError(f"{self.path}: {fact}", hint=ANOTHER)


def name_in(fields: Mapping[str, Any], key: str) -> str:
    """A field that holds a name; empty if it does not."""
    value = fields.get(key)
    return value if isinstance(value, str) else ""


def shown(value: object) -> str:
    """A value out of somebody else's file, short enough for an error and on one line."""
    return repr(value)[:40] if isinstance(value, str) else f"a {type(value).__name__}"


def attention_of(config: Config) -> tuple[Layers, ...]:
    """The layers by kind. Raises ModelError if one of them is of a kind that daybox cannot size."""
    for name in UNSIZED:
        if config.says(name):
            raise config.error(f"{name} means a kind of attention that daybox cannot size")
    kinds = kinds_of(config)
    shared = config.number("num_kv_shared_layers", least=0) if config.says("num_kv_shared_layers") else 0
    count = Counter(kinds[: max(0, len(kinds) - shared)])  # the last ones read what earlier ones keep
    makers = ((FULL, full_or_latent), (SLIDING, sliding), (RECURRENT, recurrent))
    if not any(count[kind] for kind, _ in makers):
        raise config.error("it has no layer that remembers anything")
    return tuple(maker(config, count[kind]) for kind, maker in makers if count[kind])


def kinds_of(config: Config) -> list[str]:
    """The kind of each layer, in order: as it is named, or as the fields that repeat it say."""
    named = next((config.fields[name] for name in NAMED if config.says(name)), None)
    if named is not None:
        return named_kinds(config, named)
    layers = config.number("num_hidden_layers", most=MOST_LAYERS)
    if config.says("linear_num_value_heads"):
        return each(layers, config.number("full_attention_interval"), RECURRENT)
    if any(config.says(name) for name in MAMBA_HEADS):
        raise config.error("layer_types is missing, without which its cache cannot be sized")
    if not window_of(config):
        return [FULL] * layers
    if config.says("sliding_window_pattern"):
        return each(layers, config.number("sliding_window_pattern"), SLIDING)
    full = config.number("max_window_layers", least=0) if config.says("max_window_layers") else 0
    return [FULL if number < full else SLIDING for number in range(layers)]


def named_kinds(config: Config, named: object) -> list[str]:
    """The kinds, from a list of names or from one letter a layer."""
    if not isinstance(named, list | str) or len(named) > MOST_LAYERS:
        raise config.error("layer_types is no list of the kinds of its layers")
    unknown = [word for word in named if not isinstance(word, str) or word not in KINDS]
    if unknown:
        raise config.error(f"a layer is of kind {shown(unknown[0])}, which daybox cannot size")
    kinds = [KINDS[word] for word in named]
    return kinds if window_of(config) else [FULL if kind == SLIDING else kind for kind in kinds]


def each(layers: int, every: int, others: str) -> list[str]:
    """Full attention in every so many-th layer, `others` in between."""
    return [others if (number + 1) % every else FULL for number in range(layers)]


def window_of(config: Config) -> int:
    """Tokens that sliding layers keep; 0 if none slides."""
    if config.fields.get("use_sliding_window") is False or not config.says("sliding_window"):
        return 0
    return config.number("sliding_window", least=0)


def full_or_latent(config: Config, layers: int) -> Full | Latent:
    """Layers that remember every token; gemma's have heads of their own size and number."""
    if config.says("kv_lora_rank"):
        return latent(config, layers)
    dim = config.number("global_head_dim") if config.says("global_head_dim") else head_dim(config)
    own = config.says("num_global_key_value_heads") and config.fields.get("attention_k_eq_v") is not False
    return Full(layers, config.number("num_global_key_value_heads") if own else kv_heads(config), dim)


def latent(config: Config, layers: int) -> Latent:
    """Layers that keep one compressed vector of every token."""
    kind = name_in(config.fields, "model_type")
    if kind not in LATENT:
        raise config.error(f"kv_lora_rank of a {shown(kind)} means a cache that daybox cannot size")
    return Latent(layers, config.number("kv_lora_rank") + config.number("qk_rope_head_dim"))


def sliding(config: Config, layers: int) -> Sliding:
    """Layers that remember a window."""
    return Sliding(layers, kv_heads(config), head_dim(config), window=window_of(config))


def recurrent(config: Config, layers: int) -> Recurrent:
    """Layers that keep a state: Mamba2 where its fields are there, else gated delta net."""
    if any(config.says(name) for name in MAMBA_HEADS):
        return mamba2(
            layers,
            heads=config.number(*MAMBA_HEADS),
            head_dim=config.number("mamba_head_dim", "mamba_d_head"),
            groups=config.number("n_groups", "mamba_n_groups"),
            state_dim=config.number("ssm_state_size", "mamba_d_state"),
        )
    net = delta_net(
        layers,
        key_heads=config.number("linear_num_key_heads"),
        value_heads=config.number("linear_num_value_heads"),
        dim=config.number("linear_key_head_dim"),
        number_bytes=4 if config.fields.get("mamba_ssm_dtype") == "float32" else 2,
    )
    return replace(net, head_dim=config.number("linear_value_head_dim"))


def kv_heads(config: Config) -> int:
    """Heads of keys and values: as many as queries have, unless it says so."""
    return config.number("num_key_value_heads", "num_kv_heads", "num_attention_heads")


def head_dim(config: Config) -> int:
    """Numbers in one head: what is a head's share of hidden_size, unless it says so."""
    if config.says("head_dim"):
        return config.number("head_dim")
    hidden, heads = config.number("hidden_size"), config.number("num_attention_heads")
    if hidden < heads:
        raise config.error("hidden_size is less than num_attention_heads")
    return hidden // heads


def window_tokens(config: Config) -> int:
    """The longest context, as vLLM derives it."""
    if config.says("model_max_length"):
        return int(config.number("model_max_length") * stretch(config))
    given = [config.number(name) for name in WINDOW if config.says(name)]
    return int((min(given) if given else config.number(WINDOW[0])) * stretch(config))


def stretch(config: Config) -> float:
    """How many times the window its positions reach: 1, but for the oldest ways of stretching them."""
    rope = config.fields.get("rope_parameters") or config.fields.get("rope_scaling")
    # gemma3 says `linear`, and its window is stretched already.
    if not isinstance(rope, Mapping) or "gemma3" in name_in(config.fields, "model_type"):
        return 1
    nested = [part for part in rope.values() if isinstance(part, Mapping)]  # one for each kind of layer
    for part in nested or [rope]:
        factor = part.get("factor")
        if factor is None or part.get("rope_type", part.get("type")) in STRETCHED:
            continue
        if not isinstance(factor, int | float) or not 1 <= factor <= 1_000:
            raise config.error("the factor of its rope scaling is no number from 1 to 1000")
        return factor
    return 1
