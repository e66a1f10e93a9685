"""A platform plugin for vLLM on the CPU: its engine is forked, so that nothing is imported twice (6 of 20 seconds).

vLLM's CPU platform insists on `spawn`, because a fork inherits OpenMP threads. Here the parent has started none yet: it
only serves HTTP. Copied into the packages by vllm_site.py and found by its entry point; runs on the box.
"""

import os
from typing import Any

from vllm.platforms.cpu import CpuPlatform  # type: ignore[import-not-found, unused-ignore]


def register() -> str:
    """What vLLM asks a platform plugin for: the path of its class."""
    return f"{__name__}.ForkingCpuPlatform"


class ForkingCpuPlatform(CpuPlatform):  # type: ignore[misc, unused-ignore]
    """vLLM's own CPU platform but for how it starts its engine."""

    @classmethod
    def check_and_update_config(cls, vllm_config: Any) -> None:
        """Let vLLM settle everything, then take back its `spawn`."""
        super().check_and_update_config(vllm_config)
        os.environ["VLLM_WORKER_MULTIPROC_METHOD"] = "fork"
