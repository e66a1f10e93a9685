"""Ask vLLM what it starts with, and what the caches of models need that no laptop holds. Runs in the boxes' root.

Cases are read from the file named on the command line; each is answered in its order, as one line of JSON.
"""

# There are no vLLM and no torch where this is type-checked.
# mypy: disable-error-code="import-not-found, misc"

import gc
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import torch
from vllm import LLM
from vllm.distributed.parallel_state import cleanup_dist_env_and_memory
from vllm.model_executor.layers.mamba import mamba_mixer2
from vllm.model_executor.layers.mamba.gdn.qwen_gdn_linear_attn import QwenGatedDeltaNetAttention
from vllm.model_executor.models import ModelRegistry
from vllm.platforms.interface import Platform
from vllm.v1.attention.backend import AttentionBackend, MultipleOf
from vllm.v1.core import kv_cache_utils
from vllm.v1.kv_cache_interface import FullAttentionSpec, MLAAttentionSpec, SlidingWindowSpec
from vllm.v1.kv_cache_layout import KVCacheLayout

Case = dict[str, Any]
MODEL = "/mnt/model"
CACHE_DTYPES = {2: ("auto", torch.bfloat16), 1: ("fp8", torch.uint8)}


def main() -> None:
    """All cases in one process: to import vLLM takes longer than to start it."""
    cases = json.loads(Path(sys.argv[1]).read_text())
    for case in cases["engines"]:
        tell(start(case))
    for case in cases["caches"]:
        tell(cache_needs(case))


def tell(answer: Case) -> None:
    """On a line of its own, whatever vLLM has just said."""
    print(f"\n{json.dumps(answer)}", flush=True)


def start(case: Case) -> Case:
    """Start an engine and end it: the tokens of its whole cache, or why it does not start."""
    gc.freeze()  # a start collects garbage five times, and what is imported takes half a second each time
    engine = None
    try:
        engine = LLM(
            MODEL,
            enforce_eager=True,
            max_num_seqs=2,
            max_num_batched_tokens=512,
            max_model_len=case["context"],
            kv_cache_memory_bytes=case["pool_bytes"],
        )
        return {"pool_tokens": engine.llm_engine.vllm_config.cache_config.kv_cache_size_tokens}
    except ValueError as error:
        return {"refusal": str(error)}
    finally:
        del engine
        cleanup_dist_env_and_memory()


def cache_needs(case: Case) -> Case:
    """For each context, what vLLM checks at a start: one sequence's blocks, and the one it holds back."""
    config = settings(case)
    raise_blocks(config, case)
    specs = {f"layer.{number}": spec for number, spec in enumerate(layer_specs(config, case))}
    groups = kv_cache_utils.get_kv_cache_groups(config, specs)
    needs = [bytes_checked(config, groups, context) for context in case["contexts"]]
    return {"needs": needs, "block_tokens": config.cache_config.block_size}


def bytes_checked(config: SimpleNamespace, groups: list[Any], context: int) -> int:
    """The two sides of the check in get_kv_cache_configs, on one."""
    config.model_config.max_model_len = context
    held_back = kv_cache_utils._pool_bytes_per_block(config, groups)
    return int(kv_cache_utils._max_memory_usage_bytes_from_groups(config, groups) + held_back)


def settings(case: Case) -> SimpleNamespace:
    """What the functions below read of vLLM's configuration."""
    dtype, _ = CACHE_DTYPES[case["value_bytes"]]
    state_bytes = {kind["number_bytes"] for kind in case["kinds"] if kind["kind"] == "Recurrent"}
    cache = SimpleNamespace(
        block_size=case["block_tokens"],
        cache_dtype=dtype,
        kv_cache_dtype_skip_layers=(),
        mamba_block_size=case["block_tokens"],
        mamba_cache_dtype="auto",
        mamba_cache_mode="align",
        mamba_page_size_padded=None,
        mamba_ssm_cache_dtype="float32" if state_bytes == {4} else "auto",
        use_replayssm=False,
        get_resolved_kv_cache_layout=lambda: KVCacheLayout.LBNHC,  # vLLM's first choice on CUDA
    )
    return SimpleNamespace(
        cache_config=cache,
        model_config=SimpleNamespace(dtype=torch.bfloat16, use_mla=False, architecture=""),
        parallel_config=SimpleNamespace(tensor_parallel_size=case["tp"], decode_context_parallel_size=1),
        scheduler_config=SimpleNamespace(disable_hybrid_kv_cache_manager=False),
        attention_config=None,
        speculative_config=None,
        num_speculative_tokens=0,
        max_in_flight_tokens=case["in_flight_tokens"],
    )


class Backend(AttentionBackend):
    """Attention whose kernels take any multiple of 16 tokens, as FlashAttention's and Triton's do."""

    @staticmethod
    def get_supported_kernel_block_sizes(kv_cache_spec: object = None) -> list[Any]:
        return [MultipleOf(16)]


class Cards(Platform):
    """A platform where every layer of attention uses it."""

    @classmethod
    def _find_non_ssm_backends(cls, vllm_config: object) -> list[type]:
        return [Backend]


def raise_blocks(config: SimpleNamespace, case: Case) -> None:
    """Let vLLM raise the blocks of a hybrid to the size of its states, as it does when the model is loaded."""
    states = [recurrent(kind, config) for kind in case["kinds"] if kind["kind"] == "Recurrent"]
    heads = [kind for kind in case["kinds"] if kind["kind"] == "Full"]
    if not (states and heads):
        return
    config.model_config.get_num_kv_heads = lambda parallel_config: shared_heads(heads[0], config)
    config.model_config.get_head_size = lambda: heads[0]["head_dim"]
    model = SimpleNamespace(get_mamba_specs_from_config=lambda vllm_config: states)
    with mock.patch.object(ModelRegistry, "resolve_model_cls", lambda *words, **named: (model, "")):
        Cards._align_hybrid_block_size(config, Backend)


def layer_specs(config: SimpleNamespace, case: Case) -> Iterator[Any]:
    """vLLM's description of each layer's cache."""
    for kind in case["kinds"]:
        make = {"Full": full, "Sliding": sliding, "Latent": latent, "Recurrent": recurrent}[kind["kind"]]
        for _ in range(kind["layers"]):
            yield make(kind, config)


def full(kind: Case, config: SimpleNamespace) -> Any:
    """Full attention."""
    return FullAttentionSpec(**attention(kind, config))


def sliding(kind: Case, config: SimpleNamespace) -> Any:
    """Sliding windows."""
    return SlidingWindowSpec(**attention(kind, config), sliding_window=kind["window"])


def attention(kind: Case, config: SimpleNamespace) -> Case:
    """What these two have in common."""
    _, dtype = CACHE_DTYPES[1 if config.cache_config.cache_dtype == "fp8" else 2]
    heads = shared_heads(kind, config)
    return {
        "block_size": config.cache_config.block_size,
        "num_kv_heads": heads,
        "head_size": kind["head_dim"],
        "dtype": dtype,
    }


def shared_heads(kind: Case, config: SimpleNamespace) -> int:
    """Heads on one card, as ModelConfig.get_num_kv_heads has it."""
    return max(1, int(kind["kv_heads"]) // int(config.parallel_config.tensor_parallel_size))


def latent(kind: Case, config: SimpleNamespace) -> Any:
    """MLA."""
    return MLAAttentionSpec(**attention({"kv_heads": 1, "head_dim": kind["width"]}, config))


def recurrent(kind: Case, config: SimpleNamespace) -> Any:
    """GDN or Mamba2: vLLM's own layer, without its weights, describes its state."""
    tp = config.parallel_config.tensor_parallel_size
    three_states = kind["states"] == 3  # of which vLLM's Mamba2 adds one itself
    layer = object.__new__(mamba_mixer2.MambaMixer2 if three_states else QwenGatedDeltaNetAttention)
    vars(layer).update(
        model_config=config.model_config,
        cache_config=config.cache_config,
        tp_size=tp,
        num_spec=0,
        conv_kernel_size=4,
        use_replayssm=False,
        num_k_heads=kind["groups"],
        num_v_heads=kind["heads"],
        head_k_dim=kind["state_dim"],
        head_v_dim=kind["head_dim"],
        intermediate_size=kind["heads"] * kind["head_dim"],
        n_groups=kind["groups"],
        num_heads=kind["heads"],
        head_dim=kind["head_dim"],
        ssm_state_size=kind["state_dim"],
    )
    with mock.patch.object(mamba_mixer2, "get_tensor_model_parallel_world_size", lambda: tp):
        return layer.get_kv_cache_spec(config)


if __name__ == "__main__":
    main()
