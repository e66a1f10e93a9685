"""The test and lint commands that a repository's own files name: what aider's --test-cmd and --lint-cmd are given.

aider runs the lint command with the name of each edited file behind it, so only those are proposed that take one.
"""

import json
import os
import re
import shlex
import shutil
import stat
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

VENV = ".venv/bin"
NPM_DEFAULT = "no test specified"  # what `npm init` writes: it fails
LOCKS = {"pnpm-lock.yaml": "pnpm", "yarn.lock": "yarn", "bun.lock": "bun", "bun.lockb": "bun"}
MOST_BYTES = 2**20  # of a file that is read: nobody writes a longer one by hand
MAKEFILES = ("GNUmakefile", "makefile", "Makefile")


@dataclass(frozen=True)
class Proposal:
    """A command that the repository's files name. why: the file; language: aider's name of it, of a lint command."""

    kind: Literal["test", "lint"]
    command: str
    why: str
    language: str = ""

    def installed(self, root: Path) -> bool:
        """Whether this laptop has the program."""
        program = shlex.split(self.command)[0]
        return (root / program).is_file() if "/" in program else shutil.which(program) is not None


def proposals(root: Path) -> list[Proposal]:
    """Every command found, those of a language first. A Makefile counts for what no language has."""
    found = [*python(root), *javascript(root), *rust(root), *go(root)]
    kinds = {one.kind for one in found}
    return [*found, *(one for one in make(root) if one.kind not in kinds)]


def aider_words(found: Sequence[Proposal]) -> list[str]:
    """aider's own words for them: all tests in one command, a lint command for each language."""
    tests = " && ".join(one.command for one in found if one.kind == "test")
    lints = [f"{one.language}: {one.command}" if one.language else one.command for one in found if one.kind == "lint"]
    return [*(["--test-cmd", tests] if tests else []), *(word for lint in lints for word in ("--lint-cmd", lint))]


def python(root: Path) -> Iterator[Proposal]:
    """pytest, ruff and flake8, where a file of theirs is."""
    if why := pytest_file(root):
        yield Proposal("test", f"{own(root, 'pytest')} -q", why)
    if why := first(root, ("ruff.toml", ".ruff.toml")) or ("pyproject.toml" if tool(root, "ruff") else ""):
        yield Proposal("lint", f"{own(root, 'ruff')} check", why, "python")
    elif why := first(root, (".flake8",)):
        yield Proposal("lint", own(root, "flake8"), why, "python")


def pytest_file(root: Path) -> str:
    """The file that says that tests are pytest's; empty if none does."""
    if why := first(root, ("pytest.ini", "conftest.py", "tests/conftest.py", "test/conftest.py")):
        return why
    if tool(root, "pytest") or re.search(r"[\"']pytest\b", text_of(root / "pyproject.toml")):
        return "pyproject.toml"
    if re.search(r"^\[(tool:)?pytest\]", text_of(root / "setup.cfg") + "\n" + text_of(root / "tox.ini"), re.MULTILINE):
        return first(root, ("setup.cfg", "tox.ini"))
    needed = (file for file in sorted(root.glob("requirements*.txt")) if re.search(r"(?m)^pytest\b", text_of(file)))
    return next((file.name for file in needed), "")


def javascript(root: Path) -> Iterator[Proposal]:
    """The scripts `test` and `lint` of package.json, run by the manager whose lock file lies there."""
    scripts = read(root / "package.json").get("scripts")
    if not isinstance(scripts, dict):
        return
    manager = next((name for lock, name in LOCKS.items() if (root / lock).is_file()), "npm")
    run = f"{manager} run"
    test = scripts.get("test")
    if isinstance(test, str) and test and NPM_DEFAULT not in test:
        yield Proposal("test", f"{run} test" if manager == "bun" else f"{manager} test", "package.json")
    if scripts.get("lint"):
        end = " --" if manager == "npm" else ""  # npm would take what follows for words of its own
        for language in ("javascript", "typescript"):
            if language == "javascript" or (root / "tsconfig.json").is_file():
                yield Proposal("lint", f"{run} lint{end}", "package.json", language)


def rust(root: Path) -> Iterator[Proposal]:
    """cargo's tests; its linters take no file, and rustfmt would have the model mend spaces."""
    if (root / "Cargo.toml").is_file():
        yield Proposal("test", "cargo test --quiet", "Cargo.toml")


def go(root: Path) -> Iterator[Proposal]:
    """go's tests; of its linters only gofmt takes one file, and fails for what is no Go."""
    if (root / "go.mod").is_file():
        yield Proposal("test", "go test ./...", "go.mod")
        yield Proposal("lint", "gofmt -e -l", "go.mod", "go")


def make(root: Path) -> Iterator[Proposal]:
    """The target `test`, or `check`. `lint` takes no file."""
    name = first(root, MAKEFILES)
    targets = set(re.findall(r"^([\w.-]+)\s*:(?!=)", text_of(root / name), re.MULTILINE)) if name else set()
    for target in ("test", "check"):
        if target in targets:
            yield Proposal("test", f"make {target}", name)
            return


def faults(root: Path) -> list[str]:
    """The files that nothing was read from, because they are not what their names say."""
    return [
        f"{name}: is not {kind}, left out"
        for name, kind in (("pyproject.toml", "TOML"), ("package.json", "JSON"))
        if (root / name).is_file() and not read(root / name) and text_of(root / name).strip() not in ("", "{}")
    ]


def read(file: Path) -> dict[str, Any]:
    """A TOML or JSON file; empty if it is not there, or is none."""
    with suppress(ValueError, RecursionError):
        value = tomllib.loads(text_of(file)) if file.suffix == ".toml" else json.loads(text_of(file))
        return value if isinstance(value, dict) else {}
    return {}


def tool(root: Path, name: str) -> bool:
    """Whether pyproject.toml has settings of that tool."""
    tools = read(root / "pyproject.toml").get("tool")
    return isinstance(tools, dict) and name in tools


def own(root: Path, program: str) -> str:
    """The program of the repository's own environment, if it has one."""
    return f"{VENV}/{program}" if (root / VENV / program).is_file() else program


def first(root: Path, names: Sequence[str]) -> str:
    """The first of these files that is there; empty if none is."""
    return next((name for name in names if (root / name).is_file()), "")


def text_of(file: Path) -> str:
    """The text of a file; empty if there is none to read, or if it is longer than anybody writes."""
    data = bytes_of(file)
    return data.decode(errors="replace") if data is not None and len(data) <= MOST_BYTES else ""


def bytes_of(file: Path, *, flags: int = 0) -> bytes | None:
    """A file's first bytes, one more than MOST_BYTES at most; None if it is no file. A pipe is not waited for."""
    with suppress(OSError), open(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | flags), "rb") as opened:
        if stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            return opened.read(MOST_BYTES + 1)
    return None
