"""`fab doctor --log`: what one vLLM log comes to; no box and no Pulumi take part."""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO

from playbooks.command import print_json
from playbooks.doctor_view import sentence
from playbooks.log_causes import Diagnosis, diagnose_file
from playbooks.start_logs import NOTHING_WRONG
from stacks.errors import ModelError, UsageError


def judge_log(name: str, *, json: bool) -> None:
    """Say what a log comes to. Raises ModelError if that is a fault, UsageError if it cannot be read."""
    found = diagnosed_file(name)
    if json:
        print_json(found.row())
    else:
        print(sentence(found))
        for key, value in found.details.items():
            print(f"  {key}: {value}")
    if found.cause not in NOTHING_WRONG:
        raise ModelError(f"{name}: {found.cause}", hint=found.cure)


def diagnosed_file(name: str) -> Diagnosis:
    """What the log in this file, or on standard input, comes to. Raises UsageError if it cannot be read."""
    try:
        if name == "-":
            return diagnosed_stream(sys.stdin.buffer)
        with open(name, "rb") as file:  # a folder, and what we may not read, is named before anything is read
            return diagnose_file(Path(name)) if file.seekable() else diagnosed_stream(file)
    except OSError as error:
        hint = "name a file with vLLM's log, or - for standard input"
        raise UsageError(f"--log: {name}: {error.strerror or error}", hint=hint) from None


def diagnosed_stream(stream: BinaryIO) -> Diagnosis:
    """The same of a pipe, which is read once, from its beginning, and kept meanwhile. Raises OSError."""
    with tempfile.NamedTemporaryFile(prefix="daybox-log-") as file:
        shutil.copyfileobj(stream, file)
        file.flush()
        return diagnose_file(Path(file.name))
