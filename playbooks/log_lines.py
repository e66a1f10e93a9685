"""The lines of a vLLM log without what others put around them, from the newest start on.

Docker, compose, journald and vLLM itself each put a prefix on a line; a container that is restarted goes on in the same
log. Nothing here knows what a line means, but for how a start begins.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

LINE_LENGTH = 2000  # characters that are looked at: what matters stands in front, as before a list of 300 architectures
BLOCK_BYTES = 1 << 20
MOST_BYTES = 16 << 20  # a start says less than 1 MB; a server that works for ten days, 15 MB
STAMP = r"(?:\[?\d{4}-\d\d-\d\d[T ][\d:.,]{8,20}(?:Z|[+-]\d\d:?\d\d)?\]? )?"
PREFIXES = re.compile(
    r"(?:[A-Z][a-z]{2} [ \d]\d [\d:]{8} \S{1,64} [^\s:]{1,64}: )?"  # journalctl
    rf"{STAMP}"  # docker logs --timestamps, journalctl, whatever puts a date before each line
    r"(?:[\w.-]{1,64} [\w.-]{1,64}\[\d+\]: )?"  # host and program of journalctl
    r"(?:\[?[\w.-]{1,64}\]? *\| |\[pod/[^\]\s]{1,200}\] )?"  # docker compose, kubectl --prefix
    rf"{STAMP}"  # of either, asked for dates
    r"(?:std(?:out|err) [FP] )?"  # the files of Kubernetes
    r"(?:\([^()]{1,80}\bpid=\d+[^()]{0,40}\) ?){0,3}"  # vLLM's process
    r"(?:\[rank\d+\]: ?)?"  # torch's
)
LEVEL = re.compile(
    r"(DEBUG|INFO|WARNING|ERROR|CRITICAL)"
    r"(?:(?: \d\d-\d\d [\d:]{8}(?:[.,]\d+)?)? \[?[\w./-]{1,80}:\d+\]|:    {1,5})(?: |$)"
)
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]{0,200}(?:\x07|\x1b\\)|[@-Z\\-_])")
ENDS = re.compile(r"\r\n|\n|\r")
# vLLM's logo or its line without one; its refusals, which come before either; Docker's, before any Python.
# Source: 0.33 entrypoints/common/startup.py, `API server version` up to 0.1x; argparse, config/device.py; dockerd.
BEGINNING = re.compile(
    r"█.{0,40}  version \S|vLLM (?:API )?server version |^usage: (?:vllm|main\.py|api_server)"
    r"|Failed to infer device type|requires --tool-call-parser|The supplied chat template "
    r"|^(?:docker: )?Error response from daemon"
)
BEGINS = re.compile(  # roughly the same, in a file's bytes
    "█".encode() + rb"[^\n]{0,80}  version |vLLM (?:API )?server version |usage: (?:vllm|main|api)|Error response from"
)
STARTS = ("version ", "usage: ", "Failed to infer", "requires --tool", "The supplied", "Error response")


@dataclass(frozen=True)
class Line:
    """What was said, and at which level; the level is empty where it is not vLLM's logger that speaks."""

    text: str
    level: str = ""

    @property
    def begins(self) -> bool:
        """Whether this is where a start of vLLM begins, or where one failed before that."""
        return any(word in self.text for word in STARTS) and bool(BEGINNING.search(self.text))


def lines(text: str | Iterable[str]) -> Iterator[Line]:
    """Every line that says something. text: the whole, or lines as they come."""
    for piece in (text,) if isinstance(text, str) else text:
        start = 0
        for end in ENDS.finditer(piece):
            yield from _line(piece[start : end.start()])
            start = end.end()
        yield from _line(piece[start:])


def _line(raw: str) -> Iterator[Line]:
    raw = raw[: 4 * LINE_LENGTH]
    if raw.startswith('{"log":'):  # the file that Docker's json-file driver writes
        raw = _from_docker(raw)
    text = ESCAPES.sub("", raw)[:LINE_LENGTH].rstrip()
    found = PREFIXES.match(text)
    text = text[found.end() :] if found else text
    level = LEVEL.match(text)
    text = text[level.end() :] if level else text
    if text:
        yield Line(text, level[1] if level else "")


def _from_docker(raw: str) -> str:
    try:
        return str(json.loads(raw)["log"])
    except (ValueError, KeyError, TypeError):
        return raw.removeprefix('{"log":"')  # cut off within


def tail(path: Path, most: int = MOST_BYTES) -> tuple[str, bool]:
    """The file from its newest start on, at most its last `most` bytes, and whether that start is in it.

    It is read from the end, each block twice at most. Raises OSError.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        length = BLOCK_BYTES
        while True:
            length = min(length, size, most)
            file.seek(size - length)
            data = file.read(length)
            begins = length == size or bool(BEGINS.search(data))
            if begins or length == most:
                return data.decode(errors="replace"), begins
            length *= 2
