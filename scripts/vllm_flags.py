"""`python -m scripts.vllm_flags [FOLDER]`: the text of stacks/vllm_flags.py, asked of vLLM's own parser.

FOLDER: where the folder vllm/ of another version's wheel lies unpacked. It is read with the packages of the local
cloud's vLLM, whose own version is asked if no FOLDER is named. Needs root, and what `prepare rootfs site` makes.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scripts.cloud.first_run import environment
from scripts.cloud.inside import run_inside
from scripts.cloud.prepare import parts
from stacks.places import cache_dir

# Runs in the boxes' root file system, with command lines as JSON. `_option_string_actions` has what help hides, too.
PROGRAM = """
import json, sys
import vllm
from vllm.utils.argparse_utils import FlexibleArgumentParser
try:
    from vllm.entrypoints.common.cli_args import make_arg_parser  # 0.33
except ImportError:
    from vllm.entrypoints.launchers.cli_args import make_arg_parser  # 0.32

class Parser(FlexibleArgumentParser):
    def error(self, message):
        raise ValueError(message)

def refusal(words):
    try:
        parser.parse_args(words)
    except Exception as error:
        return str(error) or repr(error)
    return ""

def kind(action):
    if action.nargs == 0:
        return "switch"
    as_json = getattr(action.type, "__name__", "") == "loads" or "valid JSON string" in (action.help or "")
    return "json" if as_json else "list" if action.nargs == "+" else "value"

def long(action):
    return next(name for name in action.option_strings if name.startswith("--"))

parser = make_arg_parser(Parser(prog="vllm serve"))
every = sorted(parser._option_string_actions.items())
flags = {name: kind(action) for name, action in every if name.startswith("--")}
short = {name: long(action) for name, action in every if not name.startswith("--")}
refusals = [refusal(words) for words in json.loads(sys.argv[1])]
print("\\n" + json.dumps({"version": vllm.__version__, "flags": flags, "short": short, "refusals": refusals}))
"""
MODULE = '''"""Every flag of `vllm serve` in the version that the GPU image runs, as vLLM's own parser has them.

Source: the wheel vllm {version}, its parser built and asked on {today}; spellings that its help hides are here, too.
Made anew, with the wheel's folder vllm/ unpacked at FOLDER: python -m scripts.vllm_flags FOLDER > stacks/vllm_flags.py
"""

VERSION = "{version}"
# What follows a flag: nothing, one word, one word or more, one word of JSON (then it may take keys as --flag.key, too).
SWITCH, VALUE, LIST, JSON = "switch", "value", "list", "json"
FLAGS = {{
{flags}
}}
SWITCHES = frozenset(name for name, kind in FLAGS.items() if kind == SWITCH)
OPTIONS = frozenset(FLAGS) - SWITCHES
SHORT = {{
{short}
}}
'''


def ask(command_lines: Sequence[Sequence[str]] = (), folder: Path | None = None) -> dict[str, Any]:
    """What vLLM's parser says.

    flags: name -> kind; short: short name -> long name; refusals: one for each command line, empty if it is accepted.
    """
    every = parts(cache_dir())
    folders = {"/mnt/site": every["site"].target} | ({"/mnt/newer": folder} if folder else {})
    own = {"PYTHONPATH": ":".join(reversed(folders)), "PYTHONDONTWRITEBYTECODE": "1", "VLLM_CACHE_ROOT": "/tmp"}
    words = ["python3", "-c", PROGRAM, json.dumps(command_lines)]
    said = run_inside(every["rootfs"].target, folders, environment() | own, words, part="flags")
    answer: dict[str, Any] = json.loads(next(line for line in said.splitlines() if line.startswith('{"version"')))
    return answer


def module(answer: Mapping[str, Any], today: str) -> str:
    """The module's text."""
    flags = "\n".join(f'    "{name}": {kind.upper()},' for name, kind in answer["flags"].items())
    short = "\n".join(f'    "{name}": "{long}",' for name, long in answer["short"].items())
    return MODULE.format(version=answer["version"], today=today, flags=flags, short=short)


if __name__ == "__main__":
    where = Path(sys.argv[1]).resolve() if sys.argv[1:] else None
    print(module(ask(folder=where), f"{datetime.now(UTC):%Y-%m-%d}"), end="")
