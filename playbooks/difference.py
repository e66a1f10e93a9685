"""What bringing this checkout's bundle would do to a box, said before it is done: files, stages, whether vLLM restarts.

A box that serves is somebody's work: what could stop its vLLM is brought only by consent, the rest at once.
"""

import difflib
import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from playbooks import converge
from playbooks.questions import agrees, on_terminal
from stacks.printable import printable
from stacks.ssh import Target, run

if TYPE_CHECKING:
    from stacks.bundle import Bundle, File

COMPOSE = "/opt/daybox/compose.yaml"
STAMP = "/opt/daybox/bundle.sha256"
PARTLY = "partly"  # the stamp of a box that has files of two bundles
READ_BY_VLLM = {
    COMPOSE: "its container is made anew",
    "/opt/daybox/facts.json": "image or weights may be others",
}
# The rules of the seal. An older box's stages do not have the group that newer rules let out: both come, or neither.
SEAL = ("/opt/daybox/seal.nft", "/opt/daybox/bin/seal")
FEW_FILES = 8  # what a person reads of them; `--json` has all
Fate = Literal["stays", "restarts", "may restart"]


@dataclass(frozen=True)
class Difference:
    """How a box's files differ from this checkout's bundle. files: those to bring; serves: a completion came from it.

    diff: lines of the files that vLLM's start depends on, `-` as the box has them, `+` as they would be.
    """

    files: "tuple[File, ...]"
    serves: bool
    diff: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """Where the files lie on the box."""
        return tuple(file.path for file in self.files)

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages that would begin again."""
        return converge.concerned(self.paths)

    @property
    def touching(self) -> tuple[str, ...]:
        """The files because of which vLLM's stage would begin again."""
        return tuple(path for path in self.paths if touches_vllm(path))

    @property
    def vllm(self) -> Fate:
        """What would become of a vLLM that runs: compose leaves a container alone whose description is the same."""
        if COMPOSE in self.paths:
            return "restarts"
        return "may restart" if self.touching else "stays"

    @property
    def needs_consent(self) -> bool:
        """Whether a vLLM that serves could be stopped."""
        return self.serves and bool(self.touching)

    def without_vllm(self) -> "Difference":
        """What of it stops no vLLM; before it goes a stamp that is no bundle's: neither is there as a whole then."""
        stamp = [replace(file, content=f"{PARTLY}\n") for file in self.files if file.path == STAMP]
        left = [path for path in self.touching if path.endswith(".service")]
        kept = [file for file in self.files if not touches_vllm(file.path) and file.path != STAMP]
        kept = [file for file in kept if not (left and file.path in SEAL)]
        return Difference((*stamp, *kept) if kept else (), self.serves)

    def row(self, stack: str) -> dict[str, Any]:
        """All of it for programs."""
        return {
            "stack": stack,
            "same": not self.files,
            "serves": self.serves,
            "files": list(self.paths),
            "stages": list(self.stages),
            "vllm": self.vllm,
            "why": [reason(path) for path in self.touching],
            "diff": list(self.diff),
        }

    def lines(self, stack: str) -> list[str]:
        """All of it for people."""
        if not self.files:
            return [f"{stack}: the box has this checkout's bundle; nothing would be brought"]
        few, more = self.paths[:FEW_FILES], len(self.paths) - FEW_FILES
        named = ", ".join(few) + (f" and {more} more" if more > 0 else "")
        return [
            f"{stack}: {counted(len(self.paths))}: {named}",
            f"{stack}: would begin again: {', '.join(self.stages) or 'nothing'}",
            f"{stack}: vLLM {self.vllm}{'' if self.serves else ', but it does not serve now'}",
            *(f"  {reason(path)}" for path in self.touching),
            *(f"  {line}" for line in self.diff),
        ]


def counted(files: int) -> str:
    """How many files differ, for people."""
    return f"{files} files differ" if files != 1 else "1 file differs"


def touches_vllm(path: str) -> bool:
    """Whether vLLM's stage begins again if the file at `path` is another."""
    return "vllm" in converge.concerned([path])


def reason(path: str) -> str:
    """Why a changed file at `path` concerns vLLM."""
    stages = ", ".join(converge.stages_of(path))
    return f"{path}: {READ_BY_VLLM.get(path) or f'what stage {stages} does is another, and vllm comes after it'}"


def difference(target: Target, bundle: "Bundle", *, serves: bool, diff: bool = False) -> Difference:
    """Asks the box how its files differ. diff: also which lines, of those that decide about vLLM."""
    fresh = tuple(converge.differences(target, bundle.files))
    there = texts(target, [file.path for file in fresh if file.path in READ_BY_VLLM]) if diff else {}
    lines = [line for file in fresh if file.path in there for line in changed_lines(there[file.path], file)]
    return Difference(fresh, serves, tuple(lines))


def texts(target: Target, paths: Iterable[str]) -> Mapping[str, str]:
    """path -> the text that the box has there; empty where it has none."""
    return {path: run(target, f"cat -- {shlex.quote(path)} 2>/dev/null; true").stdout for path in paths}


def changed_lines(there: str, file: "File") -> list[str]:
    """The lines in which a file of the box and its new content differ, without those that are the same.

    They are as a terminal may show them: the box's own could hide others from who is asked for consent.
    """
    before, after = readable(there, file.path), readable(file.content, file.path)
    rows = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return [printable(row) for number, row in enumerate(rows) if number > 1 and not row.startswith("@@")]


def readable(text: str, path: str) -> str:
    """The text with one fact a line, so that a difference is a line."""
    if not path.endswith(".json"):
        return text
    try:
        return json.dumps(json.loads(text or "{}"), indent=1, sort_keys=True)
    except ValueError:  # the box's own may be cut short
        return text


def agreed(found: Difference, stack: str, *, consent: bool | None) -> bool:
    """Whether all of it may be brought. consent: given, not given, or None: ask whoever sits at the terminal."""
    if not found.needs_consent or consent:
        return True
    if consent is False or not on_terminal():
        return False
    return agrees("\n".join([*found.lines(stack), "vLLM would stop and load its model again. Go on?"]))


def left_word(stack: str, left: Iterable[str]) -> str:
    """What to say of files that were not brought, and how to bring them."""
    return (
        f"{stack}: NOT brought, because vLLM serves and would stop: {', '.join(sorted(left))}; "
        f"see it: fab bootstrap --stack {stack} --preview; bring it: fab bootstrap --stack {stack} --yes"
    )
