"""Run vLLM once, on this machine: what it works out at a first start is kept for the boxes.

That is its survey of the model's class (7 s of a start), and the byte code of exactly those of its modules that are
used (10 s; compiling all of them takes longer than this run). Two completions are asked for, one with a regular
expression as aider's edits use, since that loads more modules.
"""

from pathlib import Path

from scripts.cloud.inside import CODE, run_inside
from scripts.cloud.parts import recipe_hash
from stacks.catalog import DEVICES

FLAGS = ("--max-model-len=1024", "--served-model-name=coder", "--host=127.0.0.1", "--port=8000")
CPU = next(device for device in DEVICES if device.name == "cpu")
OFFLINE = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}


def recipe(site: str) -> str:
    """Names what was kept of a first run of these packages. Not by flags or weights: with others, it serves as well."""
    return recipe_hash(site)


def serve() -> list[str]:
    """vLLM's command line, as on a box."""
    batch = (f"--max-num-seqs={CPU.sequences}", f"--max-num-batched-tokens={CPU.batched_tokens}")
    return [*CPU.entry_words, "/mnt/model", *FLAGS, *batch, *CPU.vllm_flags]


def environment() -> dict[str, str]:
    """vLLM's environment as on a box, but that byte code is written."""
    own = {name: value for name, value in CPU.environment.items() if name != "PYTHONDONTWRITEBYTECODE"}
    moved = {name: value.replace("/site", "/mnt/site") for name, value in own.items()}
    return moved | OFFLINE | {"VLLM_CACHE_ROOT": "/mnt/cache", "HOME": "/tmp"}


def build(target: Path, *, rootfs: Path, site: Path, model: Path) -> None:
    """Keep vLLM's cache in the folder `target` and leave byte code beside the modules in `site`."""
    target.mkdir()
    folders = {"/mnt/site": site, "/mnt/model": model, "/mnt/cache": target}
    words = ["python3", f"{CODE}/scripts/cloud/ask_once.py", *serve()]
    run_inside(rootfs, folders, environment(), words, part="first run")
