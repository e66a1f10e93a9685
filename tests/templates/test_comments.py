"""Comments stay in the repository; what goes to the box does the same."""

import ast
import subprocess
from pathlib import Path

import pytest

from templates import FOLDER, program
from templates.comments import without_comments

PROGRAMS = sorted((FOLDER / "box").iterdir())


def without_docstrings(text: str) -> str:
    """The program's meaning: its syntax tree, docstrings left out where something else stands beside them."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) and node.body[1:]:
            node.body = node.body[1:]
    return ast.dump(tree)


@pytest.mark.parametrize("path", [path for path in PROGRAMS if path.suffix == ".py"], ids=lambda path: path.stem)
def test_a_python_program_means_the_same_without_its_comments(path: Path) -> None:
    assert without_docstrings(program(path.stem)) == without_docstrings(path.read_text())


@pytest.mark.parametrize("path", [path for path in PROGRAMS if path.suffix == ".sh"], ids=lambda path: path.stem)
def test_a_shell_program_is_still_one_without_its_comments(path: Path) -> None:
    done = subprocess.run(["dash", "-n"], input=program(path.stem), text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_runs_a_program_stays_its_first_line() -> None:
    assert without_comments("#!/bin/sh\n# why\n\necho '# text'\n") == "#!/bin/sh\necho '# text'\n"


def test_a_hash_inside_python_text_is_no_comment() -> None:
    text = '#!/usr/bin/env python3\n"""Doc."""\n\nx = "# text"  # why\n'
    assert without_comments(text, python=True) == '#!/usr/bin/env python3\nx = "# text"\n'


def test_a_docstring_that_is_all_of_a_body_stays() -> None:
    text = '#!/usr/bin/env python3\nclass Error(Exception):\n    """Why."""\n'
    assert without_comments(text) == text
