"""Templates are strict, programs are found by name, and shell is sound."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from templates import FOLDER, program, render

SHELL = sorted((FOLDER / "box").glob("*.sh"))


def test_a_value_that_is_not_given_is_an_error_and_not_an_empty_word() -> None:
    with pytest.raises(UndefinedError, match="inside_port"):
        render("seal.nft.j2", group=37, bridge="daybox0")


def test_a_program_that_does_not_exist_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="templates/box/brew: 0 files"):
        program("brew")


@pytest.mark.parametrize("path", SHELL, ids=lambda path: path.stem)
def test_shell_programs_pass_shellcheck(path: Path) -> None:
    shellcheck = shutil.which("shellcheck", path=str(Path(sys.executable).parent)) or shutil.which("shellcheck")
    assert shellcheck, "shellcheck is one of the tools of scripts/check"
    done = subprocess.run([shellcheck, "--exclude=SC1091", path], capture_output=True, text=True, check=False)
    assert done.stdout == ""


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.j2")), ids=lambda path: path.name)
def test_every_template_says_first_where_it_lands_and_who_reads_it(path: Path) -> None:
    """What must begin with something else, as a script or XML, says it in the first comment."""
    text = path.read_text()
    first = next(line for line in text.splitlines() if not line.startswith(("#!", "<?", "<!DOCTYPE")))
    assert (
        (first.startswith(("# Lands ", "<!-- Lands ")) and re.search(r" (reads|starts) it", text))
        or first == "#cloud-config"
        or path.name.startswith("sandbox")
    )
