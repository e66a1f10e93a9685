"""Provoke vLLM's failures anew: `python -m tests.playbooks.make_vllm_logs FOLDER [NAME...]` writes one log a case.

Needs root, and what `python -m scripts.cloud prepare` makes: the real vLLM for the CPU runs in the boxes' root file
system, without a network. 10 to 30 s a case. What is committed is in vllm_logs/provoked.
"""

import json
import re
import sys
import tempfile
from pathlib import Path

from scripts.cloud import first_run
from scripts.cloud.inside import run_inside
from scripts.cloud.prepare import parts
from stacks.places import cache_dir
from tests.playbooks.vllm_cases import CASES

HERE = Path(__file__).parent
LINE_LENGTH = 1200  # characters: lists of 300 architectures, and the whole configuration, say nothing more
PLACES = (
    (r"/mnt/site/", "/site/"),
    (r"/(?:mnt|tmp)/model\b", "/model"),
    (r"/mnt/small\b", "/cache"),
    (r"(?m)^.* Route: /.*\n", ""),  # 45 lines in every healthy log
    (r"(?m)^(?:\([^()]*\) )?(?:ERROR [^\]]*\] )? *[~^][~^ ]*\n", ""),  # what underlines the code of a traceback
    (rf"(?m)^(.{{{LINE_LENGTH}}}).+", r"\1 …"),
)


def neutral(text: str) -> str:
    """The log with a box's paths, shortened."""
    for found, put in PLACES:
        text = re.sub(found, put, text)
    return text


def provoke(folder: Path, names: list[str]) -> str:
    """Write the logs of the named cases into `folder`; what the program said."""
    every = parts(cache_dir())
    with tempfile.TemporaryDirectory() as work:
        (Path(work) / "cases.json").write_text(json.dumps([{"name": name, "starts": CASES[name]} for name in names]))
        folders = {
            "/mnt/site": every["site"].target,
            "/mnt/model": every["model"].target,
            "/mnt/out": Path(work),
            "/mnt/code": HERE,
        }
        environment = first_run.environment() | {"VLLM_CACHE_ROOT": "/tmp/cache", "VLLM_ENABLE_V1_MULTIPROCESSING": "1"}
        words = ["python3", "/mnt/code/provoke_vllm.py", "/mnt/out/cases.json"]
        try:
            return run_inside(every["rootfs"].target, folders, environment, words, part="vllm logs")
        finally:  # what was provoked before something went wrong is of use
            for log in Path(work).glob("*.log"):
                (folder / log.name).write_text(neutral(log.read_text(errors="replace")))


if __name__ == "__main__":
    into = Path(sys.argv[1])
    into.mkdir(parents=True, exist_ok=True)
    print(provoke(into, sys.argv[2:] or list(CASES)))
