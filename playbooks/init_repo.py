"""Make a repository of the user's ready for aider: `fab init-repo`."""

import os
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from invoke.context import Context

from playbooks.command import command, print_json
from playbooks.init_repo_commands import MOST_BYTES, Proposal, aider_words, bytes_of, faults, proposals, text_of
from playbooks.init_repo_ignore import IGNORE_FILE, SECRETS, Secret, ignore_text, missing
from playbooks.questions import must_agree
from stacks.errors import ConfigError, UsageError
from stacks.printable import printable

GIT_SECONDS = 120  # longer than any tree takes; git itself waits without end for a .gitignore that is a pipe
FEW = 5  # names on one line; all of them with --json


@dataclass(frozen=True)
class Look:
    """What a repository's files say. text: of the .aiderignore to write; empty: there is one, and it is left.

    missing: secrets whose pattern is not in it. tracked: files that git tracks and that hold secrets by their names;
    shown: those of them that aider shows the model as it is. unread: files that are not what their names say.
    """

    root: Path
    text: str
    missing: list[Secret]
    tracked: list[str]
    shown: list[str]
    found: list[Proposal]
    unread: list[str]


@command(
    name="init-repo",
    help={
        "yes": "write .aiderignore without asking",
        "json": "print JSON for programs; without --yes nothing is written",
    },
)
def init_repo(_c: Context, yes: bool = False, json: bool = False) -> None:
    """Write .aiderignore here, and say which tests and linters aider can use.

    Example: fab init-repo, in a repository of yours
    """
    look = look_at(root_of(Path.cwd()))
    if look.text and not json:
        check_agreed(look, consent=yes)
    written = bool(look.text) and (yes or not json)
    if written:
        write_new(look.root / IGNORE_FILE, look.text)
    if json:
        print_json(as_row(look, written=written))
    else:
        print("\n".join(lines(look)))


def root_of(folder: Path) -> Path:
    """The root of the repository that `folder` lies in. Raises UsageError if it lies in none."""
    said = git(folder, "rev-parse", "--show-toplevel")
    if said.returncode or not said.stdout:
        raise UsageError(f"{folder}: lies in no git repository", hint="cd into one, or make one: git init")
    root = Path(os.fsdecode(said.stdout.removesuffix(b"\n")))
    if not folder.resolve().is_relative_to(root.resolve()):  # its settings may name any folder, your home for one
        raise UsageError(f"{folder}: lies in a repository whose files lie elsewhere, in {root}", hint="cd there")
    return root


def look_at(root: Path) -> Look:
    """Read what is there; nothing is changed. Raises ConfigError if git cannot list its files."""
    own = root / IGNORE_FILE
    there = os.path.lexists(own)
    ignores, unread = ([], []) if there else gitignores(root)
    wanted = "" if there else ignore_text(ignores)
    secrets = missing(text_of(own)) if there else []
    tracked = listed(root, "--cached", "--ignored", *(f"--exclude={secret.pattern}" for secret in SECRETS))
    hidden = listed(root, "--cached", "--ignored", f"--exclude-from={own}") if own.is_file() else []
    shown = [name for name in tracked if name not in set(hidden)]
    return Look(root, wanted, secrets, tracked, shown, proposals(root), [*unread, *faults(root)])


def gitignores(root: Path) -> tuple[list[tuple[str, str]], list[str]]:
    """Folder and text of each .gitignore that git itself would read, outer ones first; and what was left out, and why.

    As git does, no link is followed: a repository of somebody else's could have any file of yours copied.
    """
    names = listed(root, "--cached", "--others", "--exclude-standard", "--", ":(glob)**/.gitignore")
    folders = sorted({name.rpartition("/")[0] for name in names}, key=lambda folder: (folder.count("/"), folder))
    inner = [folder for folder in folders if folder]
    found, others, left = list[tuple[str, str]](), list[str](), MOST_BYTES
    for folder in (one for one in ("", *inner) if os.path.lexists(root / one / ".gitignore")):
        data = own_bytes(root, folder)
        if data is None or len(data) > left:
            others.append(f"{folder}/.gitignore".removeprefix("/"))
        else:
            found.append((folder, data.decode(errors="replace")))
            left -= len(data)
    why = f"no file of the repository's own, or more than {MOST_BYTES >> 20} MiB together"
    return found, [f"{few(others)}: {why}; left out"] if others else []


def own_bytes(root: Path, folder: str) -> bytes | None:
    """What stands in the .gitignore of a folder; None if a link leads to it, or if it is no file."""
    where = root / folder
    if Path(os.path.realpath(where)) != Path(os.path.realpath(root)) / folder:
        return None
    return bytes_of(where / ".gitignore", flags=os.O_NOFOLLOW)


def listed(root: Path, *words: str) -> list[str]:
    """Names that `git ls-files` lists, each once, from the root on. Raises ConfigError."""
    said = git(root, "ls-files", "-z", *words)
    if said.returncode:
        raise ConfigError(
            f"{root}: git cannot list its files", hint=printable(os.fsdecode(said.stderr).strip()) or "git status"
        )
    return sorted({os.fsdecode(name) for name in said.stdout.split(b"\0") if name})


def git(folder: Path, *words: str) -> "subprocess.CompletedProcess[bytes]":
    """What git says there. It runs no program that the repository names: its settings of that kind are overruled.

    What a partial clone lacks it would fetch, by a program that its settings name; no protocol is allowed for that.
    """
    words = ("git", "-c", "core.fsmonitor=false", *words)
    nowhere = {**os.environ, "GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1"}
    try:
        return subprocess.run(words, cwd=folder, env=nowhere, capture_output=True, check=False, timeout=GIT_SECONDS)
    except subprocess.TimeoutExpired:
        fact = f"{folder}: git does not list its files within {GIT_SECONDS} seconds"
        raise ConfigError(fact, hint="is one of its .gitignore a pipe? find . -type p") from None
    except FileNotFoundError:
        raise UsageError("git: is not on PATH", hint="install it with your package manager") from None


def check_agreed(look: Look, *, consent: bool) -> None:
    """Raises UsageError if nobody says yes."""
    if consent:
        return
    patterns = sum(1 for line in look.text.splitlines() if line and not line.startswith("#"))
    what = f"write {look.root / IGNORE_FILE} ({patterns} patterns)"
    must_agree("fab init-repo", f"would {what}", asked=f"{what}?", unchanged="nothing is written")


def write_new(file: Path, text: str) -> None:
    """Write a file that is not there: what somebody else made meanwhile is left."""
    try:
        with open(file, "x", encoding="utf-8", errors="replace") as new:  # of a name that is no UTF-8: `?`, any letter
            new.write(text)
    except FileExistsError:
        raise ConfigError(f"{file}: was made meanwhile, and is left as it is", hint="look at it") from None
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}", hint="is the repository yours?") from None


def lines(look: Look) -> list[str]:
    """For people."""
    own = look.root / IGNORE_FILE
    said = [f"{own}: written; commit it" if look.text else f"{own}: is there, left as it is"]
    said += [f"  not in it: {secret.pattern} ({secret.reason})" for secret in look.missing]
    if look.tracked:
        said.append(f"tracked by git, though by their names they hold secrets: {few(look.tracked)}")
    if look.shown and not look.text:
        said.append(f"of those, aider shows the model: {few(look.shown)}")
    said += [*look.unread, *(line_of(one, look.root) for one in look.found)]
    if words := aider_words(look.found):
        return [*said, f"aider can run them: fab launch aider -- {shlex.join(words)}"]
    return [*said, "no test or lint command found: name yours with --test-cmd"]


def line_of(one: Proposal, root: Path) -> str:
    """One proposal."""
    absent = "" if one.installed(root) else "; this laptop has no such program"
    return f"{one.kind}: {one.command} ({one.why}{absent})"


def few(names: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
    return printable(", ".join(names[:FEW])) + more


def as_row(look: Look, *, written: bool) -> dict[str, Any]:
    """For programs."""
    return {
        "root": str(look.root),
        "file": str(look.root / IGNORE_FILE),
        "written": written,
        "text": look.text,
        "missing": [secret.pattern for secret in look.missing],
        "tracked": look.tracked,
        "shown": [] if written else look.shown,
        "commands": [
            {"kind": one.kind, "command": one.command, "why": one.why, "language": one.language} for one in look.found
        ],
        "aider_words": aider_words(look.found),
        "unread": look.unread,
    }
